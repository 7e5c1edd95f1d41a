# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options of a task the log and ``invocation`` may show, and the secrets in the options.

Ansible shows every option without ``no_log``. This collection shows an option only if its type cannot contain a secret,
or if PLAIN lists it. A house test fails for an option that is in none of the tables.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterator, Mapping, Optional

from . import secrets

MASK = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
NOT_LOGGED = "NOT_LOGGING_PARAMETER"
# Of a longer list only the number of entries is shown.
MAX_SHOWN_ENTRIES = 50


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


CLOSED = frozenset(("bool", "int", "float", "path"))
"""Types whose values cannot be secrets."""

PLAIN = _words(
    """
    action actions address address_option admin_email allowed api_type api_version auth_type base base_model
    base_url bridge command connection_type csv default_models digest egress egress_lease email embedding_model
    excludes filters gpu groups hosts id image images insecure keep_alive kind knowledge lease members
    mirror model_ids model_order mtu name network network_mtu new_option ollama_urls option owner parent
    patterns prefix_id provider quantize query results role sections skills source tags title tools url urls users
    users_csv variables version volume what
    """
)
"""Options of type ``str``, or lists of ``str``, with names and URLs. A secret in a URL is masked."""

FREE_TEXT = _words(
    """
    content csv_content description modelfile profile_image_url system template
    """
)
"""Options of type ``str`` with code, prose or data. They are never logged, and masked in ``invocation``."""

FREE_FORM = _words(
    """
    adapters capabilities channels config connections default_permissions docker files functions gpu_devices groups
    headers i18n ignore knowledge labels license meta models parameters params permissions prompts proxies rules
    settings skills suggestions tools users valves
    """
)
"""Options without declared keys (``dict``, ``raw``). They are never logged; ``invocation`` has only their keys."""

Spec = Mapping[str, Any]
Params = Mapping[str, Any]


def logged(spec: Spec, params: Params) -> Dict[str, Any]:
    """Return what the log may show of each option: its value, or NOT_LOGGING_PARAMETER."""
    return {name: _logged(name, _option(spec, name), value) for name, value in params.items()}


def shown(spec: Spec, params: Params) -> Dict[str, Any]:
    """Return the options as ``invocation`` may show them, also if they violate the argument spec."""
    return {name: _shown(name, _option(spec, name), value) for name, value in params.items()}


def secrets_of(spec: Spec, params: Params) -> Iterator[str]:
    """Yield the secrets in the options: the values of ``no_log`` options, and secrets within the others."""
    for name, value in params.items():
        if value is None:
            continue
        option = _option(spec, name) or {}
        if option.get("no_log"):
            # The text of a table of accounts is no secret itself; who reads it knows which of its cells are.
            if name not in FREE_TEXT:
                yield from secrets.leaves(value)
                yield from secrets.secrets_in(value, name)
        elif option.get("options") is not None:
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, Mapping):
                    yield from secrets_of(option["options"], entry)
                else:
                    yield from secrets.secrets_in(entry, name)
        elif _kind(option) in ("dict", "raw"):
            yield from secrets.secrets_in(value, name)
        elif _kind(option) == "str":
            find = secrets.in_address if name in PLAIN else secrets.unmistakable
            for text in secrets.leaves(value):
                yield from find(text[: secrets.MAX_SCANNED])


def unchecked_values(spec: Spec, params: Params) -> Iterator[str]:
    """Yield the values of options that are not shown, which an error about the options may repeat."""
    for name, value in params.items():
        option = _option(spec, name)
        entries = value if isinstance(value, list) else [value]
        if option and option.get("options") is not None and all(isinstance(entry, Mapping) for entry in entries):
            for entry in entries:
                yield from unchecked_values(option["options"], entry)
        elif option is None or option.get("no_log") or not _is_plain(name, option):
            yield from secrets.leaves(value)
            if isinstance(value, (list, Mapping)):
                # Ansible quotes an invalid entry in its error.
                yield from (str(entry) for entry in entries if isinstance(entry, (list, Mapping)))


def _option(spec: Spec, name: str) -> Optional[Mapping[str, Any]]:
    option = spec.get(name)
    if option is None:
        option = next((one for one in spec.values() if name in (one.get("aliases") or ())), None)
    return option


def _kind(option: Mapping[str, Any]) -> str:
    kind = option.get("type", "str")
    return str(option.get("elements", "str") if kind == "list" else kind)


def _is_plain(name: str, option: Mapping[str, Any]) -> bool:
    if option.get("options") is not None or option.get("no_log"):
        return False
    return _kind(option) in CLOSED or bool(option.get("choices")) or (_kind(option) == "str" and name in PLAIN)


def _logged(name: str, option: Optional[Mapping[str, Any]], value: Any) -> Any:
    if value is None:
        return None
    return _shown(name, option, value) if option and _is_plain(name, option) else NOT_LOGGED


def _shown(name: str, option: Optional[Mapping[str, Any]], value: Any) -> Any:
    if isinstance(value, list) and len(value) > MAX_SHOWN_ENTRIES:
        return f"{len(value)} entries"
    if option is None or option.get("no_log"):
        return secrets.without_values(value, MASK) if option is None else MASK if value else value
    inner = option.get("options")
    if inner is not None:
        if isinstance(value, list):
            return [_shown(name, {"options": inner}, item) for item in value]
        return shown(inner, value) if isinstance(value, Mapping) else secrets.without_values(value, MASK)
    if not _is_plain(name, option) or isinstance(value, Mapping):
        return secrets.without_values(value, MASK)
    if isinstance(value, list):
        return [_shown(name, option, item) for item in value]
    return secrets.redacted_text(value, secrets.in_address) if isinstance(value, str) else value
