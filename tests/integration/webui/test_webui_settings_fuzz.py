"""Random settings in random forms on a real Open WebUI, against a second telling of the rules; and killed runs.

The oracle below says what a desired object makes of the export; it shares no code with the module.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Webui
from fuzzing import SEED, scaled
from known_settings import all_saved, export, put
from recorder import Recorder
from runner import killed_in_requests, succeed, unchanged

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.resource import converge_settings
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.spec import (
    SETTINGS_OPTIONS,
)

STATES, KILLS = scaled(60), scaled(5, 3)
WORDS = (
    "",
    "x",
    "a b",
    "ä😀",
    "<b>&amp;</b>",
    "'; --",
    "{{ x }}",
    "line\nline",
    "\u202ertl",
    "\x07bell",
    "%s",
    "9",
    "true",
)
NUMBER_OR_EMPTY = ("automations.max_count", "folders.max_file_count", "web.loader.timeout", "rag.mineru_api_timeout")
NULL_OR_NUMBER = ("rag.file.max_count", "rag.file.max_size", "skills.content_max_chars", "web.fetch.max_content_length")
NULL_OR_TEXT = ("ui.default_pinned_models", "auth.admin.email", "audio.realtime.prompt_template")
CHOICES = {
    "ui.default_user_role": ("pending", "user", "admin"),
    "channels.model_response_mode": ("thread", "channel"),
    "auth.jwt_expiry": ("4w", "-1", "0", "1.5h", "90m"),
    "audio.realtime.provider": ("openai", "azure"),
    "audio.realtime.auth_type": ("api_key", "microsoft_entra_id"),
}
# What loads models, what belongs together by place, and what decides who may call.
APART = (
    *("audio.stt.engine", "audio.stt.whisper_model", "rag.enable_hybrid_search", "rag.embedding_engine"),
    *("automations.min_interval", "web.loader.firecrawl_timeout", "ui.default_models", "tool_server.connections"),
    *("terminal_server.connections", "evaluation.arena.models", "image_generation.comfyui.nodes"),
    "images.edit.comfyui.nodes",
)


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    with all_saved(webui):
        before = export(webui)
        yield
        now = export(webui)
        put(webui, {key: value for key, value in before.items() if now[key] != value})
        webui.call("POST", "retrieval/embedding/update", webui.call("GET", "retrieval/embedding"))


def run(url: str, token: str, said: Any, check: bool) -> dict[str, Any]:
    params = {**dict.fromkeys(SETTINGS_OPTIONS), **said, "url": url, "token": token, "timeout": 30.0}
    params.update(validate_certs=True, ca_path=None, admin_email=None, admin_password=None)
    return converge_settings(Client(params, check), params, by_api_key=False, check_mode=check).single()


def value(pick: random.Random, key: str, current: Any, nulls: bool) -> Any:
    """Return a valid value for a setting, sometimes the one that is there; a null only where ``nulls`` are taken."""
    if pick.random() < 0.2 and (nulls or current is not None):
        return copy.deepcopy(current)
    number, words = pick.randrange(1, 999), pick.choice(WORDS)
    if key in CHOICES:
        return pick.choice(CHOICES[key])
    if key in NUMBER_OR_EMPTY:
        return pick.choice(("", number))
    if key in NULL_OR_NUMBER:
        return pick.choice((None, number)) if nulls else number
    if key in NULL_OR_TEXT:
        return pick.choice((None, words)) if nulls else words
    if key == "ui.visibility":
        return {name: pick.choice((None, True, False)) for name in pick.sample("abcd", 2)}
    if key == "user.permissions":
        section = pick.choice(sorted(current))
        return {section: {name: pick.random() < 0.5 for name in pick.sample(sorted(current[section]), 1)}}
    if isinstance(current, dict):
        return {name: pick.choice((None, number, words, [words], {"in": number})) for name in pick.sample("abcd", 2)}
    return plain(pick, current, number, words)


def plain(pick: random.Random, current: Any, number: int, words: str) -> Any:
    if isinstance(current, bool):
        return pick.random() < 0.5
    if isinstance(current, int):
        return number
    if isinstance(current, float):
        return pick.choice((number, number / 8))
    if isinstance(current, list):
        return [pick.choice(WORDS) for _number in range(pick.randrange(4))]
    return words


def pool(settings: dict[str, Any]) -> list[Any]:
    """Return the settings whose kind the oracle knows."""
    known = {*CHOICES, *NUMBER_OR_EMPTY, *NULL_OR_NUMBER, *NULL_OR_TEXT}
    return sorted(
        key
        for key, present in settings.items()
        if key in known
        or not (
            key.startswith(("oauth.", "auth.mfa.", "openai.", "ollama.", "skills.")) or key in APART or present is None
        )
        and key not in ("ui.banners", "ui.prompt_suggestions", "rag.embedding_model", "rag.relevance_threshold")
    )


def written(pick: random.Random, desired: dict[str, Any]) -> dict[str, Any]:
    """Return a desired object in one of its many forms: each name is cut at random places."""
    said: dict[str, Any] = {}
    for key, wanted in desired.items():
        at, parts = said, key.split(".")
        while len(parts) > 1 and pick.random() < 0.6:
            cut = pick.randrange(1, len(parts))
            at = at.setdefault(".".join(parts[:cut]), {})
            parts = parts[cut:]
        at[".".join(parts)] = wanted
    return said


def expected(settings: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """Return what a desired object makes of all settings."""
    after = copy.deepcopy(settings)
    for key, wanted in desired.items():
        after[key] = merge(after[key], wanted) if isinstance(wanted, dict) else wanted
    return after


def merge(current: Any, said: Any) -> Any:
    result = copy.deepcopy(current)
    for name, item in said.items():
        if item is None:
            result.pop(name, None)
        elif isinstance(item, dict) and isinstance(result.get(name), dict):
            result[name] = merge(result[name], item)
        else:
            result[name] = item
    return result


def bare(settings: object) -> str:
    return json.dumps(settings, sort_keys=True)


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what two sets of settings have otherwise, by key."""
    return {
        key: (one.get(key), other.get(key))
        for key in one.keys() | other.keys()
        if bare(one.get(key)) != bare(other.get(key)) or (key in one) != (key in other)
    }


