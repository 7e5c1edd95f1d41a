# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an instance, in the order in which one needs the other: read from a task, and ready to be converged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...engine.converge import Desired, Outcome, Step, converge
from ...engine.entries import refuse_to_purge_all
from ...engine.errors import Failure
from ..accounts.sources import read_accounts
from ..accounts.spec import desired_users
from ..api.client import Client, is_api_key
from ..connections.spec import desired_apis
from ..groups.default_permissions import DefaultPermissions, desired_permissions
from ..groups.resource import ManagedGroups
from ..groups.spec import GroupSpec
from ..models.embedders import converge_models
from ..settings.lists import LIST_OPTIONS
from ..settings.resource import converge_settings
from ..settings.spec import SETTINGS_OPTIONS, desired_settings
from .kinds import KINDS

# A host compiles a module anew for each task, so what only some tasks need is imported where they need it.
Params = Mapping[str, Any]
Result = Dict[str, Any]
LISTS = tuple(KINDS)
PURGED = tuple(name for name, kind in KINDS.items() if kind.purgeable)
"""The lists that can be purged."""
USERS_AT_ONCE = 8
"""The server hashes a password for each new account, which takes one of its cores a third of a second."""
ENTRIES: Dict[str, Any] = {"type": "list", "elements": "dict"}
SWITCH: Dict[str, Any] = {"type": "bool", "default": False}

INSTANCE_OPTIONS: Dict[str, Any] = {
    **SETTINGS_OPTIONS,
    "default_permissions": {"type": "dict"},
    **dict.fromkeys(LISTS, ENTRIES),
    **{f"{name}_purge": SWITCH for name in PURGED},
    "groups_purge_external": SWITCH,
    "users_csv": {"type": "str"},
    "users_csv_content": {"type": "str", "no_log": True},
    "users_purge_admins": SWITCH,
    "users_purge_external": SWITCH,
    "enable_ollama": {"type": "bool"},
    "enable_openai": {"type": "bool"},
    "hide_embedding_models": {"type": "bool"},
    "workers": {"type": "int", "default": 4},
}


@dataclass(frozen=True)
class Hooks:
    """What a module lends: ``warn`` tells a person, ``hide`` masks secrets that only the server knows."""

    warn: Callable[[str], None]
    hide: Callable[[List[str]], None]


@dataclass(frozen=True)
class Part:
    """One part of an instance. ``converge`` returns its result, as the module of the part alone would."""

    name: str
    converge: Callable[[Client, bool], Result]
    makes: Tuple[str, ...] = ()
    """The names of the objects that are there afterwards, for the parts that name them."""


Reader = Callable[[Params], Iterator[Part]]


def parts_of(params: Params, hooks: Hooks) -> List[Part]:
    """Return the parts that a task gives; raise one Failure with all that is wrong with any of them."""
    read = [_read(reader, params) for reader in _readers(hooks)]
    refuse_all([found for found in read if isinstance(found, Failure)])
    return [part for found in read if not isinstance(found, Failure) for part in found]


def _readers(hooks: Hooks) -> Tuple[Reader, ...]:
    """Return what reads each part, in the order in which one needs the other."""
    return (
        _settings,
        _default_permissions,
        _groups,
        partial(_users, warn=hooks.warn),
        _members,
        _connections,
        _knowledge,
        *(
            partial(_listed, plural, hide=hooks.hide)
            for plural in ("channels", "tools", "functions", "skills", "prompts")
        ),
        _models,
    )


def _read(reader: Reader, params: Params) -> Union[List[Part], Failure]:
    try:
        return list(reader(params))
    except Failure as failure:
        return failure


def refuse_all(failures: Sequence[Failure]) -> None:
    """Raise what is wrong with any of the parts as one Failure."""
    messages = list(dict.fromkeys(failure.message for failure in failures))
    problems = [problem for failure in failures for problem in failure.details.get("problems") or [failure.message]]
    if messages:
        raise Failure(" ".join(messages), problems=list(dict.fromkeys(problems)))


def _settings(params: Params) -> Iterator[Part]:
    given = {name: params[name] for name in SETTINGS_OPTIONS}
    if given["settings"] or any(given[name] is not None for name in LIST_OPTIONS):
        desired_settings(given)
        by_api_key = is_api_key(params["token"])
        yield Part(
            "settings",
            lambda client, check: converge_settings(client, given, by_api_key, check).single(),
            tuple(_switched_on(given["settings"] or {})),
        )


