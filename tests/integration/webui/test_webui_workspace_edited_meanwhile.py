"""Somebody edits an object in the browser after a module has read it and before the module writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from code_objects import FILTER, TOOL, clear, make
from conftest import access_of
from recorder import Instead, Recorder, Request
from runner import run, succeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Webui

ID = "edited"
THEIRS = "Theirs, from the browser"


class Editing(Recorder):
    """A recorder that lets somebody edit an object as soon as a module has read everything of its kind."""

    def __init__(self, webui: Webui, edit: Callable[[], None], last_read: str) -> None:
        super().__init__(webui.url)
        self._edit = edit
        self._last_read = last_read
        self.edited = False

    def note(self, request: Request) -> Instead | None:
        """Edit before the first request that follows the module's list of the objects."""
        if not self.edited and any(self._last_read in str(each) for each in self.requests):
            self.edited = True
            self._edit()
        return super().note(request)


class Kind:
    """A kind of object: how it is made, edited by hand, looked at, and asked for by its module."""

    def __init__(self, webui: Webui, name: str) -> None:
        self.webui = webui
        self.name = name
        self.module = f"webui_{name}"
        # What a run asks for; `edit` changes the same field, or by `other` another one.
        self.asked: dict[str, Any] = {"id": ID, "name": "Ours"}
        self.field = "name"
        self.last_read = f"GET /api/v1/{name}s/export"
        self.record_id = ID

    def make(self) -> None:
        if self.name in ("tool", "function", "skill"):
            make(self.webui, self.name, ID, content={"tool": TOOL, "function": FILTER, "skill": "# Old"}[self.name])
        elif self.name == "prompt":
            body = {"command": f"/{ID}", "title": ID} if not self.webui.features.prompts_by_id else {"command": ID}
            made = self.webui.call("POST", "prompts/create", {"name": ID, "content": "old", **body})
            self.record_id = made.get("id", ID)
            self.asked = {"command": ID, "name": "Ours"}
            self.last_read = "GET /api/v1/prompts/"
        elif self.name == "group":
            self.record_id = self.webui.call("POST", "groups/create", {"name": ID, "description": "old"})["id"]
            self.asked = {"name": ID, "description": "Ours"}
            self.field = "description"
            self.last_read = "GET /api/v1/groups/"
        elif self.name == "knowledge":
            body = {"name": ID, "description": "old"}
            self.record_id = self.webui.call("POST", "knowledge/create", body)["id"]
            self.asked = {"name": ID, "description": "Ours"}
            self.field = "description"
            self.last_read = "GET /api/v1/knowledge/search"
        elif self.name == "model":
            self.webui.call("POST", "models/create", {"id": ID, "name": ID, "meta": {}, "params": {}})
            whole = self.webui.features.all_models
            self.last_read = "GET /api/v1/models/all" if whole else "GET /api/v1/models/export"

    def record(self) -> dict[str, Any]:
        """Return the object as the server has it."""
        if self.name == "model":
            return dict(self.webui.call("GET", f"models/model?id={quote(ID)}"))
        if self.name == "prompt" and not self.webui.features.prompts_by_id:
            found = self.webui.call("GET", f"prompts/command/{ID}")
            return {**found, "name": found["title"]}
        if self.name == "knowledge":
            return dict(self.webui.call("GET", f"knowledge/{self.record_id}"))
        return dict(self.webui.call("GET", f"{self.name}s/id/{self.record_id}"))

    def edit(self, **fields: Any) -> None:
        """Change fields as the browser does: by a body with all the others as they are."""
        record = self.record()
        body = {**record, **fields}
        if self.name == "knowledge":
            path = f"knowledge/{self.record_id}/update"
        elif self.name == "model":
            path = "models/model/update?id=" + ID
        elif self.name == "prompt" and not self.webui.features.prompts_by_id:
            path, body = f"prompts/command/{ID}/update", {**body, "title": body["name"]}
        else:
            path = f"{self.name}s/id/{self.record_id}/update"
        if self.name != "model":
            # An update of a model without them answers 500 in 0.10.
            body.pop("access_grants", None)
        self.webui.call("POST", path, body)

    @property
    def other(self) -> tuple[str, Any]:
        """Return a field that no run here asks for, and what somebody writes into it."""
        if self.name == "group":
            return "permissions", {"chat": {"delete": False}}
        if self.name == "model":
            return "params", {"system": THEIRS}
        theirs = {"tool": TOOL, "function": FILTER}.get(self.name, "")
        return "content", f"# {THEIRS}\n{theirs}"


