"""webui_model on a real Open WebUI: what is said is stored, what is not said stays, and who may use it can."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from bed_models import create_chat_model
from conftest import Webui, access_of
from recorder import Recorder
from runner import hides, quadruple, sentence, succeed, unchanged

BASE = "tiny:latest"
EVERYTHING: dict[str, Any] = {
    "id": "librarian",
    "name": "Librarian",
    "base_model": BASE,
    "description": "Knows the rules.",
    "system": "Answer from the rules only.",
    "params": {"temperature": 0.3, "stop": ["###"], "custom_params": {"a": {"b": 1}}},
    "capabilities": {"vision": False, "citations": True},
    "tags": ["school", "rules"],
    "tools": ["calendar"],
    "filters": ["no_names"],
    "actions": ["print"],
    "skills": ["reading"],
    "suggestions": ["When?", {"title": ["Late books", "what they cost"], "content": "What does it cost?"}],
    "hidden": True,
    "profile_image_url": "https://example.org/librarian.png",
    "meta": {"defaultFeatureIds": ["web_search"], "i18n": {"de": {"name": "Bibliothekar"}}},
}


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> None:
    for record in webui.models():
        webui.call("POST", "models/model/delete", {"id": record["id"]})


@pytest.fixture
def everything(webui: Webui) -> dict[str, Any]:
    """All that can be said of a model on this version of the server."""
    return {name: value for name, value in EVERYTHING.items() if name != "skills" or webui.features.skills}


@pytest.fixture
def tiny(bed: dict[str, Any]) -> str:
    """The bed's Ollama has a model."""
    create_chat_model(bed)
    return BASE


def shown(webui: Webui, model_id: str) -> dict[str, Any]:
    """Return a model as the server has it, without what changes by itself."""
    (record,) = (each for each in webui.models() if each["id"] == model_id)
    changing = ("updated_at", "created_at", "version_id", "access_grants", "access_control")
    return {**{name: value for name, value in record.items() if name not in changing}, "access": access_of(record)}


def every(webui: Webui) -> dict[str, Any]:
    """Return what there is to see: all models."""
    return {record["id"]: shown(webui, record["id"]) for record in webui.models()}


