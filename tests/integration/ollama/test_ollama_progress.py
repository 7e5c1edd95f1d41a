"""What a person at `ansible-playbook` sees of pulls, by real playbook runs against a slow registry."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import runner
from fake_registry import Fault, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Ollama

PIECE = 1 << 18
SHARE = re.compile(
    r"^(\S+): \S+/m\d:1 (\d+) %, [\d.]+ [KM]B of [\d.]+ MB(, [\d.]+ [KM]B/s, \d+ s left|, waiting for data)?$"
)
PULLED = re.compile(r"^(\S+): \S+/m\d:1 pulled, [\d.]+ MB in \d+ s")
LONGEST = 120


@dataclass
class Play:
    """A playbook run in a session of its own, with the moment of each of its lines."""

    process: subprocess.Popen[str]
    place: Path
    lines: list[tuple[float, str]] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for stream in (self.process.stdout, self.process.stderr):
            self.readers.append(threading.Thread(target=self._read, args=(stream,), daemon=True))
            self.readers[-1].start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.lines.append((time.monotonic() - self.begun, line.rstrip("\n")))

    def wait_for(self, pattern: re.Pattern[str]) -> None:
        """Wait for a line."""
        end = time.monotonic() + LONGEST
        while not self.found(pattern):
            assert time.monotonic() < end, self.text
            assert self.process.poll() is None or self.found(pattern), self.text
            time.sleep(0.05)

    def found(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the lines that a pattern fits."""
        return [line for _moment, line in self.lines if pattern.search(line)]

    def end(self) -> int:
        """Wait for the end and return the status."""
        status = self.process.wait(timeout=LONGEST)
        for one in self.readers:
            one.join(timeout=LONGEST)
        self.seconds = time.monotonic() - self.begun
        return status

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join(line for _moment, line in self.lines)

    def processes(self) -> list[int]:
        """Return what still runs of this play, here and on its hosts; all have its own folder in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                environment = (path / "environ").read_bytes()
                ended = (path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if f"TMPDIR={self.place}".encode() in environment.split(b"\0") and not ended:
                found.append(int(path.name))
        return found

    def job(self) -> int:
        """Return the process that goes on in the background of the host."""
        for process in self.processes():
            if os.path.realpath(f"/proc/{process}/fd/1").endswith("answer.part"):
                return process
        raise AssertionError("there is none")

    def left(self) -> list[str]:
        """Return what lies in the folder for temporary files."""
        return [path.name for path in self.place.iterdir()]


@pytest.fixture
def start(server: Ollama, tmp_path: Path) -> Iterator[Callable[..., Play]]:
    """Start a playbook with one task; its options are those of the module."""
    plays: list[Play] = []

    def begin(
        module: str,
        *words: str,
        hosts: tuple[str, ...] = ("gpu1",),
        task: dict[str, Any] | None = None,
        play: dict[str, Any] | None = None,
        **options: Any,
    ) -> Play:
        place = tmp_path / f"play{len(plays)}"
        (place / "tmp").mkdir(parents=True)
        task = {f"selfhosted.llm.{module}": {"url": server.url, **options}, "register": "out", **(task or {})}
        answer: dict[str, Any] = {
            "ansible.builtin.copy": {"content": "{{ out | to_json }}", "dest": f"{place}/{{{{ inventory_hostname }}}}"}
        }
        answer |= {"check_mode": False, "diff": False, "no_log": True}
        content = {"hosts": "all", "gather_facts": False, "tasks": [task, answer], **(play or {})}
        (place / "play.yml").write_text(json.dumps([content]), encoding="utf-8")
        plays.append(Play(run(place, "ansible-playbook", str(place / "play.yml"), *words, hosts=hosts), place / "tmp"))
        return plays[-1]

    yield begin
    for one in plays:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)


def run(place: Path, *words: str, hosts: tuple[str, ...], output: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start an Ansible program against names that are all this machine."""
    # Ansible's own asynchronous tasks break at a blank in the interpreter's path, which a checkout's may have.
    python = place / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    how = f"ansible_connection=local ansible_python_interpreter={python}"
    (place / "hosts").write_text("".join(f"{host} {how}\n" for host in hosts), encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_COLLECTIONS_PATH": str(runner.COLLECTIONS),
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "TERM": "xterm",
        "TMPDIR": str(place / "tmp"),
    }
    return subprocess.Popen(
        [str(Path(sys.executable).with_name(words[0])), "-i", str(place / "hosts"), *words[1:]],
        env=environment,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
    )


def result(play: Play, host: str = "gpu1") -> dict[str, Any]:
    """Return a host's result."""
    answer: dict[str, Any] = json.loads((play.place.parent / host).read_text(encoding="utf-8"))
    return answer


