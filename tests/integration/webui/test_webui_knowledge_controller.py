"""webui_knowledge with a directory of the controller, as a playbook has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bed_models import create_embedder
from conftest import Webui
from knowledge_beds import clear, contents, tree, write
from runner import ROOT

PLAY = """
- hosts: localhost
  gather_facts: false
  connection: local
  vars:
    ansible_python_interpreter: "{{ interpreter }}"
  module_defaults:
    group/selfhosted.llm.webui:
      url: "{{ address }}"
      token: "{{ key }}"
  tasks:
    - selfhosted.llm.webui_knowledge: {name: Rules, src: material}
      register: first
    - selfhosted.llm.webui_knowledge: {name: Rules, src: material}
      register: again
    - selfhosted.llm.webui_knowledge: {name: Rules, src: missing}
      register: lost
      ignore_errors: true
    - ansible.builtin.copy:
        content: "{{ [first, again, lost] | to_json }}"
        dest: "{{ playbook_dir }}/results.json"
        mode: "0600"
"""


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui, bed: dict[str, Any]) -> Iterator[None]:
    create_embedder(bed)
    clear(webui)
    yield
    clear(webui)


def test_a_directory_of_the_controller_is_sent_and_leaves_no_copy(webui: Webui, tmp_path: Path) -> None:
    src = tmp_path / "files" / "material"
    write(src, a_txt="one", s__b_md="two")
    (src / "out.txt").symlink_to("/etc/hostname")
    (src / "in.txt").symlink_to("a.txt")
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "tmp").mkdir()
    given = {"interpreter": sys.executable, "address": webui.url, "key": webui.token}
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "tmp"),
    }
    subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(given), str(tmp_path / "play.yml")],
        env=environment,
        check=True,
        capture_output=True,
    )
    first, again, lost = json.loads((tmp_path / "results.json").read_text())
    assert first["added"] == ["a.txt", "s/b.md"]
    assert set(first["skipped"]) == {"in.txt", "out.txt"}
    assert not again["changed"]
    assert "there is no such directory on the controller" in lost["msg"]
    found = tree(src)
    assert contents(webui) == {path: found[path] for path in ("a.txt", "s/b.md")}
    assert not list((tmp_path / "tmp").rglob("src.tar"))
