"""The example of a school, by the role's own tasks: from an empty server to a full one, and then nothing to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import knowledge_beds
import pytest
import requests
import runner
import yaml
from bed_models import create_embedder
from conftest import SIGN_IN
from known_settings import settings_as_before
from recorder import Recorder
from testbed import real

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.yaml_text import as_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Webui

ROOT = runner.ROOT
INVENTORY = ROOT / "inventories" / "school" / "hosts.yml"
VARIABLES = INVENTORY.parent / "group_vars" / "open_webui_hosts" / "main.yml"
# A check run asks the back ends, and asks for sign-ins and single passwords.
READS = (SIGN_IN, "POST /ollama/verify", "POST /openai/verify", "POST /ollama/api/show")
# Where `make pictures` wants to have pictures; a model that speaks English answers then.
PICTURES = os.environ.get("SELFHOSTED_LLM_PICTURES", "")
MODEL = real.CHAT if PICTURES else "tiny:latest"
CHANGED = [
    "Make the API key of the automation and keep it on the controller",
    "Apply settings, accounts and contents",
]
PASSWORDS = {"emmy@school.example": "Change-me-Emmy-1", "ada@school.example": "Change-me-Ada-1"}


@dataclass
class Run:
    changed: list[str]
    tasks: int
    text: str


def fitted(webui: Webui) -> dict[str, Any]:
    """Return what of the inventory reads otherwise where an older server is to be filled with it."""
    said = yaml.safe_load(VARIABLES.read_text(encoding="utf-8").replace("!unsafe ", ""))
    settings, groups = dict(said["open_webui_settings"]), list(said["open_webui_groups"])
    models, allowed = list(said["open_webui_models"]), webui.call("GET", "users/default/permissions")
    features = webui.features
    if not features.settings_by_key:
        settings["rag.web.search.enable"] = settings.pop("web.search.enable")
    for group in groups:
        if not features.group_models:
            group.pop("default_models", None)
        if not features.nested_groups and group.pop("parent", None):
            models[0]["access"]["read"]["groups"].append(group["name"])
        group["permissions"] = known_only(group.get("permissions") or {}, allowed)
    return {
        "open_webui_settings": settings,
        "open_webui_groups": groups,
        "open_webui_models": models,
        "open_webui_default_permissions": known_only(said["open_webui_default_permissions"], allowed),
    }


def known_only(permissions: dict[str, Any], allowed: dict[str, Any]) -> dict[str, Any]:
    return {
        section: {name: value for name, value in said.items() if name in allowed[section]}
        for section, said in permissions.items()
    }


class School:
    """The role's tasks that fill a server, against the bed's."""

    def __init__(self, place: Path, recorder: Recorder, webui: Webui, bed: dict[str, Any]) -> None:
        self.place = place
        self.recorder = recorder
        self.more: tuple[str, ...] = ()
        tasks = [
            {"ansible.builtin.include_role": {"name": "selfhosted.llm.open_webui", "tasks_from": name}}
            for name in ("credentials", "contents")
        ]
        play = {"hosts": "open_webui_hosts", "gather_facts": False, "tasks": tasks}
        (place / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        self.variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "__open_webui_url": recorder.url,
            "open_webui_admin_email": webui.admin_email,
            "open_webui_admin_password": webui.admin_password,
            "open_webui_api_key_file": str(place / "automation.key"),
            "open_webui_ollama_urls": [f"http://{bed['containers']['ollama']}:11434"],
            "school_model": MODEL,
            **({} if webui.features.nested_groups else fitted(webui)),
        }

    def run(self, *words: str) -> Run:
        self.recorder.clear()
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY), *words]
        done = subprocess.run(
            [*command, "-e", json.dumps(self.variables), *self.more, str(self.place / "play.yml")],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        names = re.findall(r"^TASK \[(.+)\] \**$\n(?:.*\n)*?(?=^$|^TASK|^PLAY)", text, re.MULTILINE)
        blocks = re.split(r"^TASK \[", text, flags=re.MULTILINE)[1:]
        changed = [block.split("]", 1)[0] for block in blocks if re.search(r"^changed: ", block, re.MULTILINE)]
        return Run(changed, len(names), text)

    def take_over_what_is_exported(self) -> None:
        """Go on with what the server says it has, in place of the inventory's variables."""
        key = (self.place / "automation.key").read_text(encoding="utf-8").strip()
        told = runner.succeed("webui_export", {"url": self.recorder.url, "token": key})
        assert key not in told.raw
        (self.place / "exported.yml").write_text(as_yaml(told["variables"]), encoding="utf-8")
        self.variables["open_webui_users_csv"] = ""
        self.more = ("-e", f"@{self.place / 'exported.yml'}")
        names = [group["name"] for group in told["variables"]["open_webui_groups"]]
        assert sorted(names) == ["class 7a", "pupils", "teachers"]
        assert {model["id"] for model in told["variables"]["open_webui_models"]} >= {"tutor", "house"}
        assert len(told["variables"]["open_webui_users"]) == 7


