# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind modules that pull: it follows a run that goes on in the background of a host."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from ansible import constants as C  # noqa: N812
from ansible import context
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash

from .go_templates import GoTemplateAction
from .progress import Line, Reporter, pace

# What module_utils/ollama/progress/job.py looks for.
VARIABLE, NEW = "SELFHOSTED_LLM_JOB", "new"
# Each command on the host waits for the end itself, so that it is seen at once.
LONGEST_WAIT = 10.0
# The run on the host gives up as late as that, too.
LOST_SECONDS = 120.0
RETRY_SECONDS = 5.0
# A run that has told nothing for so long is none any more, whatever has its process number now.
SILENT_SECONDS = 60.0
CLEAR = "\r\033[K"


def _is_terminal() -> bool:
    try:
        return os.isatty(sys.stderr.fileno()) and os.environ.get("TERM", "dumb") != "dumb"
    except (OSError, ValueError, AttributeError):
        return False


# Asked where plugins are imported first, because a worker of ansible-core 2.19 has no terminal.
TERMINAL = _is_terminal()

display = Display()


class Interrupted(BaseException):
    """A signal that ends the play."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class FollowedAction(GoTemplateAction):
    """Runs the module of its name; where that goes on in the background, shows how far it is."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, as it would be without this action."""
        result = super().run(tmp, task_vars)
        wrap_async = self._task.async_val and not self._connection.has_native_async
        if self._is_followed():
            answer = self._run_followed(task_vars or {})
        else:
            answer = self._execute_module(task_vars=task_vars, wrap_async=wrap_async)
        result = merge_hash(result, answer)
        if not wrap_async:
            self._remove_tmp_path(None)
        return dict(result)

    def _is_followed(self) -> bool:
        if self._task.async_val or self._task.check_mode:
            return False
        return bool(boolean(self._task.args.get("progress", True), strict=False))

    def _run_followed(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        answer = self._execute_for(NEW, task_vars)
        job = answer.get("job")
        if isinstance(job, Mapping):
            # It may take longer than a host keeps temporary files.
            self._remove_tmp_path(None)
            with _followed(self, Job(str(job["directory"]), int(job["pid"])), task_vars):
                answer = self._execute_for(str(job["directory"]), task_vars)
        return answer

    def _execute_for(self, job: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module with a word about its job."""
        environment = self._task.environment
        environment.append({VARIABLE: job})
        try:
            return dict(self._execute_module(task_vars=task_vars))
        finally:
            environment.pop()

    def command(self, words: str) -> str:
        """Run a command as the module ran and return its output; raise where it could not be run."""
        done = self._low_level_execute_command(words, sudoable=True)
        if done["rc"]:
            raise AnsibleConnectionFailure(str(done["stderr"] or done["stdout"]).strip() or f"status {done['rc']}")
        return str(done["stdout"])

    def reconnect(self) -> None:
        """Let go of a connection that may be dead."""
        with suppress(Exception):
            self._connection.reset()

    def label(self, task_vars: Mapping[str, Any]) -> str:
        """Return the host as Ansible names it in its own lines."""
        host = str(task_vars.get("inventory_hostname", self._connection.transport))
        return f"{host} -> {self._task.delegate_to}" if self._task.delegate_to else host

    def hosts_at_once(self, task_vars: Mapping[str, Any]) -> int:
        """Return how many hosts may be at this task at once."""
        if self._task.run_once:
            return 1
        hosts = len(task_vars.get("ansible_play_batch") or ["one"])
        return min(hosts, int(context.CLIARGS.get("forks") or C.DEFAULT_FORKS))

    def shows_names(self) -> bool:
        """Tell whether the task lets its models be named."""
        return not self._task.no_log


class Job:
    """A run in the background of a host: its directory there and its process."""

    def __init__(self, directory: str, process: int) -> None:
        self._directory = shlex.quote(directory)
        self._process = process

    def look(self, wait: float) -> str:
        """Return the command that says `runs` or `ended`, then the state, after ``wait`` seconds or the end."""
        runs = f"[ ! -e answer ] && kill -0 {self._process} 2>/dev/null"
        return (
            f"if cd {self._directory} 2>/dev/null; then touch beat; n={int(wait * 2)}; "
            f'while [ "$n" -gt 0 ] && {runs}; do n=$((n-1)); sleep 0.5; done; '
            f"if {runs}; then echo runs; else echo ended; fi; cat state 2>/dev/null; "
            f"else echo ended; fi; true"
        )

    def stop(self) -> str:
        """Return the command that ends it: it looks for its directory each second."""
        return f"rm -rf {self._directory}"


@contextmanager
def _followed(action: FollowedAction, job: Job, task_vars: Mapping[str, Any]) -> Iterator[None]:
    """Show how far a job is until it has ended; where this or the body is broken off, so is the job."""
    hosts = action.hosts_at_once(task_vars)
    plain = C.DEFAULT_STDOUT_CALLBACK in ("default", "ansible.builtin.default") and display.verbosity < 2
    # What comes after such a callback is read by a program, which has no terminal whatever stderr is.
    terminal = TERMINAL and C.DEFAULT_STDOUT_CALLBACK != "awx_display"
    rhythm = pace(terminal, plain, hosts, width=max(20, display.columns - 1))
    reporter = Reporter(action.label(task_vars), rhythm, names=action.shows_names())
    screen = Screen(rhythm.width)
    with _signals_raised():
        try:
            _watch(action, job, reporter, screen)
            screen.clear()
            yield
        except BaseException:
            with suppress(Exception):
                screen.clear()
                action.command(job.stop())
            raise


def _watch(action: FollowedAction, job: Job, reporter: Reporter, screen: Screen) -> None:
    parent, wait = os.getppid(), 0.0
    heard = changed = time.monotonic()
    last, lost = None, False
    while True:
        if os.getppid() != parent:
            raise Interrupted(signal.SIGTERM)
        now = time.monotonic()
        try:
            word, state = read_look(action.command(job.look(wait)))
        except AnsibleConnectionFailure:
            if now - heard > LOST_SECONDS:
                raise
            if not lost:
                screen.show(reporter.say("the host does not answer, trying again; the transfer goes on there"))
            lost = True
            time.sleep(RETRY_SECONDS)
            action.reconnect()
            continue
        heard, lost = time.monotonic(), False
        if state.get("beat") != last:
            last, changed = state.get("beat"), heard
        for line in reporter.lines(state, heard, ended=word != "runs") if state else ():
            screen.show(line)
        if word != "runs" or heard - changed > SILENT_SECONDS:
            return
        wait = min(LONGEST_WAIT, reporter.pace.screen)


def read_look(output: str) -> tuple[str, Mapping[str, Any]]:
    """Return the word and the state of a look; raise AnsibleConnectionFailure where it was none.

    A terminal between may have put the words of sudo or of a login before them.
    """
    lines = [line.strip() for line in output.splitlines()]
    word = next((line for line in lines if line in ("runs", "ended")), None)
    if word is None:
        raise AnsibleConnectionFailure(f"The host answered {output[:200]!r} to a look at the transfer.")
    state = None
    with suppress(ValueError, IndexError):
        state = json.loads(lines[lines.index(word) + 1])
    return word, state if isinstance(state, Mapping) else {}


class Screen:
    """Where lines go: to the standard error, so that what a callback prints stays what it is."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._open = False

    def show(self, line: Line) -> None:
        """Print a line, over the passing one before it."""
        # The worker's Display hands this to the main process.
        if line.passing:
            text = line.text[: self._width]
            display.display(CLEAR + text, stderr=True, screen_only=True, newline=False)
            self._open = True
            if line.logged:
                display.display(line.text, log_only=True)
            return
        self.clear()
        display.display(line.text, stderr=True, screen_only=not line.logged)

    def clear(self) -> None:
        """Remove a passing line, so that what comes next begins at the margin."""
        if self._open:
            display.display(CLEAR, stderr=True, screen_only=True, newline=False)
            self._open = False


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Turn the signals that end a play into an exception, and pass them on when that was dealt with.

    Without this a worker dies at once, and the host would go on with the transfer for a while.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, _frame: Any) -> NoReturn:
        # The main process sends one after the other.
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in numbers}
    interrupted = None
    try:
        yield
    except Interrupted as caught:
        interrupted = caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted is not None:
        os.kill(os.getpid(), interrupted.number)
        raise KeyboardInterrupt
