"""Runs modules the way Ansible does, and the four runs that every state module must stand."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from recorder import Recorder

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".cache" / "collections"
BYTECODE = ROOT / ".cache" / "bytecode"
MODULES = "ansible_collections.selfhosted.llm.plugins.modules"
LONGEST_RUN = 300
PLACES = ("XDG_STATE_HOME", "XDG_RUNTIME_DIR")


class Result(dict[str, Any]):
    """A module's result; ``raw`` is all that it printed, as it would go into logs."""

    raw = ""

    @property
    def failed(self) -> bool:
        """Tell whether the module failed."""
        return bool(self.get("failed"))


def run(module: str, args: Mapping[str, Any], *, check: bool = False) -> Result:
    """Run a module in a process of its own, with its arguments on standard input.

    That is what AnsiballZ does on a host, without the 1.5 s of an `ansible` command.
    """
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, "_ansible_check_mode": check, "_ansible_diff": True}})
    # A test that runs modules side by side gets them so.
    if _busy.acquire(blocking=False):
        try:
            output, errors = _forked(f"{MODULES}.{module}", given)
        finally:
            _busy.release()
    else:
        output, errors = _started(f"{MODULES}.{module}", given)
    try:
        result = Result(json.loads(output.strip().splitlines()[-1]))
    except (IndexError, ValueError):
        raise AssertionError(f"{module} gave no result:\n{output}\n{errors}") from None
    result.raw = output + errors
    return result


_busy = threading.Lock()


def _places() -> dict[str, str]:
    """Where modules note what they keep on a host: not where this machine's own would."""
    places = {name: os.environ.get(name) or str(ROOT / ".cache" / name.lower()) for name in PLACES}
    for place in places.values():
        Path(place).mkdir(mode=0o700, parents=True, exist_ok=True)
    return places


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        **_places(),
        "PYTHONPATH": str(COLLECTIONS),
        "PYTHONPYCACHEPREFIX": str(BYTECODE),
        "LC_ALL": "C.UTF-8",
    }


def killed(module: str, args: Mapping[str, Any], is_time: Callable[[], bool]) -> bool:
    """Start a module in a process of its own and kill it when it is time; tell whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"{MODULES}.{module}"],
        env=_environment(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": dict(args)}))
    process.stdin.close()
    end = time.monotonic() + LONGEST_RUN
    while process.poll() is None and not is_time():
        assert time.monotonic() < end, f"{module} goes on for {LONGEST_RUN} s"
        time.sleep(0.001)
    process.kill()
    return process.wait() < 0


def killed_in_requests(module: str, args: Mapping[str, Any], recorder: Recorder, requests: int) -> bool:
    """Kill a run once it has made so many requests, and wait for the server; tell whether it was still at work."""
    return _killed_when(module, args, recorder, lambda: len(recorder.requests) >= requests)


def killed_in_writes(module: str, args: Mapping[str, Any], recorder: Recorder, writes: int) -> bool:
    """Kill a run once it has made so many writes, and wait for the server; tell whether it was still at work."""
    return _killed_when(module, args, recorder, lambda: len(recorder.writes()) >= writes)


def _killed_when(module: str, args: Mapping[str, Any], recorder: Recorder, is_time: Callable[[], bool]) -> bool:
    recorder.clear()
    at_work = killed(module, args, is_time)
    recorder.settle()
    return at_work


def _started(module: str, given: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=given,
        env=_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_RUN,
    )
    return done.stdout, done.stderr


@cache
def _zygote() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("zygote.py"))],
        env=_environment(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # With the module that it has become, which would go on for ever without it.
        start_new_session=True,
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _forked(module: str, given: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as place:
        files = {name: Path(place) / name for name in ("input", "output", "errors")}
        for path in files.values():
            path.touch()
        files["input"].write_text(given, encoding="utf-8")
        process = _zygote()
        assert process.stdin
        assert process.stdout
        order = {"module": module, "places": _places()} | {name: str(path) for name, path in files.items()}
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        ready, _none, _nothing = select.select([process.stdout], [], [], LONGEST_RUN)
        if not ready or not process.stdout.readline():
            _end(process)
            _zygote.cache_clear()
            raise AssertionError(f"{module} did not end within {LONGEST_RUN} s")
        return files["output"].read_text(encoding="utf-8"), files["errors"].read_text(encoding="utf-8")


def succeed(module: str, args: Mapping[str, Any], *, check: bool = False) -> Result:
    """Run a module that must succeed."""
    result = run(module, args, check=check)
    assert not result.failed, f"{module} failed: {result.get('msg')}"
    return result


def fail(module: str, args: Mapping[str, Any], *, check: bool = False) -> Result:
    """Run a module that must fail with a sentence a person can read."""
    result = run(module, args, check=check)
    assert result.failed, f"{module} should have failed: {dict(result)}"
    message = result["msg"]
    assert "\n" not in message, message
    assert "Traceback" not in result.raw, result.raw
    assert "Internal error in selfhosted.llm" not in message, message
    assert len(message) < 1000, message
    return result


def sentence(module: str, args: Mapping[str, Any], *, check: bool = False) -> str:
    """Return the message of a module that must fail."""
    return str(fail(module, args, check=check)["msg"])


@dataclass(frozen=True)
class Quadruple:
    """The results of: check run, run, check run again, run again."""

    foreseen: Result
    done: Result
    foreseen_again: Result
    again: Result


def quadruple(
    module: str,
    args: Mapping[str, Any],
    recorder: Recorder,
    state: Callable[[], Any] | None = None,
) -> Quadruple:
    """Assert what the collection promises of a change.

    The check run tells the same plan as the run and writes nothing; the run changes
    something; both runs after it change nothing and write nothing. ``state`` reads from
    the server what the module is about (past the recorder, so that it does not count).
    """
    before = state() if state else None
    recorder.clear()
    foreseen = succeed(module, args, check=True)
    assert not recorder.writes(), f"the check run wrote: {recorder.writes()}"
    assert foreseen["changed"], f"the check run saw nothing to do: {dict(foreseen)}"
    assert (state() if state else None) == before, "the check run changed the server"
    done = succeed(module, args)
    assert done["changed"], "the run reported no change"
    assert foreseen["diff"] == done["diff"], f"check: {foreseen['diff']}\nrun: {done['diff']}"
    assert foreseen.get("plan") == done.get("plan")
    after = state() if state else None
    foreseen_again, again = (unchanged(module, args, recorder, check=check) for check in (True, False))
    assert (state() if state else None) == after, "a run without changes changed the server"
    return Quadruple(foreseen, done, foreseen_again, again)


def unchanged(module: str, args: Mapping[str, Any], recorder: Recorder, *, check: bool = False) -> Result:
    """Run a module that must find nothing to do and must write nothing."""
    recorder.clear()
    result = succeed(module, args, check=check)
    assert not result["changed"], f"changed again ({'check' if check else 'run'}): {result['diff']}"
    assert not recorder.writes(), f"wrote although nothing changed: {recorder.writes()}"
    return result


def hides(result: Result, *secrets: str) -> None:
    """Assert that a module printed none of these."""
    for secret in secrets:
        assert secret not in result.raw, "a secret was printed"
