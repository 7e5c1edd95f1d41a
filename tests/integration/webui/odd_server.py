"""Fills a real server with odd values, as years of manual work, single sign-on and databases leave it.

This is no double of Open WebUI: the server is the real one, and only its content is odd. The double for unit tests is
tests/doubles/webui.py.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import back_ends
import code_objects
from conftest import Refused

if TYPE_CHECKING:
    from conftest import Webui

ODD = [
    "", " ", " blanks ", "a/b", "/lead", "ä ö 🙂 é", "{{ x }} {% raw %}", "a: b # - yes", "'\"\\`$(id)", "\u202eabc",
    "a\nb", "<b>", "null", "1", "x" * 300, "a,b;c|d\te",
]  # fmt: skip


class OddServer:
    """Fills a server over its API and in its database; ``seed`` picks among odd values."""

    def __init__(self, webui: Webui, seed: int) -> None:
        self._webui = webui
        self._random = random.Random(seed)

    def fill(self) -> None:
        """Put some of everything on the server."""
        self.people()
        self.settings()
        self.connections()
        self.objects()

    def people(self) -> None:
        """Make accounts of single sign-on, and groups with names that are none or stand twice."""
        emails = [f"p{number}@example.org" for number in range(8)]
        for email in emails:
            self._webui.add_user(email, role=self._random.choice(["user", "pending", "admin", "wizard", ""]))
        for name in (*self._random.sample(ODD, 5), "twice", "twice", "lead"):
            self._webui.add_group(name, *self._random.sample(emails, 3))
        rows = self._webui.call("GET", "groups/")
        lead = next(row["id"] for row in rows if row["name"] == "lead")
        twice = next(row["id"] for row in rows if row["name"] == "twice")
        for row in rows:
            body = {
                "name": row["name"],
                "description": self._one(ODD),
                "permissions": self._one([None, {}, {"chat": {"nothing": True, "share": True}, "none": {"x": 1}}]),
                "data": {"config": {"share": self._one([True, "members", "weird", None])}},
            }
            if row["id"] not in (lead, twice):
                body["parent_group_id"] = self._one([lead, twice, None])
            self._try("POST", f"groups/id/{row['id']}/update", body)
        single = ["alice@github", "jdoe@corp", "jdoe", "Jürgen", "a b@c d", "x" * 200, "p%q_r", "o'b\\c"]
        pictures = ["", "/user.png", "https://example.org/a.png", "data:image/png;base64,AAAA", "nonsense"]
        self._database(
            *(
                ["UPDATE user SET email = ?, name = ?, profile_image_url = ? WHERE email = ?", each]
                for each in zip(single, self._random.sample(ODD, 8), self._random.choices(pictures, k=8), emails)
            )
        )

    def settings(self) -> None:
        """Import settings that the server takes without a look at them."""
        banner = {"id": "b", "type": "info", "content": "c", "title": "", "dismissible": True, "timestamp": 1}
        odd: dict[str, list[Any]] = {
            "auth.enable_api_keys": [True, False],
            "auth.jwt_expiry": ["4w", "-1"],
            "ui.default_user_role": ["wizard", "user", ""],
            "ui.banners": [
                [banner],
                [{"id": "b"}],
                [{**banner, "type": "odd"}],
                [{**banner, "more": 1}],
                [banner, banner],
            ],
            "ui.prompt_suggestions": [
                [{"title": ["a", "b"], "content": "c"}],
                [{"content": ""}],
                [{"title": "t"}],
                None,
            ],
            "ui.default_models": ["a,b", "a,,b", " a, b", "a,a", "", None],
            "ui.model_order_list": [["a", "b"], ["a", "a"], [""], []],
            "ui.watermark": ODD,
            "ui.visibility": [{"x": True}, {"x": "yes"}, {}],
            "skills.content_max_chars": [0, 5, None],
            "rag.file.max_size": [5, "5", None],
            "rag.template": ODD,
            "models.default_params": [{"temperature": 0.5, "a.b": {"c.d": None}}, {}],
            "evaluation.arena.models": [["x"], []],
            "webhook_url": ["https://hooks.example.org/secret-hook", ""],
            "web.search.brave_search_api_key": ["secret-word", ""],
            "tool_server.connections": [
                [{"url": "http://127.0.0.1:9", "path": "x", "auth_type": "bearer", "key": key, "config": {}}]
                for key in ("secret-word", "")
            ],
            "ui": [{"enable_signup": True}],
            "nonsense": [5, {}],
            "foo.bar": [{"a": None, "b": 1e300}, 2**70, "x\0y"],
        }
        config = {key: self._one(values) for key, values in odd.items()}
        self._webui.call("POST", "configs/import", {"config": config})

    def connections(self) -> None:
        """Store connections that share an address, have none, or options of no version."""
        config = {
            "prefix_id": self._one(ODD), "tags": [{"name": name} for name in self._random.sample(ODD, 2)],
            "model_ids": self._random.sample(ODD, 2), "auth_type": self._one(["odd", "none", ""]),
            "connection_type": self._one(["odd", "external"]), "api_type": "odd", "more": {"a": [None, 1]},
        }  # fmt: skip
        urls = [
            "http://127.0.0.1:9/v1",
            "http://127.0.0.1:9/v1/",
            "nowhere",
            "http://u:pw@127.0.0.1:9",
            "",
            "http://127.0.0.1:8",
        ]
        configs = {"0": config, "1": {"prefix_id": "p"}, "5": {**config, "headers": {"X": "secret-word"}}}
        keys = ["", "secret-word", "", "", "", ""]
        body = {"ENABLE_OPENAI_API": True, "OPENAI_API_BASE_URLS": urls, "OPENAI_API_KEYS": keys}
        back_ends.config(self._webui, "openai", {**body, "OPENAI_API_CONFIGS": configs})

    def objects(self) -> None:
        """Make objects of the workspace with odd names, and access for groups and people of all kinds."""
        users = [user["id"] for user in self._webui.users().values()]
        groups = [row["id"] for row in self._webui.call("GET", "groups/")]
        for number, name in enumerate(self._random.sample(ODD, 6)):
            grants = self._grants(users, groups)
            same = {"name": name, "access_grants": grants}
            self._try("POST", "knowledge/create", {**same, "description": self._one(ODD)})
            self._try("POST", "knowledge/create", {**same, "name": "twice", "description": ""})
            tags = self._random.sample(ODD, 2)
            for command in (name, f"c{number}", f"/c{number}"):
                self._try(
                    "POST", "prompts/create", {**same, "command": command, "content": self._one(ODD), "tags": tags}
                )
            meta = {"description": self._one(ODD), "more": [None, name], "manifest": {"title": "x"}}
            code = {**same, "id": f"odd_{number}", "meta": meta}
            self._try("POST", "tools/create", {**code, "content": code_objects.TOOL})
            self._try("POST", "functions/create", {**code, "content": code_objects.FILTER})
            self._try("POST", "skills/create", {**code, "content": self._one(ODD), "description": self._one(ODD)})
            self._try("POST", "models/create", self._model(number, same))
        self._database(
            ["UPDATE tool SET content = 'no code (' WHERE id = 'odd_0'", []],
            ["UPDATE function SET content = 'no code (', is_active = 1 WHERE id = 'odd_1'", []],
            ["UPDATE prompt SET is_active = 0 WHERE command IN ('c2', 'c3')", []],
        )

    def clear(self) -> None:
        """Remove what the fixtures do not: objects, and settings that the server does not have."""
        # No call of the API removes a setting.
        self._database(["DELETE FROM config WHERE key IN ('ui', 'nonsense', 'foo.bar')", []])
        for base in self._webui.call("GET", "knowledge/search")["items"]:
            self._webui.call("DELETE", f"knowledge/{base['id']}/delete")
        for record in self._webui.prompts().values():
            self._webui.remove_prompt(record)
        for kind in ("tool", "function", "skill"):
            for one in self._webui.call("GET", "functions/export" if kind == "function" else f"{kind}s/"):
                code_objects.remove(self._webui, kind, one["id"])
        for model in self._webui.models():
            self._webui.call("POST", "models/model/delete", {"id": model["id"]})

    def _model(self, number: int, same: dict[str, Any]) -> dict[str, Any]:
        bases = self._webui.call("GET", "knowledge/search")["items"]
        meta = {
            "description": self._one(ODD), "tags": [{"name": each} for each in self._random.sample(ODD, 2)],
            "knowledge": self._random.sample(bases, 2) + [{"id": "gone", "name": "gone"}] * self._random.randrange(2),
            "suggestion_prompts": self._one([None, [{"content": "x", "title": ["a", "b"]}], [{"content": ""}]]),
            "profile_image_url": self._one(["/user.png", "nonsense", "", "https://example.org/a.png"]),
            "toolIds": ["", "odd_1"], "capabilities": self._one([None, {"vision": True, "x": "y"}]), "m": {"a": None},
        }  # fmt: skip
        params = self._one([{}, {"system": self._one(ODD), "temperature": 0.1}, {"system": 5}, {"stop": ["", "x"]}])
        base = self._one([None, "", "outside:1b", f"m{number}"])
        return {**same, "id": self._one([f"m{number}", f"m{number}/a:b", "ä🙂"]), "base_model_id": base, "meta": meta,
                "params": params, "is_active": self._one([True, False])}  # fmt: skip

    def _grants(self, users: list[str], groups: list[str]) -> list[dict[str, str]]:
        who = [("user", each) for each in [*self._random.sample(users, 2), "gone", "*"]]
        who += [("group", each) for each in [*self._random.sample(groups, 2), "gone"]]
        chosen = self._random.sample(who, self._random.randrange(3))
        return [
            {"principal_type": kind, "principal_id": each, "permission": self._one(["read", "write"])}
            for kind, each in chosen
        ]

    def _one(self, values: list[Any]) -> Any:
        return self._random.choice(values)

    def _try(self, method: str, path: str, body: Any) -> None:
        """Make a call whose values the server may refuse."""
        with suppress(Refused):
            self._webui.call(method, path, body)

    def _database(self, *statements: list[Any]) -> None:
        for text, values in statements:
            self._webui.database(text, *values)