@pytest.fixture
def slow(registry: Registry) -> Registry:
    """A registry that takes half a second for each megabyte."""
    registry.faults["raw"] = Fault(pause=0.125, piece=PIECE)
    return registry


@pytest.fixture
def model(slow: Registry, gguf: Path) -> Callable[..., str]:
    """Publish a model of so many megabytes, with weights of its own."""
    content = gguf.read_bytes()

    def publish(number: int, megabytes: float) -> str:
        return slow.publish(f"library/m{number}:1", content + os.urandom(int(megabytes * 1_000_000)))

    return publish


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a result without what differs from run to run."""
    text = re.sub(r'"(modified_at|digest)": "[^"]*"', '"": ""', json.dumps(answer, sort_keys=True))
    return dict(json.loads(re.sub(r"library/m\d", "library/m", text)))


def test_a_pull_is_seen_while_it_runs_and_its_result_is_as_without(
    start: Callable[..., Play], model: Callable[..., str]
) -> None:
    play = start("ollama_model", name=model(1, 12), insecure=True)
    assert play.end() == 0, play.text
    assert play.found(SHARE), play.text
    assert play.found(PULLED), play.text
    shown = next(moment for moment, line in play.lines if SHARE.search(line))
    assert shown < play.seconds - 2, play.lines
    assert play.left() == []
    silent = start("ollama_model", "-vv", name=model(2, 12), insecure=True, progress=False)
    assert silent.end() == 0, silent.text
    assert not silent.found(SHARE) + silent.found(PULLED), silent.text
    assert comparable(result(play)) == comparable(result(silent))
    assert result(play)["changed"]


def test_where_nothing_is_to_do_nothing_is_shown(start: Callable[..., Play], model: Callable[..., str]) -> None:
    desired = {"models": [{"name": model(1, 0.1), "insecure": True}]}
    assert start("ollama_models", **desired).end() == 0
    for words in ([], ["--check"]):
        play = start("ollama_models", *words, **desired)
        assert play.end() == 0, play.text
        assert not result(play)["changed"]
        assert not play.found(re.compile("^gpu1: ")), play.text


def test_a_check_run_pulls_nothing_and_shows_nothing(
    start: Callable[..., Play], model: Callable[..., str], server: Ollama
) -> None:
    play = start("ollama_model", "--check", name=model(1, 16), insecure=True)
    assert play.end() == 0, play.text
    assert result(play)["changed"]
    assert not play.found(re.compile("^gpu1: ")), play.text
    assert server.names() == set()


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_many_hosts_are_seen_each_by_its_name(
    start: Callable[..., Play], model: Callable[..., str], strategy: str
) -> None:
    hosts = tuple(f"gpu{number}" for number in range(1, 6))
    names = {host: model(number, 8) for number, host in enumerate(hosts)}
    play = start(
        "ollama_model",
        hosts=hosts,
        play={"strategy": strategy, "vars": {"names": names}},
        name="{{ names[inventory_hostname] }}",
        insecure=True,
    )
    assert play.end() == 0, play.text
    for pattern in (SHARE, PULLED):
        seen = {found.group(1) for line in play.found(pattern) if (found := pattern.search(line))}
        assert seen == set(hosts), play.text
    # Two lines a host: a log of many hosts stays short.
    assert len(play.found(re.compile("^gpu[1-5]: "))) == 10, play.text


def test_an_ad_hoc_command_shows_it_and_keeps_its_output(
    tmp_path: Path, server: Ollama, model: Callable[..., str]
) -> None:
    (tmp_path / "tmp").mkdir()
    words = ("-m", "selfhosted.llm.ollama_model", "-a", f"url={server.url} name={model(1, 8)} insecure=true")
    process = run(tmp_path, "ansible", "all", *words, hosts=("gpu1",))
    output, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, output + errors
    assert output.startswith("gpu1 | CHANGED => {"), output
    assert any(SHARE.search(line) for line in errors.splitlines()), errors


def test_one_host_is_refreshed_in_place_on_a_terminal(
    tmp_path: Path, server: Ollama, model: Callable[..., str]
) -> None:
    (tmp_path / "tmp").mkdir()
    ours, theirs = os.openpty()
    # Whether a model's name has room must not hang on how long the registry's address is.
    termios.tcsetwinsize(theirs, (24, 160))
    words = ("-m", "selfhosted.llm.ollama_model", "-a", f"url={server.url} name={model(1, 48)} insecure=true")
    process = run(tmp_path, "ansible", "all", *words, hosts=("gpu1",), output=theirs)
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):
        while data := os.read(ours, 65536):
            printed += data
    os.close(ours)
    assert process.wait(timeout=LONGEST) == 0, printed
    # What comes after this code is written over what was before it in the line.
    refreshed = printed.decode().replace("\r\n", "\n").split("\r\x1b[K")
    assert len([part for part in refreshed if SHARE.search(part)]) >= 3, printed
    last = refreshed[-1].splitlines()
    assert PULLED.search(last[0]), printed
    assert last[1] == "gpu1 | CHANGED => {", printed


def test_a_task_that_is_not_logged_names_no_model(start: Callable[..., Play], model: Callable[..., str]) -> None:
    play = start("ollama_model", task={"no_log": True}, name=model(1, 8), insecure=True)
    assert play.end() == 0, play.text
    assert play.found(re.compile("^gpu1: 1 model [0-9]+ %, ")), play.text
    assert "library/m" not in play.text


def test_a_failure_in_the_background_is_the_failure_of_the_task(
    start: Callable[..., Play], model: Callable[..., str], slow: Registry, server: Ollama
) -> None:
    name = model(1, 12)
    slow.faults["raw"] = Fault(after=200_000, hang=True)
    play = start("ollama_model", name=name, insecure=True, retries=0, stall_timeout=5)
    assert play.end() == 2, play.text
    direct = runner.sentence(
        "ollama_model", {"url": server.url, "name": name, "insecure": True, "retries": 0, "stall_timeout": 5}
    )
    assert direct in play.text
    assert play.left() == []


class Relay:
    """Passes connections on to a server, until it is told to drop those that are open."""

    def __init__(self, url: str) -> None:
        host, _colon, port = url.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                far = socket.create_connection(self._server)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Break what is open; what comes later is passed on."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self.drop()


@pytest.fixture
def relay(server: Ollama) -> Iterator[Relay]:
    """What stands between the modules and the server."""
    between = Relay(server.url)
    yield between
    between.close()


def test_a_broken_connection_is_told(start: Callable[..., Play], model: Callable[..., str], relay: Relay) -> None:
    play = start("ollama_model", url=relay.url, name=model(1, 16), insecure=True)
    play.wait_for(SHARE)
    relay.drop()
    assert play.end() == 0, play.text
    assert len(play.found(re.compile("^gpu1: .+/m1:1: the connection broke, trying again$"))) == 1, play.text
    assert play.found(PULLED), play.text


def ends_soon(play: Play, seconds: float = 5) -> None:
    """Assert that nothing of a play goes on, neither here nor on its hosts."""
    end = time.monotonic() + seconds
    while play.processes():
        assert time.monotonic() < end, play.text
        time.sleep(0.1)
    assert [name for name in play.left() if name.startswith("ansible_ollama")] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_play_that_is_broken_off_leaves_nothing_running_and_the_next_one_finishes(
    start: Callable[..., Play], model: Callable[..., str], server: Ollama, slow: Registry, number: signal.Signals
) -> None:
    name = model(1, 30)
    play = start("ollama_model", name=name, insecure=True)
    play.wait_for(SHARE)
    assert play.job()
    os.killpg(play.process.pid, number)
    assert play.end() != 0
    ends_soon(play)
    assert server.names() == set()
    slow.faults.clear()
    again = start("ollama_model", name=name, insecure=True)
    assert again.end() == 0, again.text
    assert server.names() == {name}


def test_a_killed_controller_ends_the_transfer(
    start: Callable[..., Play], model: Callable[..., str], server: Ollama
) -> None:
    play = start("ollama_model", name=model(1, 30), insecure=True)
    play.wait_for(SHARE)
    os.kill(play.process.pid, signal.SIGKILL)
    play.process.wait()
    # Its worker looks whether it is still there at each look at the host.
    ends_soon(play, seconds=14)
    assert server.names() == set()


def test_a_killed_transfer_ends_the_task_with_a_sentence(start: Callable[..., Play], model: Callable[..., str]) -> None:
    play = start("ollama_model", name=model(1, 30), insecure=True)
    play.wait_for(SHARE)
    os.kill(play.job(), signal.SIGKILL)
    killed = time.monotonic()
    assert play.end() == 2, play.text
    assert time.monotonic() - killed < 10
    assert "The transfer ended without a result, because its process on the host was killed" in play.text
    assert "Traceback" not in play.text


def test_a_task_s_time_limit_ends_the_transfer(
    start: Callable[..., Play], model: Callable[..., str], server: Ollama
) -> None:
    # Ansible's own limit counts from the start of the task: long enough to see a line on a busy machine, and far
    # shorter than the transfer.
    play = start("ollama_model", task={"timeout": 20}, name=model(1, 100), insecure=True)
    assert play.end() == 2, play.text
    assert play.found(SHARE), play.text
    ends_soon(play)
    assert server.names() == set()


def test_an_asynchronous_task_is_left_to_ansible(
    start: Callable[..., Play], model: Callable[..., str], server: Ollama
) -> None:
    play = start("ollama_model", task={"async": 60, "poll": 1}, name=model(1, 6), insecure=True)
    assert play.end() == 0, play.text
    assert not play.found(SHARE), play.text
    assert len(server.names()) == 1
