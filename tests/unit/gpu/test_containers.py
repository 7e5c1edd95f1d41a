# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CDI specifications as tools write them, and engines that answer, refuse, hang or talk nonsense."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.engine import UnixConnection
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import cdi, containers, host, nvidia
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from unit.gpu import recording

SPECS = [
    content
    for name in recording.names()
    for path, content in recording.load(name).get("files", {}).items()
    if path.endswith(".yaml") and "cut" not in path
]
# What tools of Go write of a text: plain where it is no number and no word with a meaning, else in double quotes.
TEXTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789/._=-:", min_size=1, max_size=20).filter(
    lambda text: text[0] not in "-:=." and text[-1] != ":" and "::" not in text
)


def objects(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), values, min_size=1, max_size=4)


VALUES = st.recursive(TEXTS, lambda inner: st.lists(inner, min_size=1, max_size=3) | objects(inner), max_leaves=12)


@pytest.mark.parametrize("written", SPECS)
def test_specifications_are_parsed_like_by_pyyaml(written: str) -> None:
    spec, whole = cdi.parse(written, "/etc/cdi/a.yaml"), yaml.load(written, yaml.BaseLoader)
    assert spec is not None
    assert spec.kind == whole["kind"]
    assert [name for name, _nodes in spec.devices] == [device["name"] for device in whole["devices"]]


@settings(deadline=None, max_examples=300)
@given(objects(VALUES), st.booleans())
def test_block_style_yaml_is_parsed_like_by_pyyaml(content: dict[str, object], indented: bool) -> None:
    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, indentless and not indented)

    written = yaml.dump(content, Dumper=Dumper, default_flow_style=False, width=1000)
    assert cdi.yaml(written) == yaml.load(written, yaml.BaseLoader)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text("- :\n\"'a{}[]#"), st.sampled_from(SPECS).flatmap(st.text)))
def test_no_text_raises(written: str) -> None:
    spec = cdi.parse(written, "/etc/cdi/a.yaml")
    assert spec is None or isinstance(spec.kind, str)


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "kind: 1\n  a: b", "devices: []", '{"kind": 1}', "[" * 100_000, "a:\n" * 9]
)
def test_invalid_specifications_are_ignored(written: str) -> None:
    assert cdi.parse(written, "/etc/cdi/a.json") is None


def test_all_folders_are_read_and_invalid_files_of_other_vendors_are_ignored(tmp_path: Path) -> None:
    recording.write(tmp_path, "etc/cdi/nvidia.yaml", "kind: nvidia.com/gpu\n")
    recording.write(tmp_path, "etc/cdi/vendor.yaml", "{{{")
    recording.write(tmp_path, "etc/cdi/nvidia.json", "{")
    recording.write(tmp_path, "etc/cdi/nvidia.yaml.bak", "{")
    recording.write(tmp_path, "run/cdi/amd.json", '{"kind": "amd.com/gpu"}')
    found, bad = cdi.specs(str(tmp_path))
    assert [spec.path for spec in found] == ["/etc/cdi/nvidia.yaml", "/run/cdi/amd.json"]
    assert bad == ["/etc/cdi/nvidia.json"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """An engine's socket that says what it is told to, or nothing."""
    opened: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        place = str(tmp_path / "docker.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(place)
        listener.listen()
        opened.append(listener)

        def talk() -> None:
            talking, _address = listener.accept()
            opened.append(talking)
            talking.recv(65536)
            if answer:
                talking.sendall(answer)
                talking.close()

        threading.Thread(target=talk, daemon=True).start()
        return place

    yield serve
    for one in opened:
        one.close()


def http(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_the_facts_of_an_engine_that_answers(engine: Callable[[bytes], str]) -> None:
    assert containers.ask([engine(http('{"ServerVersion": "29.1.3"}'))]) == ({"ServerVersion": "29.1.3"}, False, False)


@pytest.mark.parametrize(
    "answer", [b"", b"\0\1\2", http("no JSON"), http("[]"), http('{"message": "no"}', "500 Internal Server Error")]
)
def test_an_engine_without_a_valid_answer_is_silent(
    engine: Callable[[bytes], str], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "SECONDS", 0.3)
    assert containers.ask([engine(answer)]) == ({}, False, True)


def test_a_socket_without_listener_is_no_engine(tmp_path: Path) -> None:
    place = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(place)
    assert containers.ask([place, str(tmp_path / "not-there")]) == ({}, False, False)


def test_an_engine_with_a_denied_socket_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(connection: UnixConnection) -> None:
        raise PermissionError(13, "Permission denied")

    recording.write(tmp_path, "var/run/docker.sock", "")
    monkeypatch.setattr(UnixConnection, "connect", denied)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    seen = host.gather(str(tmp_path), container=True, asking=nvidia.Smi)
    assert seen.engine == containers.Engine(denied=True)
    assert [(one.id, one.severity) for one in causes.find(seen)] == [("permission", "warning")]


@pytest.mark.parametrize(
    ("given_host", "first"),
    [("unix:///run/user/1000/docker.sock", "run/user/1000/docker.sock"), ("tcp://a:2375", "var/run/docker.sock")],
)
def test_docker_host_selects_the_socket(given_host: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", given_host)
    assert containers.sockets("/root")[0] == f"/root/{first}"


@pytest.mark.parametrize("wrong", [None, 1, "text", [None], {}])
def test_unexpected_fields_of_an_engine_are_tolerated(wrong: object) -> None:
    info = dict.fromkeys(("DiscoveredDevices", "CDISpecDirs", "SecurityOptions", "CgroupDriver"), wrong)
    seen = containers.engine({"ServerVersion": "29.1.3", "Runtimes": None, **info})
    assert (seen.answers, seen.nvidia_runtime) == (True, False)


def test_the_hook_counts_only_as_a_program(tmp_path: Path) -> None:
    place = recording.write(tmp_path, f"usr/bin/{containers.HOOK}", "")
    assert containers.program(str(tmp_path), containers.HOOK) is None
    place.chmod(0o755)
    assert containers.program(str(tmp_path), containers.HOOK) == str(place)
