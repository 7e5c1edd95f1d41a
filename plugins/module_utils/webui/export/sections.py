# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports what a server has as options of the modules, so that a server set up by hand becomes code."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import HIDDEN, Desired, Resource
from ..api.client import Client
from ..channels.resource import channel_rows
from ..connections.fields import KINDS as API_KINDS
from ..connections.resource import connection_states
from ..connections.verify import unused
from ..directory import access
from ..directory.accounts import Accounts, emails_by_id
from ..directory.groups import Groups
from ..entries.backend_url import same_url
from ..entries.images import shown_image
from ..entries.masking import secrets_in
from ..groups import permissions
from ..groups.resource import group_states
from ..instance.kinds import KINDS
from ..models.resource import Models
from ..models.spec import ModelSpec
from ..settings.keys import parsed
from ..settings.lists import BANNERS, DEFAULT_MODELS, MODEL_ORDER, SUGGESTIONS
from ..settings.secrets import is_secret, masked
from ..settings.types import OPEN_KINDS
from ..workspace.code_spec import CodeSpec
from ..workspace.functions import Functions
from ..workspace.prompt_spec import PromptSpec, bare
from ..workspace.prompts import Prompts
from ..workspace.skills import Skills
from ..workspace.tools import Tools
from .settings_trial import tried_settings
from .trial import Trial, left_out

Variables = Dict[str, Any]

# What has variables of its own (the switches of Ollama and OpenAI have none), and what an API key may not write.
NO_SETTINGS = re.compile(r"(ollama|openai)\.(?!enable$)|user\.permissions$|auth\.mfa\.")
SECOND_FACTOR = "auth.mfa.enable"
OAUTH = "oauth."
LISTS = {BANNERS: "banners", SUGGESTIONS: "suggestions", DEFAULT_MODELS: "default_models", MODEL_ORDER: "model_order"}
# A picture within its address is shown by its digest.
WHOLE_PICTURES = ("/", "http://", "https://")