def test_random_settings_converge_and_nothing_else_moves(webui: Webui, recorder: Recorder) -> None:
    pick = random.Random(SEED)
    start = export(webui)
    keys = pool(start)
    by_key = webui.features.settings_by_key
    assert len(keys) > (300 if by_key else 200)
    changed, touched = 0, set()
    for number in range(STATES):
        before = export(webui)
        desired = {key: value(pick, key, before[key], by_key) for key in pick.sample(keys, pick.randrange(1, 13))}
        said = {"settings": written(pick, desired)}
        after = expected(before, desired)
        recorder.clear()
        foreseen = run(recorder.url, webui.token, said, True)
        assert not recorder.writes(), number
        assert foreseen["changed"] == (bare(after) != bare(before)), (number, desired, foreseen)
        done = run(recorder.url, webui.token, said, False)
        assert done["diff"] == foreseen["diff"], (number, said)
        assert differing(export(webui), after) == {}, (number, said)
        recorder.clear()
        again = run(recorder.url, webui.token, said, False)
        assert not again["changed"], (number, said, again["diff"])
        # Before 0.10 a setting may have had another name, so that each place where it would show is looked at.
        assert recorder.seen() == ["GET /api/v1/configs/export"] if by_key else not recorder.writes()
        assert again["settings"].keys() == done["settings"].keys()
        changed += done["changed"]
        touched |= {key for key in desired if before[key] != after[key]}
    assert changed > STATES * 0.8
    assert len(touched) > scaled(len(keys) // 3)


def test_a_run_that_is_killed_at_a_random_moment_is_finished_by_the_next(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    pick = random.Random("kills")
    mapping = "audio.tts.openai.params"
    ended = 0
    for number in range(KILLS):
        settings = {"ui.watermark": f"w{number}", "rag.embedding_batch_size": number + 2, mapping: {"k": number}}
        settings["user.permissions.chat.delete"] = bool(number % 2)
        before = export(webui)
        arguments = by_token(settings=settings, banners=[{"content": f"{number}-{place}"} for place in range(20)])
        ended += killed_in_requests("webui_settings", arguments, recorder, pick.randint(1, 4))
        succeed("webui_settings", arguments)
        unchanged("webui_settings", arguments, recorder)
        now = export(webui)
        assert [banner["content"] for banner in now["ui.banners"]] == [f"{number}-{place}" for place in range(20)]
        assert webui.call("GET", "retrieval/embedding")["RAG_EMBEDDING_BATCH_SIZE"] == number + 2
        own = {"ui.banners", "ui.watermark", "rag.embedding_batch_size", mapping, "user.permissions"}
        assert {key: now[key] for key in now.keys() - own} == {key: before[key] for key in before.keys() - own}
    assert ended > KILLS / 2