KINDS = ("tool", "function", "skill", "prompt", "group", "model", "knowledge")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, webui: Webui) -> Iterator[Kind]:
    """An object of each kind on a server that has no other of the kind."""
    if request.param == "skill" and not webui.features.skills:
        pytest.skip("this version has no skills")
    empty(webui)
    found = Kind(webui, request.param)
    found.make()
    yield found
    empty(webui)


def empty(webui: Webui) -> None:
    clear(webui)
    for prompt in webui.prompts().values():
        webui.remove_prompt(prompt)
    for base in webui.call("GET", "knowledge/search")["items"]:
        webui.call("DELETE", f"knowledge/{base['id']}/delete")
    for model in webui.models():
        webui.call("POST", "models/model/delete", {"id": model["id"]})


def test_an_edit_of_the_same_field_is_not_overwritten(webui: Webui, kind: Kind) -> None:
    proxy = Editing(webui, lambda: kind.edit(**{kind.field: THEIRS}), kind.last_read)
    try:
        result = run(kind.module, {"url": proxy.url, "token": webui.token, **kind.asked})
        assert proxy.edited
        assert result["failed"]
        assert f"somebody else changed its {kind.field} while this task ran" in result["msg"]
        assert not result["changed"]
        assert proxy.writes() == []
        assert kind.record()[kind.field] == THEIRS
        again = succeed(kind.module, {"url": proxy.url, "token": webui.token, **kind.asked})
        assert again["changed"]
        assert again["diff"]["before"] == {kind.field: THEIRS}
        assert kind.record()[kind.field] == "Ours"
    finally:
        proxy.close()


def test_an_edit_of_another_field_stays(webui: Webui, kind: Kind) -> None:
    if kind.name == "knowledge":
        pytest.skip("a knowledge base has no other field that an update replaces")
    field, theirs = kind.other
    proxy = Editing(webui, lambda: kind.edit(**{field: theirs}), kind.last_read)
    try:
        assert succeed(kind.module, {"url": proxy.url, "token": webui.token, **kind.asked})["changed"]
        assert proxy.edited
        record = kind.record()
        assert record[kind.field] == "Ours"
        if isinstance(theirs, dict):
            assert theirs.items() <= record[field].items()
        else:
            assert record[field] == theirs
    finally:
        proxy.close()


@pytest.mark.feature("access_grants")
def test_an_edit_of_the_access_is_not_overwritten(webui: Webui, kind: Kind) -> None:
    if kind.name in ("group", "function"):
        pytest.skip("this kind has no access")
    group = webui.call("POST", "groups/create", {"name": "theirs", "description": ""})["id"]
    grants = [{"principal_type": "group", "principal_id": group, "permission": "write"}]
    at = {"model": "models/model", "knowledge": f"knowledge/{kind.record_id}"}
    path = at.get(kind.name, f"{kind.name}s/id/{kind.record_id}")
    body = {"access_grants": grants, **({"id": ID, "name": ID} if kind.name == "model" else {})}
    proxy = Editing(webui, lambda: webui.call("POST", f"{path}/access/update", body), kind.last_read)
    identity = {name: value for name, value in kind.asked.items() if value == ID}
    asked = {"url": proxy.url, "token": webui.token, **identity, "access": {"public": True}}
    try:
        result = run(kind.module, asked)
        assert result["failed"]
        assert "somebody else changed its access while this task ran" in result["msg"]
        assert access_of(kind.record()) == {("group", group, "write")}
        assert succeed(kind.module, asked)["changed"]
        assert access_of(kind.record()) == {("user", "*", "read")}
    finally:
        proxy.close()


def test_a_run_that_changes_nothing_reads_nothing_more(webui: Webui, kind: Kind, recorder: Recorder) -> None:
    asked = {"url": recorder.url, "token": webui.token, **kind.asked}
    succeed(kind.module, asked)
    recorder.clear()
    assert not succeed(kind.module, asked)["changed"]
    own = {"model": "models/model", "knowledge": "knowledge/" + kind.record_id, "prompt": "prompts/id/"}.get(
        kind.name, f"{kind.name}s/id/"
    )
    assert recorder.seen(own) == []