class Export:
    """The variables of one server, by section, with warnings about what is left out."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._groups = Groups(client)
        self._defaults: Mapping[str, Mapping[str, Any]] = {}
        self._oauth: Optional[bool] = None
        self._known: Optional[List[str]] = None
        self.warnings: List[str] = []

    def of(self, section: str) -> Variables:
        """Return the variables of a section, without the prefix of the role."""
        return SECTIONS[section](self)

    def tried(self, section: str) -> Variables:
        """Return the variables of a section without what its module would refuse or change."""
        found = self.of(section)
        if section == "settings":
            return tried_settings(self._client, found, self.warnings)
        if section in KINDS and section in found:
            passed = Trial(KINDS[section], self._client, self.warnings).passed(found[section])
            found[section] = [_in_order(entry, KINDS[section].options) for entry in passed]
        return found

    def settings(self) -> Variables:
        """Return all settings except secrets and those with their own variables."""
        export = self._client.get_mapping("configs/export", "read the settings")
        parse = parsed(export, lambda: self._client.features().settings_by_key)
        stored = parse.values
        told = {key: value for key, value in stored.items() if self._is_exported(key, value, parse.by_key)}
        secret = sorted(key for key, value in told.items() if _is_secret(key, value))
        kept = {key: value for key, value in told.items() if key not in secret}
        set_secrets = [key for key in secret if told[key]]
        if set_secrets:
            self.warnings.append(f"Left out: settings that contain secrets ({', '.join(set_secrets)}).")
        if stored.get(SECOND_FACTOR):
            self.warnings.append(left_out(f"the setting {SECOND_FACTOR}", "an API key may not write it"))
        found: Variables = {"settings": dict(sorted(kept.items()))}
        # Before 0.10 the server does not show what was never saved, and writing it would be a change.
        if BANNERS in stored:
            banners = ("content", "type", "title", "dismissible", "id", "timestamp", "i18n")
            found["banners"] = [_only(banner, banners) for banner in stored[BANNERS] or ()]
        if stored.get(SUGGESTIONS) is not None:
            found["suggestions"] = [_only(each, ("title", "content")) for each in stored[SUGGESTIONS]]
        if DEFAULT_MODELS in stored:
            found["default_models"] = [name for name in str(stored[DEFAULT_MODELS] or "").split(",") if name]
        if MODEL_ORDER in stored:
            found["model_order"] = list(stored[MODEL_ORDER] or ())
        return found

    def _is_exported(self, key: str, value: Any, by_key: bool) -> bool:
        if key in LISTS or NO_SETTINGS.match(key):
            return False
        if key.startswith(OAUTH) and not self._keeps_oauth():
            return False
        # Null means, for example, no limit if the setting allows null; otherwise it means nothing.
        return value is not None or (by_key and "null" in OPEN_KINDS.get(key, ""))

    def _keeps_oauth(self) -> bool:
        """Tell whether the server stores its OAuth settings; otherwise they come from its environment."""
        if self._oauth is None:
            # 0.12 reports it. Before, the settings would be lost at the next start.
            config = self._client.get_mapping("auths/admin/config/oauth", "see whether the server keeps settings")
            self._oauth = config.get("ENABLE_OAUTH_PERSISTENT_CONFIG") is True
        return self._oauth

    def permissions(self) -> Variables:
        """Return the default permissions."""
        return {"default_permissions": self._known_permissions()}

    def groups(self) -> Variables:
        """Return the groups; the accounts have the members."""
        known = self._known_permissions()
        found = []
        for state in self._unambiguous(group_states(self._client, None, with_members=False)):
            group = {"name": state["name"], "description": state["description"]}
            tree = {
                section: {key: bool(value) for key, value in keys.items() if key in known[section]}
                for section, keys in state["permissions"].items()
                if section in known and isinstance(keys, dict)
            }
            group.update({"permissions": tree} if any(tree.values()) else {})
            more = {name: state[name] for name in ("parent", "default_models") if state.get(name)}
            found.append({**group, "share": state["share"], **more})
        return {"groups": found}

    def users(self) -> Variables:
        """Return the accounts without their passwords."""
        found = []
        for record in Accounts(self._client, self._groups).every():
            names = self._groups.names(record["group_ids"]) if record["group_ids"] else []
            user = {**_without_empty({name: record[name] for name in ("email", "name", "role")}), "groups": names}
            found.append({**user, **_picture(shown_image(record.get("profile_image_url") or ""))})
        return {"users": sorted(found, key=lambda user: str(user["email"]))}

    def connections(self) -> Variables:
        """Return the connections of enabled kinds, without their keys and headers."""
        told = connection_states(self._client, API_KINDS)
        addresses = [(state["kind"], same_url(state["base_url"])) for state in told["connections"]]
        found = []
        for state in told["connections"]:
            if not told["enabled"][state["kind"]]:
                self.warnings.append(
                    left_out(f"the connection {state['base_url']}", f"{state['kind']} is switched off")
                )
                continue
            omitted = {"key", "headers", "config", *unused(state["kind"], self._client.features())}
            kept = {name: value for name, value in state.items() if name not in omitted}
            config = {name: value for name, value in state["config"].items() if HIDDEN not in json.dumps(value)}
            if state["key"] or state["headers"] or config != state["config"]:
                self.warnings.append(
                    left_out(f"the key or headers of the connection {state['base_url']}", "they are secrets")
                )
            shared = addresses.count((state["kind"], same_url(state["base_url"]))) > 1
            prefix = {"prefix_id": state["prefix_id"]} if shared else {}
            found.append({**_without_empty(kept), **prefix, **({"config": config} if config else {})})
        return {"connections": found}

    def knowledge(self) -> Variables:
        """Return the knowledge bases, without their files."""
        # Pages may overlap.
        rows = {row["id"]: row for row in self._client.get_pages("knowledge/", "read the knowledge bases")}
        return {"knowledge": self._shared_rows("knowledge base", list(rows.values()))}

    def channels(self) -> Variables:
        """Return the channels that administrators created, without their messages; nothing if channels are off."""
        rows = channel_rows(self._client)
        return {} if rows is None else {"channels": self._shared_rows("channel", rows)}

    def _shared_rows(self, noun: str, rows: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
        """Return what has a name, a description and access, and nothing else that an export shows."""
        grants = access.Grants(self._client, self._groups)
        return [
            {
                "name": row["name"],
                "description": row.get("description") or "",
                **self._access(f"{noun} {row['name']}", grants.state(row)),
            }
            for row in self._unambiguous(rows)
        ]

    def objects(self, resource: Resource[Any], plural: str, no_fields: Tuple[str, ...] = ("id",)) -> Variables:
        """Return all objects of one kind with their access."""
        told = resource.gather([])
        # Of two prompts that differ only by the slash the second has its id as key; no module can address one of them.
        names = {str(key): bare(str(state.get("command") or key)) for key, state in told.items()}
        twice = {name for name in names.values() if list(names.values()).count(name) > 1}
        self.warnings += [
            left_out(f"the {resource.kind} {name}", "several objects have this name") for name in sorted(twice)
        ]
        # Access is read only where a desired object asks for it.
        nobody = access.wanted({})
        specs: Mapping[str, Any] = {"models": ModelSpec(access=nobody), "prompts": PromptSpec(access=nobody)}
        spec = specs.get(plural, CodeSpec(access=nobody))
        asked: List[Desired[Any]] = [Desired(key, spec=spec) for key, name in names.items() if name not in twice]
        states = resource.gather(asked)
        found = []
        for key in (desired.name for desired in asked):
            state = states[key]
            name = str(state.get("command") or state.get("id"))
            kept = {field: value for field, value in state.items() if field not in (*no_fields, "access")}
            picture = _picture(str(kept.pop("profile_image_url", "")))
            shared = self._access(f"{resource.kind} {name}", state["access"]) if "access" in state else {}
            found.append({**_without_empty(kept), **picture, **shared})
        return {plural: found}

    def skills(self) -> Variables:
        """Return the skills, if the version has them."""
        return self.objects(Skills(self._client), "skills", ()) if self._client.features().skills else {}

    def _known_permissions(self) -> Mapping[str, Mapping[str, Any]]:
        self._defaults = self._defaults or permissions.default_permissions(self._client)
        return self._defaults

    def _access(self, what: str, found: Mapping[str, Any]) -> Dict[str, Any]:
        """Return an access as an option, {} if the option cannot express it."""
        known = {str(row["name"]) for row in self._groups.rows()}
        names = [found[each] for each in access.PERMISSIONS]
        people = set(self._emails()) if any(who["users"] for who in names) else set()
        gone = any(set(who["groups"]) - known or set(who["users"]) - people for who in names)
        if gone or "other" in found:
            self.warnings.append(left_out(f"the access of the {what}", "it names deleted groups or accounts"))
            return {}
        return {"access": dict(found)}

    def _emails(self) -> List[str]:
        if self._known is None:
            self._known = list(emails_by_id(self._client).values())
        return self._known

    def _unambiguous(self, rows: Any) -> Iterator[Mapping[str, Any]]:
        names = [str(row["name"]) for row in rows]
        for row in rows:
            if names.count(str(row["name"])) == 1:
                yield row
            else:
                self.warnings.append(
                    left_out(f"the object {row['name']} (id {row['id']})", "another one has this name")
                )


SECTIONS: Mapping[str, Callable[[Export], Variables]] = {
    "settings": Export.settings,
    "default_permissions": Export.permissions,
    "groups": Export.groups,
    "users": Export.users,
    "connections": Export.connections,
    "knowledge": Export.knowledge,
    "channels": Export.channels,
    "tools": lambda self: self.objects(Tools(self._client), "tools", ()),
    "functions": lambda self: self.objects(Functions(self._client), "functions", ("type",)),
    "skills": Export.skills,
    "prompts": lambda self: self.objects(Prompts(self._client, whole=True), "prompts"),
    "models": lambda self: self.objects(Models(self._client), "models", ()),
}


def _is_secret(key: str, value: Any) -> bool:
    """Tell whether a setting is a secret; switches and numbers never are."""
    if value is None or isinstance(value, (bool, int, float)):
        return False
    return (is_secret(key) and isinstance(value, (str, list))) or any(secrets_in(masked(key, value)))


def _in_order(entry: Mapping[str, Any], options: Mapping[str, Any]) -> Dict[str, Any]:
    """Return an entry with its keys in the order of the module's options."""
    return {name: entry[name] for name in (*(name for name in options if name in entry), *entry)}


def _only(record: Mapping[str, Any], names: Tuple[str, ...]) -> Dict[str, Any]:
    return {name: record[name] for name in names if record.get(name) is not None}


def _without_empty(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a state without empty values."""
    return {name: value for name, value in state.items() if value not in (None, "", [], {})}


def _picture(shown: str) -> Dict[str, str]:
    return {"profile_image_url": shown} if shown.startswith(WHOLE_PICTURES) and shown != "/user.png" else {}
