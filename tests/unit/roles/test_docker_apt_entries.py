# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role docker removes other entries for its repository from apt's files, and nothing else."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from house_checks import layout

if TYPE_CHECKING:
    from pathlib import Path

DOCKER = "https://download.docker.com/linux/debian"
OTHER = "deb http://deb.example.org/debian bookworm main\n"
LINE = f"deb [arch=amd64 signed-by=/etc/apt/keyrings/d.gpg] {DOCKER} bookworm stable # Docker\n"
PARAGRAPH = f"Types: deb\nURIs: {DOCKER}\nSuites: bookworm\nComponents: stable\n"
OTHER_PARAGRAPH = "Types: deb\nURIs: http://deb.example.org/debian\nSuites: bookworm\nComponents: main\n"
# Name of the file, its text, and what is left of it: None where nothing is, so that the file goes.
CASES = {
    "line": ("old.list", LINE, None),
    "line of a mirror": ("mirror.list", LINE.replace("https://download.docker.com", "http://mirror.example.org"), None),
    "line and another repository": ("docker.list", LINE + OTHER, OTHER),
    "source line and a comment": ("src.list", LINE.replace("deb ", "deb-src ") + "# mine\n", "# mine\n"),
    "comment": ("debian.list", f"{OTHER}# {LINE}", f"{OTHER}# {LINE}"),
    "comment behind a value": ("note.list", f"{OTHER[:-1]} # not {DOCKER}\n", f"{OTHER[:-1]} # not {DOCKER}\n"),
    "cache of another name": (
        "cache.list",
        "deb http://cache.example.org:3142/download.docker.com/linux/debian bookworm stable\n",
        "deb http://cache.example.org:3142/download.docker.com/linux/debian bookworm stable\n",
    ),
    "paragraph": ("old.sources", PARAGRAPH, None),
    "paragraph between others": (
        "all.sources",
        f"{OTHER_PARAGRAPH}\n{PARAGRAPH}\n{OTHER_PARAGRAPH}",
        f"{OTHER_PARAGRAPH}\n\n{OTHER_PARAGRAPH}",
    ),
    "paragraph that only mentions it": (
        "said.sources",
        f"# before: {DOCKER}\n{OTHER_PARAGRAPH}",
        f"# before: {DOCKER}\n{OTHER_PARAGRAPH}",
    ),
    "address on a line of its own": ("long.sources", PARAGRAPH.replace("URIs: ", "URIs:\n "), None),
    "first of two addresses": (
        "two.sources",
        OTHER_PARAGRAPH.replace("URIs: ", f"URIs: {DOCKER} "),
        OTHER_PARAGRAPH,
    ),
    "last of two addresses": (
        "three.sources",
        OTHER_PARAGRAPH.replace("/debian\n", f"/debian {DOCKER}\n"),
        OTHER_PARAGRAPH,
    ),
    "no file of apt's": ("saved.list.save", LINE, LINE),
    "glob characters in the name": ("od[d].list", LINE + OTHER, OTHER),
}


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like /etc/apt with a file of each case, after the role's tasks."""
    place = tmp_path_factory.mktemp("apt")
    sources = place / "sources.list.d"
    sources.mkdir()
    (place / "sources.list").write_text(OTHER + LINE, encoding="utf-8")
    (sources / "docker.sources").write_text(PARAGRAPH, encoding="utf-8")
    for file, text, _left in CASES.values():
        (sources / file).write_text(text, encoding="utf-8")
    role = {
        "name": "selfhosted.llm.docker",
        "tasks_from": "apt_other_entries",
    }
    given = {
        "docker_apt_folder": str(place),
        "docker_repository_url": "http://mirror.example.org/linux/",
        "docker_apt_entry_path": f"{sources}/docker.sources",
        "docker_apt_others": "{{ __docker_repository_addresses }}",
    }
    tasks = [{"ansible.builtin.include_role": role, "vars": given}]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (place / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    for _run in range(2):
        done = run(place)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout, done.stdout
    return place


def run(place: Path) -> subprocess.CompletedProcess[str]:
    return layout.tool(
        "ansible-playbook",
        "-i",
        "localhost,",
        "-e",
        "ansible_python_interpreter={{ ansible_playbook_python }}",
        str(place / "play.yml"),
    )


@pytest.mark.parametrize("case", CASES)
def test_other_entries_go_and_all_else_stays(apt: Path, case: str) -> None:
    file, text, left = CASES[case]
    path = apt / "sources.list.d" / file
    assert (path.read_text(encoding="utf-8") if path.exists() else None) == left
    # apt passes over these copies.
    copies = [one.read_text(encoding="utf-8") for one in path.parent.iterdir() if one.name.startswith(f"{file}.")]
    assert copies == ([] if text == left else [text])


def test_the_main_file_stays_and_so_does_the_roles_own(apt: Path) -> None:
    assert (apt / "sources.list").read_text(encoding="utf-8") == OTHER
    assert (apt / "sources.list.d" / "docker.sources").read_text(encoding="utf-8") == PARAGRAPH