@pytest.fixture(scope="module")
def model(bed: dict[str, Any]) -> None:
    """The models of the school, on the bed's Ollama: one that chats, and one that embeds its knowledge."""
    create_embedder(bed)
    said = {"url": bed["ollama_url"], "name": "tiny", "files": [bed["tiny_gguf"]], "parameters": {"num_predict": 12}}
    if PICTURES:
        file = real.ensure(ROOT / ".cache" / "bed")[real.CHAT]
        said |= {"name": MODEL, "files": [str(file)], "parameters": real.PARAMETERS}
    result = runner.run("ollama_model", said)
    assert not result.failed, result.raw


@pytest.fixture
def school(tmp_path: Path, webui: Webui, bed: dict[str, Any], model: None) -> Iterator[School]:
    recorder = Recorder(webui.url, reads=READS)
    permissions = webui.call("GET", "users/default/permissions")
    with settings_as_before(webui):
        yield School(tmp_path, recorder, webui, bed)
        recorder.close()
    webui.call("POST", "users/default/permissions", permissions)
    for row in webui.models():
        webui.call("POST", "models/model/delete", {"id": row["id"]})
    knowledge_beds.clear(webui)
    for prompt in webui.prompts().values():
        webui.remove_prompt(prompt)


def served(webui: Webui, email: str, model: str) -> dict[str, Any]:
    """Return which models somebody is offered, and what one answers: on the page of the newest, by the API before."""
    if webui.features.nested_groups:
        return browse(webui.url, email, model)
    headers = {"Authorization": f"Bearer {webui.sign_in(email, PASSWORDS[email])}"}
    offered = requests.get(f"{webui.url}/api/models", headers=headers, timeout=60).json()["data"]
    ids = {one["name"]: one["id"] for one in offered if not one["info"]["meta"].get("hidden")}
    said = {"model": ids[model], "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    answer = requests.post(f"{webui.url}/api/chat/completions", json=said, headers=headers, timeout=120)
    assert answer.status_code == 200, answer.text
    return {"models": sorted(ids), "answer": answer.json()["choices"][0]["message"]["content"]}


def picture_of(model: str) -> str:
    """Return the file for a picture of a chat with a model, empty where no pictures are wanted."""
    return str(Path(PICTURES) / f"{model.lower().replace(' ', '-')}.png") if PICTURES else ""


def browse(url: str, email: str, model: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "browser"), url, email, model, "What is photosynthesis?"],
        env={**os.environ, "PASSWORD": PASSWORDS[email], "PICTURE": picture_of(model)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_school_is_made_in_one_run_and_the_next_changes_nothing(school: School, webui: Webui) -> None:
    foreseen = school.run("--check")
    assert school.recorder.writes() == []
    made = school.run()
    assert made.changed == foreseen.changed
    assert [name.rsplit(" : ", 1)[1] for name in made.changed] == CHANGED
    again = school.run()
    assert again.changed == []
    assert len(school.recorder.requests) < 20 * again.tasks
    assert sum(str(request) == SIGN_IN for request in school.recorder.requests) <= 1
    assert school.run("--check").changed == []

    school.take_over_what_is_exported()
    taken_over = school.run("--diff")
    assert taken_over.changed == [], taken_over.text

    pupil = served(webui, "emmy@school.example", "Tutor")
    assert pupil["models"] == ["Tutor"]
    assert pupil["answer"]
    if PICTURES:
        # The rules make a long prompt, over which this model takes minutes.
        return
    teacher = served(webui, "ada@school.example", "House rules")
    assert teacher["models"] == ["House rules", "Tutor"]
    assert teacher["answer"]