def _switched_on(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the names of the settings that are true: later parts may need what they switch on."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _switched_on(value, f"{prefix}{key}.")
        elif value is True:
            yield f"{prefix}{key}"


def _default_permissions(params: Params) -> Iterator[Part]:
    if params["default_permissions"]:
        desired = desired_permissions(params["default_permissions"])
        yield Part(
            "default_permissions",
            lambda client, check: converge(DefaultPermissions(client), [desired], check_mode=check).single(),
        )


def _groups(params: Params) -> Iterator[Part]:
    """Yield the groups without their members, who may be accounts that are yet to be made."""
    if _is_given(params, "groups"):
        bare = [replace(desired, spec=_without_members(desired.spec)) for desired in _desired("groups", params)]
        yield _part(params, "groups", bare)


def _without_members(spec: GroupSpec) -> GroupSpec:
    return replace(spec, members=None, purge_members=False)


def _members(params: Params) -> Iterator[Part]:
    # All entries are read, so that messages count them as the task does.
    every = _desired("groups", params)
    peopled = [desired for desired in every if desired.present and desired.spec.members is not None]
    if peopled:

        def run(client: Client, check: bool) -> Result:
            outcome = converge(ManagedGroups(client), peopled, check_mode=check, workers=params["workers"])
            return replace(outcome, steps=tuple(_of_members(outcome.steps))).many("groups")

        yield Part("members", run)


def _of_members(steps: Sequence[Step[Any]]) -> Iterator[Step[Any]]:
    """Yield the steps as they will be once the groups are there: a check run would make the groups a second time."""
    for step in steps:
        if step.action != "create":
            yield step
        elif (step.after or {})["members"]:
            yield replace(step, action="update", before={"members": []}, changes=("members",))


def _users(params: Params, warn: Callable[[str], None]) -> Iterator[Part]:
    if not _is_given(params, "users") and params["users_csv_content"] is None and params["users_csv"] is None:
        return
    path, content = params["users_csv"], params["users_csv_content"]
    entries = read_accounts(
        _validated("users", params), path, content, warn, option="users_csv", module="webui_instance"
    )
    at_once = max(params["workers"], USERS_AT_ONCE)
    yield _part({**params, "workers": at_once}, "users", desired_users(entries))


def _connections(params: Params) -> Iterator[Part]:
    all_desired = _desired("connections", params)
    purge = params["connections_purge"]
    switches = {"ollama": params["enable_ollama"], "openai": params["enable_openai"]}
    all_desired += desired_apis(all_desired, switches, ordered=purge)
    if all_desired or purge:
        # The first step writes all of a kind.
        yield _part({**params, "workers": 1}, "connections", all_desired)


def _knowledge(params: Params) -> Iterator[Part]:
    entries = _validated("knowledge", params)
    KINDS["knowledge"].all_desired(entries)
    for entry in entries:

        def run(client: Client, check: bool, entry: Mapping[str, Any] = entry) -> Result:
            from ..knowledge.run import fill

            return fill(entry, client, check)

        yield Part("knowledge", run, (entry["name"],) if entry["state"] == "present" else ())


def _listed(plural: str, params: Params, hide: Callable[[List[str]], None]) -> Iterator[Part]:
    if _is_given(params, plural):
        yield _part({**params, "hide": hide}, plural, _desired(plural, params))


def _models(params: Params) -> Iterator[Part]:
    hide = params["hide_embedding_models"]
    if hide is None and not _is_given(params, "models"):
        return
    all_desired = _desired("models", params)
    _refuse_to_purge_all(params, "models", all_desired)

    def run(client: Client, check: bool) -> Result:
        purge, workers = params["models_purge"], params["workers"]
        return converge_models(client, all_desired, hide, check_mode=check, purge=purge, workers=workers).many("models")

    yield Part("models", run)


def _part(params: Params, plural: str, all_desired: Sequence[Desired[Any]]) -> Part:
    """Return the part of a list."""
    _refuse_to_purge_all(params, plural, all_desired)
    purge = bool(params.get(f"{plural}_purge"))
    switches = {name.removeprefix(f"{plural}_"): value for name, value in params.items()}

    def run(client: Client, check: bool) -> Result:
        resource = KINDS[plural].resource(client, switches)
        outcome: Outcome = converge(resource, all_desired, check_mode=check, purge=purge, workers=params["workers"])
        return outcome.many(plural)

    return Part(plural, run, tuple(desired.name for desired in all_desired if desired.present))


def _refuse_to_purge_all(params: Params, plural: str, all_desired: Sequence[Desired[Any]]) -> None:
    if params.get(f"{plural}_purge"):
        refuse_to_purge_all(all_desired, plural)


def _is_given(params: Params, plural: str) -> bool:
    return bool(params[plural]) or bool(params.get(f"{plural}_purge"))


def _desired(plural: str, params: Params) -> List[Desired[Any]]:
    return KINDS[plural].all_desired(_validated(plural, params))


def _validated(plural: str, params: Params) -> List[Dict[str, Any]]:
    """Return the entries of a list with all options that an entry has; raise a Failure for one that does not fit."""
    spec = {plural: {**ENTRIES, "options": KINDS[plural].options}}
    result = ArgumentSpecValidator(spec).validate({plural: params[plural] or []})
    if result.error_messages:
        raise Failure("; ".join(result.error_messages).rstrip(".") + ".")
    entries: Optional[List[Dict[str, Any]]] = result.validated_parameters[plural]
    return entries or []
