"""A key is made once, kept where it was said, and never replaced by accident."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import runner
from conftest import Refused, Webui
from recorder import Recorder
from runner import fail, run, sentence

# The server counts the sign-ins of an e-mail over several runs of these tests.
BOT = f"bot-{os.getpid()}@example.org"
PASSWORD = "Bot-Password-1"


@pytest.fixture(autouse=True)
def _keys_are_on(webui: Webui) -> Iterator[None]:
    before = webui.settings(ENABLE_API_KEYS=True)
    yield
    webui.settings(**before)


def works(webui: Webui, key: str) -> bool:
    """Tell whether a key opens what only an administrator sees."""
    admin, webui.token = webui.token, key
    try:
        return bool(webui.call("GET", "users/all")["users"])
    except Refused:
        return False
    finally:
        webui.token = admin


def test_an_account_and_its_key_are_made_once(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = by_token(email=BOT)
    foreseen = run("webui_api_key", said, check=True)
    assert foreseen["changed"]
    assert recorder.writes() == []
    assert "key" not in foreseen
    made = run("webui_api_key", said)
    assert made["changed"]
    assert works(webui, made["key"])
    assert webui.users()[BOT]["role"] == "admin"
    again = run("webui_api_key", {**said, "key": made["key"]})
    assert not again["changed"]
    assert "key" not in again
    assert made["key"] not in again.raw


def test_a_key_that_was_lost_is_fetched_and_goes_on_working(
    webui: Webui, by_token: Callable[..., dict[str, Any]]
) -> None:
    key = run("webui_api_key", by_token(email=BOT))["key"]
    found = run("webui_api_key", by_token(email=BOT, key="sk-of-another-life"))
    assert found["key"] == key
    assert works(webui, key)


def test_a_rotated_key_ends_the_one_before(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    first = run("webui_api_key", by_token(email=BOT))["key"]
    second = run("webui_api_key", by_token(email=BOT, key=first, state="rotated"))
    assert second["changed"]
    assert works(webui, second["key"])
    assert not works(webui, first)


def test_no_key_is_left(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    key = run("webui_api_key", by_token(email=BOT))["key"]
    gone = run("webui_api_key", by_token(email=BOT, key=key, state="absent"))
    assert gone["changed"]
    assert gone["api_key"] == {}
    assert not works(webui, key)
    message = sentence("webui_api_key", by_token(email=BOT, key=key, state="absent"))
    assert "set its key or its password" in message
    assert not run("webui_api_key", by_token(email="nobody@example.org", state="absent"))["changed"]


def test_a_persons_account_is_left_alone(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_user(BOT, PASSWORD, role="admin")
    message = sentence("webui_api_key", by_token(email=BOT))
    assert f"existed before (name {BOT.split('@', maxsplit=1)[0]!r}, role admin)" in message
    assert recorder.writes() == []
    made = run("webui_api_key", by_token(email=BOT, password=PASSWORD))
    assert made["changed"]
    assert works(webui, made["key"])
    assert webui.lets_in(BOT, PASSWORD)
    again = run("webui_api_key", by_token(email=BOT, password=PASSWORD))
    assert not again["changed"]
    assert again["key"] == made["key"]
    wrong = fail("webui_api_key", by_token(email=BOT, password="Wrong-Password"))
    assert wrong["msg"].startswith(f"The password of {BOT} is wrong: ")
    assert "Wrong-Password" not in wrong.raw


def test_the_key_of_somebody_else_is_refused(by_token: Callable[..., dict[str, Any]]) -> None:
    key = run("webui_api_key", by_token(email=BOT))["key"]
    run("webui_api_key", by_token(email="other@example.org"))
    failed = fail("webui_api_key", by_token(email="other@example.org", key=key))
    assert "is valid, but does not belong to other@example.org" in failed["msg"]
    assert key not in failed.raw


def test_the_callers_own(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    run("webui_api_key", by_token(state="absent"))
    made = run("webui_api_key", by_token())
    assert made["changed"]
    assert works(webui, made["key"])
    assert not run("webui_api_key", by_token(token=made["key"]))["changed"]
    assert run("webui_api_key", by_token(token=made["key"], state="absent"))["changed"]
    assert not works(webui, made["key"])


def test_keys_that_are_switched_off_are_told(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    webui.settings(ENABLE_API_KEYS=False)
    message = sentence("webui_api_key", by_token(email=BOT))
    assert "switch on API keys there" in message
    webui.settings(ENABLE_API_KEYS=True)
    assert run("webui_api_key", by_token(email=BOT))["changed"]


def test_a_key_that_is_not_valid_is_made_again_by_password(webui: Webui, recorder: Recorder) -> None:
    """As the role calls it after the server was set up again: the old key is in the file, and API keys are off."""
    webui.settings(ENABLE_API_KEYS=False)
    both = {"admin_email": webui.admin_email, "admin_password": webui.admin_password}
    stale = "sk-of-another-life"
    said = {"url": recorder.url, "token": stale, "key": stale, "email": BOT, **both}
    foreseen = run("webui_api_key", {**said, "enable_api_keys": True}, check=True)
    assert foreseen["changed"]
    assert recorder.writes() == []
    assert "switch on API keys there" in sentence("webui_api_key", said)
    made = run("webui_api_key", {**said, "enable_api_keys": True})
    assert made["changed"]
    assert works(webui, made["key"])
    (warning,) = made["warnings"]
    assert "refuses the token" in str(warning)
    assert stale not in made.raw.replace(json.dumps(stale), "")
    again = run("webui_api_key", {**said, "token": made["key"], "key": made["key"], "enable_api_keys": True})
    assert not again["changed"]
    assert "warnings" not in again


def test_a_key_that_is_forbidden_is_kept_and_the_rest_goes_on_by_password(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    key = run("webui_api_key", by_token(email=BOT))["key"]
    webui.settings(ENABLE_API_KEYS=False)
    recorder.clear()
    both = {"admin_email": webui.admin_email, "admin_password": webui.admin_password}
    said = {"url": recorder.url, "token": key, **both}
    kept = run("webui_api_key", {**said, "email": BOT, "key": key, "enable_api_keys": True})
    assert not kept.failed, kept["msg"]
    assert not kept["changed"]
    assert "auth.enable_api_keys" in str(kept["warnings"])
    assert BOT in {user["email"] for user in run("webui_user_info", said)["users"]}
    assert recorder.writes() == []
    webui.settings(ENABLE_API_KEYS=True)
    assert works(webui, key)


class Controller:
    """Plays of one task, whose key lies in a folder of the test."""

    def __init__(self, place: Path, url: str, token: str) -> None:
        self.place = place
        self._said = {"url": url, "token": token, "email": BOT, "dest": "bot.key"}

    @property
    def key(self) -> str:
        return (self.place / "bot.key").read_text(encoding="utf-8").strip()

    def play(self, *words: str, fails: bool = False, **options: Any) -> tuple[dict[str, Any], str]:
        """Run the task, and return its result and all that was printed."""
        task = {"selfhosted.llm.webui_api_key": {**self._said, **options}, "register": "out", "ignore_errors": True}
        copy = {"content": "{{ out | to_json }}", "dest": f"{self.place}/result"}
        tasks = [task, {"ansible.builtin.copy": copy, "check_mode": False, "diff": False}]
        how = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        play = {"hosts": "localhost", "gather_facts": False, "vars": how, "tasks": tasks}
        (self.place / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "play.yml", "-vvv", *words],
            cwd=self.place,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(runner.COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads((self.place / "result").read_text(encoding="utf-8"))
        assert fails == bool(result.get("failed")), result
        return result, done.stdout + done.stderr


@pytest.fixture
def controller(webui: Webui, tmp_path: Path) -> Controller:
    place = tmp_path / "project"
    place.mkdir()
    return Controller(place, webui.url, webui.token)


def test_the_controller_keeps_it_and_nothing_shows_it(controller: Controller, webui: Webui) -> None:
    foreseen, _printed = controller.play("--check")
    assert foreseen["changed"]
    assert not (controller.place / "bot.key").exists()
    made, printed = controller.play()
    assert made["changed"]
    assert works(webui, controller.key)
    assert (controller.place / "bot.key").stat().st_mode & 0o777 == 0o600
    again, printed_again = controller.play("--diff")
    assert not again["changed"]
    key = controller.key
    assert key not in printed + printed_again + json.dumps([made, again])
    (controller.place / "bot.key").unlink()
    found, _printed = controller.play()
    assert found["changed"]
    assert controller.key == key
    gone, _printed = controller.play(state="absent")
    assert gone["changed"]
    assert not (controller.place / "bot.key").exists()


def test_an_encrypted_file_stays_encrypted(controller: Controller, webui: Webui) -> None:
    (controller.place / "secret").write_text("word\n", encoding="utf-8")
    vault = ("--vault-password-file", "secret")
    controller.play(*vault)
    first = controller.key
    program = Path(sys.executable).with_name("ansible-vault")
    subprocess.run([program, "encrypt", *vault, "bot.key"], cwd=controller.place, check=True, capture_output=True)
    assert not controller.play(*vault)[0]["changed"]
    assert controller.play(*vault, state="rotated")[0]["changed"]
    assert controller.key.startswith("$ANSIBLE_VAULT;")
    shown = [str(program), "view", *vault, "bot.key"]
    key = subprocess.run(shown, cwd=controller.place, check=True, capture_output=True, text=True).stdout.strip()
    assert key != first
    assert works(webui, key)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dest": "nowhere/bot.key"}, "whose folder does not exist; make it first"),
        ({"dest": "."}, "which is a folder; give a file in it"),
        ({"key": "sk-1"}, "dest and key are mutually exclusive; set one of them"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_any_change(
    controller: Controller, webui: Webui, options: dict[str, str], words: str
) -> None:
    result, _printed = controller.play(fails=True, **options)
    assert words in result["msg"]
    assert BOT not in webui.users()
