# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shipped, and that it runs where only it is."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from subprocess import run

import pytest
from conftest import Installed
from house_checks import layout

# Said here anew and not read from galaxy.yml, so that a slip there shows.
FOLDERS = ("docs/", "inventories/", "meta/", "playbooks/", "plugins/", "roles/")
FILES = (
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "changelogs/changelog.yaml",
    "requirements.yml",
)
MADE_BY_THE_BUILD = {"MANIFEST.json", "FILES.json"}


def known_to_git() -> set[str]:
    words = [
        "git",
        "-c",
        f"safe.directory={layout.ROOT}",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = run(words, cwd=layout.ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name for name in names if name and (layout.ROOT / name).exists()}


def shipped(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith(FOLDERS) or name in FILES}


def test_the_tarball_holds_what_a_person_uses_and_nothing_else(content: set[str]) -> None:
    assert content - MADE_BY_THE_BUILD == shipped(known_to_git())


def test_what_serves_the_making_is_not_shipped() -> None:
    workshop = {
        "tests/run",
        "tests/unit/a.py",
        "tests/site/build",
        "molecule/default/molecule.yml",
        "demo/demo",
        ".ci/run",
        "Makefile",
        "galaxy.yml",
    }
    assert shipped(workshop | {"roles/ollama/README.md", "LICENSE"}) == {"roles/ollama/README.md", "LICENSE"}


def test_every_module_is_documented_where_it_is_installed(installed: Installed) -> None:
    shown = installed.run("ansible-doc", "--type", "module", "--list", "--json", "selfhosted.llm")
    assert sorted(json.loads(shown.stdout)) == [layout.PREFIX + name for name in layout.modules()]


@pytest.mark.parametrize("role", layout.roles())
def test_every_role_is_documented_where_it_is_installed(installed: Installed, role: str) -> None:
    shown = installed.run("ansible-doc", "--type", "role", "--json", layout.PREFIX + role)
    assert json.loads(shown.stdout)[layout.PREFIX + role]["entry_points"]["main"]["short_description"]


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (layout.ROOT / "playbooks").glob("*.yml")))
def test_a_playbook_is_found_by_its_full_name(installed: Installed, playbook: str) -> None:
    inventory = installed.tree / "inventories" / "one-machine.yml"
    done = installed.run("ansible-playbook", "--syntax-check", "-i", str(inventory), layout.PREFIX + playbook)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_writes_what_its_check_run_promised(installed: Installed, tmp_path: Path) -> None:
    target = tmp_path / "daemon.json"
    options = {"path": str(target), "settings": {"live-restore": True}, "validate": False}
    tasks = [{"name": "Docker has its settings", "selfhosted.llm.docker_daemon_config": options}]
    checked = installed.play(tasks, "--check", "--diff")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "changed=1" in checked.stdout
    assert not target.exists()
    assert "changed=1" in installed.play(tasks).stdout
    assert json.loads(target.read_text(encoding="utf-8")) == {"live-restore": True}
    assert "changed=0" in installed.play(tasks).stdout


def test_a_module_says_in_one_sentence_that_nothing_answers(installed: Installed) -> None:
    with socket.socket() as taken:
        # Bound and not listening: no server can come to stand on this port meanwhile.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        tasks = [{"name": "Ollama is asked", "selfhosted.llm.ollama_info": {"url": url}}]
        done = installed.play(tasks)
    assert done.returncode != 0
    assert url in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_is_installed_is_sane(installed: Installed) -> None:
    tests = [word for name in ("ansible-doc", "import", "validate-modules") for word in ("--test", name)]
    done = layout.tool(str(layout.ROOT / "tests" / "sanity" / "run"), "--tree", str(installed.tree), *tests)
    assert done.returncode == 0, done.stdout + done.stderr
