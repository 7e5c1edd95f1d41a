"""Where the bed finds Debian, on machines of other kinds than this one."""

from __future__ import annotations

from pathlib import Path

import pytest
from testbed import machine

UBUNTU = """Types: deb
URIs: http://archive.example/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""
DEBIAN = """Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the bed read its sources below a folder of the test."""
    monkeypatch.delenv("BED_MIRROR", raising=False)
    monkeypatch.setattr(machine, "APT", tmp_path)
    monkeypatch.setattr(machine, "_debootstrap_mirror", lambda: "http://default.example/debian")
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path / "sources.list.d" / "this.sources"


def test_the_machines_own_mirror_is_taken(sources: Path) -> None:
    sources.write_text(DEBIAN, encoding="utf-8")
    assert [(one.uri, one.suite) for one in machine.debian_sources()] == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://mirror.example/debian-security", "bookworm-security"),
    ]


def test_on_ubuntu_debootstraps_own_mirror_is_taken(sources: Path) -> None:
    sources.write_text(UBUNTU, encoding="utf-8")
    assert {one.uri for one in machine.debian_sources()} == {"http://default.example/debian"}
    assert machine.debian_sources()[0].suite == "bookworm"


def test_a_mirror_that_is_given_wins(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BED_MIRROR", "http://mine.example/debian")
    assert machine.debian_sources()[0].uri == "http://mine.example/debian"