def as_user(webui: Webui, token: str, path: str, body: Any = None) -> Any:
    """Make a call of the browser as a user; return what was answered."""
    request = urllib.request.Request(
        f"{webui.url}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def offered(webui: Webui, token: str) -> set[str]:
    return {model["id"] for model in as_user(webui, token, "/api/models")["data"]}


def says(webui: Webui, token: str, model: str, words: str = "abc") -> str:
    """Return the answer of a chat, or what refused it."""
    body = {"model": model, "messages": [{"role": "user", "content": words}], "stream": False}
    try:
        return str(as_user(webui, token, "/api/chat/completions", body)["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def test_all_that_can_be_said_is_stored(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], everything: dict[str, Any]
) -> None:
    runs = quadruple("webui_model", by_token(**everything), recorder, lambda: every(webui))
    record = shown(webui, "librarian")
    assert record["name"] == "Librarian"
    assert record["base_model_id"] == BASE
    assert record["params"] == {**EVERYTHING["params"], "system": EVERYTHING["system"]}
    meta = {key: value for key, value in record["meta"].items() if value is not None}
    assert meta == {
        "description": "Knows the rules.",
        "capabilities": {"vision": False, "citations": True},
        "tags": [{"name": "rules"}, {"name": "school"}],
        "toolIds": ["calendar"],
        "filterIds": ["no_names"],
        "actionIds": ["print"],
        **({"skillIds": ["reading"]} if "skills" in everything else {}),
        "suggestion_prompts": [
            {"content": "When?"},
            {"title": ["Late books", "what they cost"], "content": "What does it cost?"},
        ],
        "hidden": True,
        "profile_image_url": "https://example.org/librarian.png",
        **EVERYTHING["meta"],
    }
    assert record["access"] == set()
    state = runs.done["model"]
    assert state == {"skills": [], **everything, "tags": ["rules", "school"], "knowledge": [], "active": True}
    assert len(recorder.requests) == (2 if webui.features.all_models else 3), recorder.seen()


def test_only_what_is_said_changes(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], everything: dict[str, Any]
) -> None:
    succeed("webui_model", by_token(**everything))
    record = webui.call("GET", "models/model?id=librarian")
    record["meta"] |= {"by_hand": {"deep": [1, None]}, "voice": {"voice": "alloy"}}
    record["params"] |= {
        "top_k": 3,
        "model_controls": {"e": {"label": "E", "options": {"a": {"label": "A", "params": {}}}}},
    }
    webui.call("POST", "models/model/update", record)
    before = shown(webui, "librarian")
    said = {"params": {"temperature": None, "custom_params": {"a": {"c": 2}}}, "description": "", "tags": ["new"]}
    runs = quadruple("webui_model", by_token(id="librarian", **said), recorder)
    assert runs.done["diff"]["after"]["params"]["custom_params"] == {"a": {"b": 1, "c": 2}}
    assert set(runs.done["diff"]["after"]) == {"params", "description", "tags"}
    after = shown(webui, "librarian")
    expected = json.loads(json.dumps({**before, "access": None}))
    del expected["params"]["temperature"]
    expected["params"]["custom_params"]["a"]["c"] = 2
    expected["meta"] |= {"description": None, "tags": [{"name": "new"}]}
    assert {**after, "access": None} == expected


def test_what_the_server_keeps_by_itself_can_be_taken_away(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    controls = {"effort": {"label": "E", "options": {"low": {"label": "L", "params": {"a": 1}}}}}
    said = {"id": "m", "profile_image_url": "https://example.org/a.png", "params": {"model_controls": controls}}
    succeed("webui_model", by_token(**said))
    gone = {"id": "m", "profile_image_url": "", "params": {"model_controls": None}}
    quadruple("webui_model", by_token(**gone), recorder)
    record = shown(webui, "m")
    assert not any(record["params"].values())
    assert record["meta"]["profile_image_url"] is None


def test_a_model_is_switched_off_and_on(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    succeed("webui_model", by_token(id="m", base_model=BASE))
    for active in (False, True):
        quadruple("webui_model", by_token(id="m", active=active), recorder, lambda: every(webui))
        assert shown(webui, "m")["is_active"] is active
    succeed("webui_model", by_token(id="m", active=False))
    # An update of something else leaves it off.
    succeed("webui_model", by_token(id="m", description="x"))
    assert shown(webui, "m")["is_active"] is False


@pytest.mark.feature("model_history")
def test_to_switch_a_model_makes_no_version_of_it(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    for active in (True, False, True):
        succeed("webui_model", by_token(id="m", base_model=BASE, active=active))
    succeed("webui_model", by_token(id="m", description="x"))
    assert len(webui.call("GET", "models/model/history?id=m")) == 2


def test_a_preset_becomes_an_override_and_back(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    for base in (BASE, "", "other:1b"):
        quadruple("webui_model", by_token(id="m", base_model=base), recorder)
        assert shown(webui, "m")["base_model_id"] == (base or None)


def test_access_is_by_names_and_left_alone_where_it_is_not_given(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org")
    groups = {name: webui.add_group(name) for name in ("pupils", "teachers")}
    users = webui.users()
    access = {"read": {"groups": ["pupils"], "users": ["Anna@example.org"]}, "write": {"groups": ["teachers"]}}
    runs = quadruple("webui_model", by_token(id="m", access=access), recorder, lambda: every(webui))
    wanted = {("group", groups[name], "read") for name in groups} | {("group", groups["teachers"], "write")}
    wanted |= {("user", users["anna@example.org"]["id"], "read")}
    assert shown(webui, "m")["access"] == wanted
    assert runs.again["model"]["access"]["read"] == {"groups": ["pupils", "teachers"], "users": ["anna@example.org"]}
    quadruple("webui_model", by_token(id="m", name="M"), recorder, lambda: every(webui))
    assert shown(webui, "m")["access"] == wanted
    quadruple("webui_model", by_token(id="m", access={"public": True}), recorder, lambda: every(webui))
    assert shown(webui, "m")["access"] == {("user", "*", "read")}
    quadruple("webui_model", by_token(id="m", access={}), recorder, lambda: every(webui))
    assert shown(webui, "m")["access"] == set()


def test_a_model_goes_and_stays_away(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    webui.call("POST", "models/create", {"id": "foreign", "name": "f", "meta": {}, "params": {}})
    succeed("webui_model", by_token(id="m"))
    runs = quadruple("webui_model", by_token(id="m", state="absent"), recorder)
    assert runs.done["model"] == {}
    assert [record["id"] for record in webui.models()] == ["foreign"]


def test_knowledge_is_meant_by_its_name(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    ids = {}
    for name in ("rules", "maps", "twice", "twice"):
        ids[name] = webui.call("POST", "knowledge/create", {"name": name, "description": "d"})["id"]
    try:
        quadruple("webui_model", by_token(id="m", knowledge=["maps", "rules"]), recorder)
        record = webui.call("GET", "models/model?id=m")
        assert {item["id"] for item in record["meta"]["knowledge"]} == {ids["maps"], ids["rules"]}
        assert {item["type"] for item in record["meta"]["knowledge"]} == {"collection"}
        # What was attached by hand is kept, and so is what the server was told of a base.
        record["meta"]["knowledge"] = [{"type": "note", "id": "n", "name": "a note"}, *record["meta"]["knowledge"]]
        record["meta"]["knowledge"][1]["context"] = "full"
        webui.call("POST", "models/model/update", record)
        unchanged("webui_model", by_token(id="m", knowledge=["maps", "rules"]), recorder)
        kept = record["meta"]["knowledge"][1]
        quadruple("webui_model", by_token(id="m", knowledge=[kept["name"]]), recorder)
        assert webui.call("GET", "models/model?id=m")["meta"]["knowledge"] == record["meta"]["knowledge"][:2]
        quadruple("webui_model", by_token(id="m", knowledge=[]), recorder)
        assert webui.call("GET", "models/model?id=m")["meta"]["knowledge"] == record["meta"]["knowledge"][:1]
        message = sentence("webui_model", by_token(id="m", knowledge=["twice", "nowhere"]))
        assert "the knowledge base 'twice' is ambiguous (ids " in message
        assert ids["twice"] in message
        assert "there is no knowledge base 'nowhere' on the server (there are: maps, rules, twice)" in message
    finally:
        for base in webui.call("GET", "knowledge/")["items"]:
            webui.call("DELETE", f"knowledge/{base['id']}/delete")


HOSTILE = "<script>alert(1)</script> '; DROP TABLE model; -- \x01\x1b\r\n\t\x7f\u2028 😀 \u202eRTL\u200f %s {{ x }} "


def test_hostile_values_are_stored_to_the_letter(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    said: dict[str, Any] = {
        "name": HOSTILE,
        "description": HOSTILE,
        "system": HOSTILE,
        "params": {HOSTILE: HOSTILE, "n": [2**64 - 1, -(2**63), 1e308, True, {"x": ""}]},
        "meta": {HOSTILE: {HOSTILE: [HOSTILE]}},
        "tags": [HOSTILE],
        "suggestions": [HOSTILE],
        "tools": [HOSTILE],
    }
    quadruple("webui_model", by_token(id="m", **said), recorder)
    record = webui.call("GET", "models/model?id=m")
    assert record["name"] == record["meta"]["description"] == record["params"]["system"] == HOSTILE
    assert record["params"] == {"system": HOSTILE, **said["params"]}
    assert record["meta"][HOSTILE] == said["meta"][HOSTILE]
    assert record["meta"]["tags"] == [{"name": HOSTILE.strip()}]
    assert record["meta"]["toolIds"] == [HOSTILE]


def test_a_system_prompt_of_ten_megabytes_is_stored(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    large = "x😀" * 2_000_000
    runs = quadruple("webui_model", by_token(id="m", system=large), recorder)
    assert runs.again["model"]["system"] == large
    assert webui.call("GET", "models/model?id=m")["params"]["system"] == large


WRONG = [
    (
        {"id": "m", "name": " ", "base_model": "m", "profile_image_url": "javascript:alert(1)", "tools": [""]},
        [
            "Invalid model m: name is empty; leave it out",
            "base_model is the model itself",
            "profile_image_url is not an address that the server accepts",
            "tools has an empty item",
        ],
    ),
    (
        {
            "id": "m",
            "system": "a NUL \0",
            "params": {"system": "x", "n": 2**64, "deep": [{"a": "half \ud800 a pair"}]},
            "meta": {"tags": [], "toolIds": []},
            "suggestions": [{"title": ["a"]}, {"content": "c", "title": "t"}],
        },
        [
            "system holds a NUL or half a surrogate pair",
            "params.deep[0].a holds a NUL",
            "params.n is 18446744073709551616, of which the server keeps only the first digits",
            "meta.tags has an option of its own; use tags",
            "meta.toolIds has an option of its own; use tools",
            "params.system has an option of its own; use system",
            "suggestions[0] has no text",
            "suggestions[1].title is 't'; give a list of two lines",
        ],
    ),
]


@pytest.mark.parametrize(("said", "words"), WRONG)
def test_all_that_is_wrong_is_said_at_once_and_nothing_is_written(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], said: dict[str, Any], words: list[str]
) -> None:
    message = sentence("webui_model", by_token(**said))
    assert [each for each in words if each not in message] == []
    assert recorder.requests == []


@pytest.mark.parametrize(
    ("model_id", "words"),
    [("", "id is empty"), ("x" * 257, "id has 257 characters, but"), ("y" * 100_000, "allows at most 256; shorten it")],
)
def test_an_id_that_the_server_refuses_is_named(
    by_token: Callable[..., dict[str, Any]], model_id: str, words: str
) -> None:
    assert words in sentence("webui_model", by_token(id=model_id))


def test_the_caller_of_a_conflict_is_retried_once_and_then_told(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    succeed("webui_model", by_token(id="m"))
    conflict = {"detail": {"code": "version_conflict"}}
    recorder.answer("POST /api/v1/models/model/update", conflict, status=409, times=1)
    recorder.clear()
    assert succeed("webui_model", by_token(id="m", name="M"))["changed"]
    assert len(recorder.seen("GET /api/v1/models/model?id=m")) == 2
    recorder.answer("POST /api/v1/models/model/update", conflict, status=409, times=2)
    message = sentence("webui_model", by_token(id="m", name="N"))
    assert "Cannot update the model m" in message
    assert "409" in message
    assert "version_conflict" in message


@pytest.fixture
def school(webui: Webui, by_token: Callable[..., dict[str, Any]], tiny: str) -> list[tuple[dict[str, Any], str]]:
    """Two groups, each with a member and a preset that only it sees: what made the presets, and the tokens."""
    found = []
    for preset, group in (("tutor", "pupils"), ("staff", "teachers")):
        token = webui.add_user(f"{group}@example.org")
        webui.add_group(group, f"{group}@example.org")
        said = {"id": preset, "base_model": tiny, "access": {"read": {"groups": [group]}}}
        succeed("webui_model", by_token(**said))
        found.append((said, token))
    return found


def test_pupils_see_exactly_what_the_groups_allow(webui: Webui, school: list[tuple[dict[str, Any], str]]) -> None:
    (_tutor, pupil), (_staff, teacher) = school
    assert offered(webui, pupil) == {"tutor"}
    assert offered(webui, teacher) == {"staff"}
    assert says(webui, pupil, "staff")[:4] in ("400 ", "403 ", "404 ")


@pytest.mark.feature("base_row")
def test_pupils_get_answers_once_the_base_is_open_to_them(
    webui: Webui,
    recorder: Recorder,
    by_token: Callable[..., dict[str, Any]],
    tiny: str,
    school: list[tuple[dict[str, Any], str]],
) -> None:
    (tutor, pupil), (staff, teacher) = school
    assert says(webui, pupil, "tutor").startswith("400 ")
    assert (
        "The model tutor is open to the group pupils, but its base model tiny:latest is not, so that they see it and "
        "get no answer; give tutor grant_base, or give tiny:latest an access."
    ) in str(unchanged("webui_model", by_token(**tutor), recorder)["warnings"])
    runs = quadruple("webui_model", by_token(**tutor, grant_base=True), recorder, lambda: every(webui))
    assert runs.done["diff"]["after"] == {"grant_base": [tiny]}
    assert "warnings" not in runs.again
    assert "grant_base" not in runs.foreseen["model"]
    # The base model is used and not offered: the row that was made for it is hidden.
    assert shown(webui, tiny)["meta"]["hidden"] is True
    assert says(webui, pupil, "tutor") == "defghijklmnopqrstuvwxyz"
    assert says(webui, teacher, "staff").startswith("400 ")
    runs = quadruple("webui_model", by_token(**staff, grant_base=True), recorder, lambda: every(webui))
    assert says(webui, teacher, "staff") == says(webui, pupil, "tutor") == "defghijklmnopqrstuvwxyz"
    assert says(webui, pupil, "staff").startswith("400 ")
    assert offered(webui, pupil) == {"tutor", tiny}
    assert offered(webui, teacher) == {"staff", tiny}
    for result in (runs.done, runs.again):
        hides(result, webui.token)


@pytest.mark.feature("nested_groups")
def test_a_chain_of_bases_and_a_group_within_a_group(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], tiny: str
) -> None:
    pupil = webui.add_user("pupil@example.org")
    school, pupils = webui.add_group("school"), webui.add_group("pupils", "pupil@example.org")
    webui.call("POST", f"groups/id/{pupils}/update", {"name": "pupils", "description": "", "parent_group_id": school})
    succeed("webui_model", by_token(id=tiny, access={"read": {"groups": ["school"]}}))
    succeed("webui_model", by_token(id="middle", base_model=tiny))
    top = {"id": "top", "base_model": "middle", "access": {"read": {"groups": ["pupils"]}}}
    result = succeed("webui_model", by_token(**top))
    assert "its base model middle is not" in str(result["warnings"])
    assert len(result["warnings"]) == 1, "the group's parent may use the base model, so that its members may"
    quadruple("webui_model", by_token(**top, grant_base=True), recorder)
    assert offered(webui, pupil) == {tiny, "middle", "top"}
