"""Channels on a real Open WebUI: created, changed, deleted, shared; off by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Webui
from known_settings import settings_as_before
from recorder import Recorder
from runner import quadruple, run, sentence, succeed, unchanged

ON = {"settings": {"channels.enable": True}}


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    with settings_as_before(webui):
        yield


@pytest.fixture
def channels(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Switch channels on; return what lists them by name."""
    succeed("webui_settings", by_token(**ON))

    def listed() -> dict[str, Any]:
        return {row["name"]: row for row in webui.call("GET", "channels/list")}

    yield listed
    for row in webui.call("GET", "channels/list"):
        webui.call("DELETE", f"channels/{row['id']}/delete")


def test_a_channel_is_created_changed_and_deleted(
    webui: Webui,
    by_token: Callable[..., dict[str, Any]],
    recorder: Recorder,
    channels: Callable[[], dict[str, Any]],
) -> None:
    webui.add_user("anna@example.org")
    succeed("webui_groups", by_token(groups=[{"name": "pupils"}, {"name": "teachers"}]))
    access = {"read": {"groups": ["pupils"]}, "write": {"groups": ["teachers"], "users": ["anna@example.org"]}}
    made = quadruple("webui_channel", by_token(name="News", description="of the school", access=access), recorder)
    assert made.done["channel"]["name"] == "news"
    assert made.done["channel"]["access"]["write"] == {"groups": ["teachers"], "users": ["anna@example.org"]}
    (row,) = channels().values()
    webui.call("POST", f"channels/{row['id']}/messages/post", {"content": "hello"})
    quadruple("webui_channel", by_token(name="news", description="of all"), recorder)
    after = webui.call("GET", f"channels/{row['id']}")
    assert (after["description"], after["name"]) == ("of all", "news")
    kept = unchanged("webui_channel", by_token(name="news", access=access), recorder)
    assert kept["channel"]["access"]["read"]["groups"] == ["pupils", "teachers"]
    quadruple("webui_channel", by_token(name="news", description="", access={"public": not _old(webui)}), recorder)
    assert [each["content"] for each in webui.call("GET", f"channels/{row['id']}/messages")] == ["hello"]
    quadruple("webui_channel", by_token(name="news", state="absent"), recorder)
    assert channels() == {}
    succeed("webui_groups", by_token(groups=[{"name": name, "state": "absent"} for name in ("pupils", "teachers")]))


def _old(webui: Webui) -> bool:
    return not webui.features.access_grants


def test_what_the_server_has_of_a_channel_stays(
    webui: Webui, by_token: Callable[..., dict[str, Any]], channels: Callable[[], dict[str, Any]]
) -> None:
    """An update replaces all fields, so those that the task does not name go with it."""
    made = webui.call("POST", "channels/create", {"name": "a", "description": "x", "meta": {"k": 1}, "data": {"d": 2}})
    succeed("webui_channel", by_token(name="a", description="y"))
    after = channels()["a"]
    assert (after["description"], after["meta"], after["data"]) == ("y", {"k": 1}, {"d": 2})
    assert after["id"] == made["id"]


def test_a_name_of_two_channels_is_refused(
    webui: Webui,
    by_token: Callable[..., dict[str, Any]],
    recorder: Recorder,
    channels: Callable[[], dict[str, Any]],
) -> None:
    ids = sorted(webui.call("POST", "channels/create", {"name": "twice"})["id"] for _again in range(2))
    recorder.clear()
    message = sentence("webui_channel", by_token(name="Twice", state="absent"))
    assert message == (
        f"Invalid channel Twice: its name is ambiguous (ids {ids[0]} and {ids[1]}); rename or delete all but one."
    )
    assert recorder.writes() == []
    for each in ids:
        webui.call("DELETE", f"channels/{each}/delete")


def test_what_people_talk_in_groups_of_their_own_is_left_alone(
    webui: Webui, by_token: Callable[..., dict[str, Any]], channels: Callable[[], dict[str, Any]]
) -> None:
    webui.add_user("ben@example.org")
    ben = webui.users()["ben@example.org"]["id"]
    talk = webui.call("POST", "channels/create", {"name": "talk", "type": "group", "user_ids": [ben]})
    assert succeed("webui_export", by_token(sections=["channels"]))["variables"] == {"open_webui_channels": []}
    assert not succeed("webui_channel", by_token(name="talk", state="absent"))["changed"]
    made = succeed("webui_channel", by_token(name="talk", description="x"))
    assert made["channel"]["id"] != talk["id"]
    assert webui.call("GET", f"channels/{talk['id']}")["description"] == talk["description"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": " "}, "name is ' '; use a name that is not empty and has no blanks around it"),
        ({"name": "a", "access": {"read": {"groups": ["nobody"]}}}, "nobody"),
        ({"name": "a", "access": {"write": {"users": ["gone@example.org"]}}}, "no account 'gone@example.org'"),
    ],
)
def test_bad_input_is_refused_before_any_write(
    by_token: Callable[..., dict[str, Any]],
    recorder: Recorder,
    channels: Callable[[], dict[str, Any]],
    options: dict[str, Any],
    words: str,
) -> None:
    recorder.clear()
    message = sentence("webui_channel", by_token(**options))
    assert message.startswith("Invalid channel")
    assert words in message
    assert recorder.writes() == []
    assert channels() == {}


def test_channels_that_are_off_say_how_to_switch_them_on(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    succeed("webui_settings", by_token(settings={"channels.enable": False}))
    recorder.clear()
    assert sentence("webui_channel", by_token(name="a")) == (
        "Cannot read the channels: channels are off on this server; "
        "set channels.enable to true (module webui_settings)."
    )
    assert succeed("webui_export", by_token(sections=["channels"]))["variables"] == {}
    assert recorder.writes() == []


def test_one_task_switches_channels_on_and_fills_them(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    succeed("webui_settings", by_token(settings={"channels.enable": False}))
    wanted = {"settings": {"channels": {"enable": True}}, "channels": [{"name": "news"}, {"name": "help"}]}
    foreseen = run("webui_instance", by_token(**wanted), check=True)
    done = succeed("webui_instance", by_token(**wanted))
    made = [(step["part"], step["action"], step["name"]) for step in done["plan"] if step["part"] == "channels"]
    assert made == [("channels", "create", "news"), ("channels", "create", "help")]
    assert foreseen["plan"] == done["plan"]
    exported = succeed("webui_export", by_token(sections=["channels"]))["variables"]
    assert sorted(each["name"] for each in exported["open_webui_channels"]) == ["help", "news"]
    unchanged("webui_instance", by_token(channels=exported["open_webui_channels"]), recorder)
    succeed("webui_instance", by_token(channels=[{"name": name, "state": "absent"} for name in ("news", "help")]))
    assert webui.call("GET", "channels/list") == []
