# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The features of each version of Open WebUI; the only place where versions are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import List, Mapping, Tuple


def _since(major: int, minor: int, patch: int = 0) -> Mapping[str, Tuple[int, int, int]]:
    return {"since": (major, minor, patch)}


@dataclass(frozen=True)
class Features:
    """The features of a server, each with the version that introduced it; by default those of the newest version."""

    version: str = ""
    """As the server reports it; empty if it could not be read."""
    admin_by_environment: bool = field(default=True, metadata=_since(0, 7))
    """`WEBUI_ADMIN_EMAIL` makes the first admin."""
    keys_of_admins: bool = field(default=True, metadata=_since(0, 8))
    """An administrator may have an API key without the permission `features.api_keys`."""
    access_grants: bool = field(default=True, metadata=_since(0, 8))
    """Access is a list of grants with a call of its own, and none is private. Before, none was public."""
    headers_in_lists: bool = field(default=True, metadata=_since(0, 8))
    """The headers of a back end go with the question for its models. Before, with chats only."""
    prompts_by_id: bool = field(default=True, metadata=_since(0, 8))
    """Prompts have an id and a `name`. Before, they are known by their command and have a `title`."""
    share_with_members: bool = field(default=True, metadata=_since(0, 8))
    """A group's members may be the ones who share with it. Before, it is everybody or nobody."""
    skills: bool = field(default=True, metadata=_since(0, 8))
    """There are skills."""
    responses_api: bool = field(default=True, metadata=_since(0, 8))
    """A connection may be asked by OpenAI's Responses API (`api_type`)."""
    terminal_servers: bool = field(default=True, metadata=_since(0, 8))
    """There are servers with terminals, and a call that writes them."""
    base_access: bool = field(default=True, metadata=_since(0, 9))
    """A preset works only for those who may see its base model."""
    pictures_by_address: bool = field(default=True, metadata=_since(0, 9))
    """An account's picture may be the address of one, which is looked at. Before, see `pictures_of_the_web`."""
    partial_user_update: bool = field(default=True, metadata=_since(0, 10))
    """An account takes any of its fields. Before, all of them are required."""
    settings_by_key: bool = field(default=True, metadata=_since(0, 10))
    """`configs/import` sets the keys that it is given. Before, it replaces all of them, nested."""
    knowledge_folders: bool = field(default=True, metadata=_since(0, 10))
    """Knowledge has folders, and tells what differs from a manifest."""
    long_upload_names: bool = field(default=True, metadata=_since(0, 10))
    """An upload may have a name that the server's disk cannot store with an id before it."""
    provider_names: bool = field(default=True, metadata=_since(0, 10))
    """A connection says what kind of server is behind it (`provider`)."""
    base_row: bool = field(default=True, metadata=_since(0, 11))
    """A base model without a row is the administrators' alone. Before, it did not limit its presets."""
    linked_uploads: bool = field(default=True, metadata=_since(0, 12))
    """An upload is in its knowledge base when it is completed. 0.10 reports it completed before, and hides failures."""
    no_blank_model_ids: bool = field(default=True, metadata=_since(0, 11, 4))
    """The id of a model that has a row holds no blank, and one that does can only be deleted (its release notes)."""
    nested_groups: bool = field(default=True, metadata=_since(0, 12))
    """A group may lie in another."""
    group_models: bool = field(default=True, metadata=_since(0, 12))
    """A group's members may have default models of their own."""
    all_models: bool = field(default=True, metadata=_since(0, 12))
    """`models/all` lists every model that has a row."""
    model_history: bool = field(default=True, metadata=_since(0, 12))
    """A model keeps its earlier versions."""
    tool_meta: bool = field(default=True, metadata=_since(0, 12))
    """A tool keeps all of its `meta`. Before, only a description."""
    prompt_drafts: bool = field(default=True, metadata=_since(0, 12))
    """A prompt may have versions that are not in force."""
    revocable_sessions: bool = field(default=True, metadata=_since(0, 12))
    """The sessions of an account can be ended, and end with its password."""
    ollama_headers: bool = field(default=True, metadata=_since(0, 12))
    """Headers and `auth_type` of an Ollama connection go with every call. 0.10 sends headers with chats alone."""
    channel_access: bool = field(default=True, metadata=_since(0, 12))
    """The access of a channel has a call of its own. Before, it goes with an update."""
    second_factor: bool = field(default=True, metadata=_since(0, 12))
    """There is MFA, and some settings want a human session."""

    @property
    def pictures_of_the_web(self) -> bool:
        """An account's picture may be an http or https address. 0.8 accepts none, 0.6 accepts anything."""
        return self.pictures_by_address or not self.access_grants

    def lacking(self, what: str, feature: str, instead: str = "leave it out") -> List[str]:
        """Return a sentence on the version that an option needs; none if this version has the feature."""
        if getattr(self, feature):
            return []
        major, minor, _patch = next(each.metadata["since"] for each in fields(self) if each.name == feature)
        return [f"{what} needs Open WebUI {major}.{minor} or newer, and the server is {self.version}; {instead}"]

    @classmethod
    def of(cls, version: str) -> Features:
        """Return the features of a version; one that cannot be read counts as the newest."""
        found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
        if not found:
            return cls()
        release = tuple(int(number or 0) for number in found.groups())
        since = {each.name: each.metadata["since"] for each in fields(cls) if each.metadata}
        return cls(version, **{name: release >= first for name, first in since.items()})
