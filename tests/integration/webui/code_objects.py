"""Tools, functions and skills on the server itself: code that loads, and what tests look at."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from conftest import Webui, access_of

TOOL = '''"""
title: Weather
"""
from pydantic import BaseModel, Field
from typing import Optional, Literal


class Tools:
    class Valves(BaseModel):
        count: int = Field(default=3)
        ratio: float = 0.5
        loud: bool = False
        api_key: str = ""
        place: Optional[str] = None
        unit: Literal["c", "f"] = "c"
        pin: str = Field(default="", json_schema_extra={"input": {"type": "password"}})

    def weather(self, place: str) -> str:
        """Tell the weather."""
        return place
'''
PIPE = """class Pipe:
    def pipe(self, body):
        return "from the pipe"
"""
FILTER = """from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        token: str = ""
        depth: int = 1

    def inlet(self, body):
        return body
"""
HOSTILE = "<script>alert(1)</script> '; DROP TABLE tool; -- \x01\x1b\r\n\t\x7f\u2028 😀 \u202eRTL\u200f %s {{ x }} "
PATHS = {"tool": "tools", "function": "functions", "skill": "skills"}
CODE = {"tool": TOOL, "function": FILTER, "skill": "# How to"}
SECRET = "sk-not-to-be-shown-anywhere"


def remove(webui: Webui, kind: str, one: str) -> None:
    webui.call("DELETE", f"{PATHS[kind]}/id/{quote(one, safe='')}/delete")


def records(webui: Webui, kind: str) -> dict[str, Any]:
    """Return all of a kind by id, with code or words."""
    listed = webui.call("GET", "functions/export" if kind == "function" else f"{PATHS[kind]}/")
    at = f"{PATHS[kind]}/id/"
    return {one["id"]: webui.call("GET", at + quote(one["id"], safe="")) for one in listed}


def valves(webui: Webui, kind: str, one: str) -> Any:
    return webui.call("GET", f"{PATHS[kind]}/id/{quote(one, safe='')}/valves")


def every(webui: Webui, kind: str) -> dict[str, Any]:
    """Return all of a kind as far as a module may change it, with how many versions each has."""
    found = {}
    for one, record in records(webui, kind).items():
        at = f"{PATHS[kind]}/id/{quote(one, safe='')}"
        kept = {
            name: record.get(name)
            for name in ("name", "content", "meta", "description", "type", "is_active", "is_global", "version_id")
        }
        if kind != "function":
            kept["access"] = access_of(record)
        if kind != "skill":
            kept["valves"] = webui.call("GET", f"{at}/valves")
        found[one] = kept
    return found


def make(webui: Webui, kind: str, one: str, **more: Any) -> Any:
    body = {"id": one, "name": one, "content": CODE[kind], "meta": {}, **more}
    return webui.call("POST", f"{PATHS[kind]}/create", body)


def set_valves(webui: Webui, kind: str, one: str, **given: Any) -> None:
    webui.call("POST", f"{PATHS[kind]}/id/{one}/valves/update", given)


def clear(webui: Webui) -> None:
    """Remove all that there is."""
    for kind in PATHS if webui.features.skills else ("tool", "function"):
        for record in records(webui, kind).values():
            remove(webui, kind, record["id"])
