"""The settings of a real Open WebUI by dotted key, whatever its version.

Before 0.10 a server shows one nested document of what was once saved. There its own table of settings, read inside the
container, tells which there are and what is in force, and `all_saved` saves them all, so that all are shown.
Nothing here is shared with the modules, whose writes it is to judge.
"""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

from conftest import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import Webui

TABLE = """
import json
from open_webui.config import PERSISTENT_CONFIG_REGISTRY
print("\\n" + json.dumps({each.config_path: each.value for each in PERSISTENT_CONFIG_REGISTRY}))
"""

# Null where nobody has set them, and what a null hides is not in force before 0.10.
LIMITS = {"rag.file.max_size": 1001, "rag.file.max_count": 1002}


def export(webui: Webui) -> dict[str, Any]:
    """Return all settings that the server shows, by dotted key."""
    shown: dict[str, Any] = webui.call("GET", "configs/export")
    if webui.features.settings_by_key:
        return shown
    settings = {name: value for name, value in shown.items() if name != "version"}
    return dict(_leaves("", settings, known(webui.container)))


def put(webui: Webui, settings: Mapping[str, Any]) -> None:
    """Write settings as an administrator would who knows the server's ways."""
    if webui.features.settings_by_key:
        webui.call("POST", "configs/import", {"config": settings})
    else:
        webui.call("POST", "configs/import", {"config": _placed(webui.call("GET", "configs/export"), settings)})


@contextlib.contextmanager
def settings_as_before(webui: Webui) -> Iterator[None]:
    """Put back all settings afterwards, but those that the server takes from its environment or from people alone."""
    before = webui.call("GET", "configs/export")
    yield
    kept = {key: value for key, value in before.items() if not key.startswith(("auth.mfa.", "oauth."))}
    webui.call("POST", "configs/import", {"config": kept})


@contextlib.contextmanager
def all_saved(webui: Webui) -> Iterator[None]:
    """Have the server show every setting; before 0.10 it gets limits, and forgets afterwards what was not saved."""
    if webui.features.settings_by_key:
        yield
        return
    document = webui.call("GET", "configs/export")
    known.cache_clear()
    put(webui, known(webui.container) | LIMITS)
    try:
        yield
    finally:
        put(webui, known(webui.container))
        _forget_limits(webui)
        webui.call("POST", "configs/import", {"config": document})


def _forget_limits(webui: Webui) -> None:
    """Have no limits in force again, which an import of nulls does not do; 0.8.12 does it and answers 500."""
    nothing = "" if webui.features.access_grants else None
    with contextlib.suppress(Refused):
        webui.call("POST", "retrieval/config/update", {"FILE_MAX_SIZE": nothing, "FILE_MAX_COUNT": nothing})
    shown = webui.call("GET", "retrieval/config")
    assert (shown["FILE_MAX_SIZE"], shown["FILE_MAX_COUNT"]) == (None, None)


@cache
def known(container: str) -> dict[str, Any]:
    """Return each setting that a server before 0.10 has, with what is in force."""
    done = subprocess.run(
        ["docker", "exec", container, "python3", "-c", TABLE], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _leaves(prefix: str, value: Mapping[str, Any], known_keys: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        key = f"{prefix}{name}"
        if key in known_keys or not isinstance(item, dict):
            yield key, item
        else:
            yield from _leaves(f"{key}.", item, known_keys)


def _placed(document: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(document))
    for key, value in settings.items():
        *path, last = key.split(".")
        at = result
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return result
