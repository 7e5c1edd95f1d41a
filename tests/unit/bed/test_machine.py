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


def test_a_file_that_pip_is_told_of_goes_along(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("torch<=2\n", encoding="utf-8")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    given = {"PIP_CONSTRAINT": str(constraints), "PIP_INDEX_URL": "https://index.example/simple"}
    carried = machine._carried(given, scratch)
    inside = Path(carried.pop("PIP_CONSTRAINT"))
    assert inside.parent == Path(machine.INSIDE) / "conf"
    assert (scratch / inside.name).read_text(encoding="utf-8") == "torch<=2\n"
    assert carried == {"PIP_INDEX_URL": "https://index.example/simple"}
