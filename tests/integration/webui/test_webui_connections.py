"""webui_connection and webui_connections on a real Open WebUI, with a real Ollama behind it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from back_ends import FRESH, BackEnd, both, config, models
from conftest import Webui
from known_settings import put
from recorder import Recorder
from runner import fail, hides, quadruple, run, sentence, succeed, unchanged

VERIFY = ("POST /openai/verify", "POST /ollama/verify")
MODEL = "connected:latest"


@pytest.fixture(autouse=True)
def _fresh(webui: Webui) -> Iterator[None]:
    before = both(webui)
    for kind, lists in FRESH.items():
        config(webui, kind, lists)
    yield
    for kind, lists in before.items():
        config(webui, kind, lists)


@pytest.fixture(scope="module")
def ollama(bed: dict[str, Any]) -> Iterator[str]:
    """The address of the bed's Ollama as Open WebUI reaches it; it has one model."""
    name = f"{bed['bed']}-ollama:11434"
    succeed("ollama_model", {"url": bed["ollama_url"], "name": MODEL, "files": [bed["tiny_gguf"]]})
    yield f"http://{name}"
    succeed("ollama_model", {"url": bed["ollama_url"], "name": MODEL, "state": "absent"})


@pytest.fixture
def back_end(bed: dict[str, Any]) -> Iterator[BackEnd]:
    shown = ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", bed["network"]]
    double = BackEnd(subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip())
    yield double
    double.close()


@pytest.fixture
def by_proxy(webui: Webui) -> Iterator[tuple[Callable[..., Any], Any]]:
    """Module arguments past a recorder that knows that verifying writes nothing."""
    proxy = Recorder(webui.url, reads=VERIFY)
    yield lambda **more: {"url": proxy.url, "token": webui.token, **more}, proxy
    proxy.close()


def test_an_ollama_brings_its_models_with_prefix_and_tags(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], ollama: str
) -> None:
    said = by_token(kind="ollama", base_url=f"{ollama}/", prefix_id="house", tags=["local", "free"])
    runs = quadruple("webui_connection", said, recorder, lambda: both(webui))
    assert config(webui, "ollama")["OLLAMA_BASE_URLS"] == [ollama]
    found = models(webui, f"house.{MODEL}")
    assert {tag["name"] for tag in found[f"house.{MODEL}"]["tags"]} == {"local", "free"}
    assert runs.done["connection"]["prefix_id"] == "house"
    assert runs.done["connection"]["key"] == ""
    assert config(webui, "openai") == FRESH["openai"]
    quadruple("webui_connection", by_token(kind="ollama", base_url=ollama, state="absent"), recorder)
    if webui.forgets_the_last_model:
        models(webui, gone=[MODEL, f"house.{MODEL}"])


def test_the_same_ollama_by_openai_s_api_with_a_key_and_a_filter(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], ollama: str
) -> None:
    said = by_token(
        connections=[{"kind": "openai", "base_url": f"{ollama}/v1", "key": "sk-of-v1", "prefix_id": "v1"}],
        enable_openai=True,
        purge=True,
    )
    runs = quadruple("webui_connections", said, recorder, lambda: both(webui))
    models(webui, f"v1.{MODEL}")
    assert runs.done["enabled"] == {"openai": True}
    assert [(step["action"], step["name"]) for step in runs.done["plan"]] == [
        ("create", f"openai {ollama}/v1 (prefix v1)"),
        ("update", "OpenAI API"),
        ("delete", "openai https://api.openai.example/v1"),
    ]
    filtered = by_token(kind="openai", base_url=f"{ollama}/v1", model_ids=["other", "none"])
    quadruple("webui_connection", filtered, recorder)
    models(webui, "v1.other", "v1.none", gone=[f"v1.{MODEL}"])
    assert config(webui, "openai")["OPENAI_API_KEYS"] == ["sk-of-v1"]


def test_key_and_headers_arrive_and_are_never_shown(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], back_end: BackEnd
) -> None:
    config(webui, "openai", {**FRESH["openai"], "ENABLE_OPENAI_API": True, "OPENAI_API_BASE_URLS": []})
    said = by_token(
        kind="openai", base_url=back_end.url, key="sk-first-key", headers={"X-Proxy": "secret-of-the-proxy"}
    )
    runs = quadruple("webui_connection", said, recorder, lambda: both(webui))
    models(webui, "small", "large")
    assert back_end.headers[-1]["authorization"] == "Bearer sk-first-key"
    assert back_end.headers[-1].get("x-proxy") == ("secret-of-the-proxy" if webui.features.headers_in_lists else None)
    other = quadruple("webui_connection", {**said, "key": "sk-second-key"}, recorder, lambda: both(webui))
    assert other.done["diff"] == {"before": {"key": "********"}, "after": {"key": "********"}}
    back_end.seen(webui, "authorization", "Bearer sk-second-key")
    assert back_end.headers[-1].get("x-proxy") == ("secret-of-the-proxy" if webui.features.headers_in_lists else None)
    info = succeed("webui_connection_info", by_token())
    assert info["connections"][0]["key"] == "********"
    assert info["connections"][0]["headers"] == {"X-Proxy": "********"}
    quadruple("webui_connection", {**said, "key": ""}, recorder)
    back_end.seen(webui, "authorization", None)
    assert succeed("webui_connection_info", by_token(kind="openai"))["connections"][0]["key"] == ""
    for result in (runs.foreseen, runs.done, runs.again, other.foreseen, other.done, info):
        hides(result, "sk-first-key", "sk-second-key", "secret-of-the-proxy")


def test_whatever_moves_takes_its_key_and_config_along(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    urls = [f"http://back-end-{number}.example/v1" for number in range(5)]
    lists = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": urls,
        "OPENAI_API_KEYS": ["k0", "k1", "k2"],
        "OPENAI_API_CONFIGS": {"1": {"prefix_id": "one"}, "3": {"unknown": {"deep": [1]}}, "4": {"enable": False}},
    }
    config(webui, "openai", lists)
    gone = by_token(connections=[{"kind": "openai", "base_url": urls[number], "state": "absent"} for number in (0, 2)])
    recorder.clear()
    quadruple("webui_connections", gone, recorder, lambda: both(webui))
    assert len(recorder.requests) == 1, recorder.seen()
    assert config(webui, "openai") == {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [urls[1], urls[3], urls[4]],
        "OPENAI_API_KEYS": ["k1", "", ""],
        "OPENAI_API_CONFIGS": {"0": {"prefix_id": "one"}, "1": {"unknown": {"deep": [1]}}, "2": {"enable": False}},
    }


def test_configs_by_address_are_kept_and_renewed(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    legacy = {
        "openai.api_base_urls": ["http://a.example/v1", "http://b.example/v1"],
        "openai.api_keys": ["ka"],
        "openai.api_configs": {"http://b.example/v1": {"prefix_id": "old"}},
    }
    put(webui, legacy)
    said = by_token(kind="openai", base_url="http://B.example:80/v1/", tags=["t"])
    quadruple("webui_connection", said, recorder, lambda: both(webui))
    after = config(webui, "openai")
    assert after["OPENAI_API_CONFIGS"] == {"1": {"prefix_id": "old", "tags": [{"name": "t"}]}}
    assert after["OPENAI_API_KEYS"] == ["ka", ""]


def test_many_changes_of_two_kinds_cost_one_write_each(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    entries = [
        {
            "kind": kind,
            "base_url": f"http://{kind}-{number}.example:11434",
            "key": f"key-{number}",
            "tags": [f"{number}"],
        }
        for number in range(10)
        for kind in FRESH
    ]
    succeed("webui_connections", by_token(connections=entries))
    assert sorted(recorder.writes()) == ["POST /ollama/config/update", "POST /openai/config/update"]
    # Both lists before and after, what both offer, and whether the server keeps what is written; before 0.10 also
    # whether it heeds what it keeps.
    assert len(recorder.requests) == (12 if webui.features.settings_by_key else 14)
    unchanged("webui_connections", by_token(connections=entries), recorder)
    assert recorder.seen() == ["GET /ollama/config", "GET /openai/config"]
    ollamas = config(webui, "ollama")
    assert ollamas["OLLAMA_API_CONFIGS"]["7"] == {"key": "key-7", "tags": [{"name": "7"}]}
    assert config(webui, "openai")["OPENAI_API_KEYS"][1:] == [f"key-{number}" for number in range(10)]


def test_purge_and_order_are_of_the_kinds_that_are_listed(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    urls = [f"http://o{number}.example" for number in range(4)]
    config(webui, "ollama", {**FRESH["ollama"], "OLLAMA_BASE_URLS": urls, "OLLAMA_API_CONFIGS": {"3": {"key": "k"}}})
    listed = [{"kind": "ollama", "base_url": url} for url in (urls[3], "http://new.example", urls[1])]
    ordered = quadruple(
        "webui_connections", by_token(connections=listed, order="listed"), recorder, lambda: both(webui)
    )
    assert ordered.done["plan"][-1] == {"action": "update", "name": "Ollama API", "fields": ["order"]}
    assert config(webui, "ollama")["OLLAMA_BASE_URLS"] == [urls[3], "http://new.example", urls[1], urls[0], urls[2]]
    purged = by_token(connections=listed[::-1], purge=True)
    quadruple("webui_connections", purged, recorder, lambda: both(webui))
    after = config(webui, "ollama")
    assert after["OLLAMA_BASE_URLS"] == [urls[1], "http://new.example", urls[3]]
    assert after["OLLAMA_API_CONFIGS"]["2"] == {"key": "k"}
    assert config(webui, "openai") == FRESH["openai"]
    unordered = by_token(connections=listed, purge=True, order="any")
    unchanged("webui_connections", unordered, recorder)
    message = sentence("webui_connections", by_token(connections=[{**listed[0], "state": "absent"}], purge=True))
    assert message.startswith("Refusing to purge")


def test_switches_are_set_and_an_omitted_one_stays(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    listed = [{"kind": "ollama", "base_url": "http://one.example", "enabled": False}]
    quadruple("webui_connections", by_token(connections=listed), recorder)
    assert config(webui, "ollama")["ENABLE_OLLAMA_API"] is True
    assert config(webui, "ollama")["OLLAMA_API_CONFIGS"] == {"0": {"enable": False}}
    switched = by_token(connections=listed, enable_ollama=False, enable_openai=True)
    runs = quadruple("webui_connections", switched, recorder, lambda: both(webui))
    assert runs.done["enabled"] == {"ollama": False, "openai": True}
    assert config(webui, "openai") == {**FRESH["openai"], "ENABLE_OPENAI_API": True}
    quadruple("webui_connections", by_token(connections=[], enable_ollama=True), recorder)


def test_one_address_twice_is_told_apart_by_the_prefix(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    url = "http://shared.example/v1"
    two = [{"kind": "openai", "base_url": url, "prefix_id": prefix, "key": f"key-{prefix}"} for prefix in ("a", "b")]
    quadruple("webui_connections", by_token(connections=two), recorder, lambda: both(webui))
    message = sentence("webui_connection", by_token(kind="openai", base_url=url, tags=["t"]))
    assert "has 2 openai connections" in message
    assert "('a', 'b')" in message
    quadruple("webui_connection", by_token(kind="openai", base_url=url, prefix_id="b", tags=["t"]), recorder)
    quadruple("webui_connection", by_token(kind="openai", base_url=url, prefix_id="b", state="absent"), recorder)
    unchanged("webui_connection", by_token(kind="openai", base_url=url, prefix_id="b", state="absent"), recorder)
    after = config(webui, "openai")
    assert after["OPENAI_API_KEYS"] == ["sk-foreign", "key-a"]
    # It is alone with its address now, so that its prefix may change.
    quadruple("webui_connection", by_token(kind="openai", base_url=url, prefix_id="c"), recorder)
    assert config(webui, "openai")["OPENAI_API_CONFIGS"]["1"] == {"prefix_id": "c"}


@pytest.mark.feature("provider_names")
def test_what_has_no_option_is_merged(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    url = FRESH["openai"]["OPENAI_API_BASE_URLS"][0]
    given = {"extra": None, "extra_params": {"top_k": 20}, "api_token": "sk-in-the-config"}
    said = by_token(kind="openai", base_url=url, config=given, api_type="responses", provider="llama.cpp")
    runs = quadruple("webui_connection", said, recorder, lambda: both(webui))
    hides(runs.done, "sk-in-the-config")
    more = by_token(kind="openai", base_url=url, config={"extra_params": {"top_p": 1}, "azure": True})
    runs = quadruple("webui_connection", more, recorder, lambda: both(webui))
    hides(runs.done, "sk-in-the-config")
    assert config(webui, "openai")["OPENAI_API_CONFIGS"]["0"] == {
        "enable": True,
        "extra_params": {"top_k": 20, "top_p": 1},
        "api_token": "sk-in-the-config",
        "api_type": "responses",
        "provider": "llama.cpp",
        "azure": True,
    }


def test_an_unreachable_back_end_is_told_before_anything_is_written(
    webui: Webui, by_proxy: tuple[Callable[..., Any], Any], ollama: str, back_end: BackEnd
) -> None:
    arguments, proxy = by_proxy
    listed: list[dict[str, Any]] = [
        {"kind": "ollama", "base_url": ollama},
        {"kind": "ollama", "base_url": "http://nowhere.invalid:11434"},
        {"kind": "ollama", "base_url": back_end.url},
        {"kind": "openai", "base_url": back_end.url, "key": "sk-wrong"},
        {"kind": "openai", "base_url": "http://off.invalid", "enabled": False},
    ]
    for check in (True, False):
        proxy.clear()
        result = fail("webui_connections", arguments(connections=listed, verify=True), check=check)
        assert proxy.writes() == []
        assert len(result["problems"]) == 3
        assert "gets no answer from ollama http://nowhere.invalid:11434; check base_url" in result["msg"]
        assert f"the server at ollama {back_end.url} is not an Ollama" in result["msg"]
        assert f"openai {back_end.url} refused the key (401: no such key)" in result["msg"]
        hides(result, "sk-wrong")
    good = [listed[0], {**listed[3], "key": "sk-right", "headers": {"X-Right": "really"}}]
    quadruple("webui_connections", arguments(connections=good, verify=True), proxy, lambda: both(webui))
    assert back_end.headers[-1]["authorization"] == "Bearer sk-right"
    assert back_end.headers[-1]["x-right"] == "really"


@pytest.mark.parametrize("url", ["http://u:secret-pass@host.example", "http://host.example/v1?key=secret-pass"])
def test_a_secret_in_an_address_is_not_shown(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], url: str
) -> None:
    config(webui, "ollama", {**FRESH["ollama"], "OLLAMA_BASE_URLS": [url]})
    hides(succeed("webui_connection_info", by_token()), "secret-pass")
    hides(fail("webui_connection", by_token(kind="ollama", base_url=url)), "secret-pass")
    listed = [{"kind": "ollama", "base_url": "http://host.example"}]
    runs = quadruple("webui_connections", by_token(connections=listed, purge=True), recorder)
    assert [step["action"] for step in runs.done["plan"]] == ["create", "delete"]
    for result in (runs.foreseen, runs.done):
        hides(result, "secret-pass")


def test_a_huge_key_is_kept_exactly(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    key = "k" * 2**20
    runs = quadruple("webui_connection", by_token(kind="openai", base_url="http://big.example", key=key), recorder)
    assert config(webui, "openai")["OPENAI_API_KEYS"][1] == key
    assert len(runs.done.raw) < 10000


def test_what_cannot_be_is_told_for_all_entries_at_once(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    listed = [
        {"kind": "openai", "base_url": "http://a.example", "headers": {"X-A": "one\r\nX-B: two"}},
        {"kind": "other", "base_url": "ftp://b.example"},
        {"kind": "ollama", "base_url": "http://c.example", "provider": "azure", "config": {"prefix_id": "p"}},
        {"kind": "openai", "base_url": "http://d.example", "key": "from-a-file\n"},
        {"kind": "openai", "base_url": "http://A.example:80/"},
    ]
    result = fail("webui_connections", by_token(connections=listed))
    assert recorder.requests == []
    assert "changed: 5 of 5 connections are invalid" in result["msg"]
    told = " ".join(result["problems"])
    for words in (
        "Entry 1 (http://a.example): the header X-A has a line end",
        "Entry 2 (ftp://b.example): kind is 'other'",
        "use an address such as http://host:port",
        "provider is for kind openai only",
        "use prefix_id",
        "key has a line end",
        "entry 1 has the same base_url",
    ):
        assert words.lower() in told.lower(), told
    hides(result, "from-a-file", "X-B: two")


def test_a_server_that_refuses_the_write_is_told_truthfully(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    listed = [
        {"kind": kind, "base_url": f"http://{kind}{number}.example"}
        for number in range(2)
        for kind in ("openai", "ollama")
    ]
    recorder.answer("POST /openai/config/update", {"detail": "the disk is full"}, status=500)
    result = fail("webui_connections", by_token(connections=listed))
    assert "Cannot write the openai connections" in result["msg"]
    assert "the disk is full" in result["msg"]
    assert result["done"] == ["ollama http://ollama0.example", "ollama http://ollama1.example"]
    assert result["not_begun"] == ["openai http://openai1.example"]
    assert config(webui, "ollama")["OLLAMA_BASE_URLS"] == ["http://ollama0.example", "http://ollama1.example"]
    assert config(webui, "openai") == FRESH["openai"]
    recorder.instead.clear()
    assert len(succeed("webui_connections", by_token(connections=listed))["plan"]) == 2


def test_a_write_that_does_not_stay_is_tried_again_and_told(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    recorder.answer("POST /ollama/config/update", {}, times=2)
    succeed("webui_connection", by_token(kind="ollama", base_url="http://lost.example"))
    assert len(recorder.writes()) == 3
    recorder.answer("POST /ollama/config/update", {})
    message = sentence("webui_connection", by_token(kind="ollama", base_url="http://lost-again.example"))
    assert "something else is changing them at the same time" in message


def test_two_at_once_lose_nothing(webui: Webui) -> None:
    arguments = {"url": webui.url, "token": webui.token}
    said = [[{"kind": "ollama", "base_url": f"http://r{run}-{n}.example"} for n in range(3)] for run in range(3)]
    results = []
    threads = [
        threading.Thread(
            target=lambda each=each: results.append(run("webui_connections", {**arguments, "connections": each}))
        )
        for each in said
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result for result in results if result.failed] == []
    wanted = sorted(entry["base_url"] for each in said for entry in each)
    assert sorted(config(webui, "ollama")["OLLAMA_BASE_URLS"]) == wanted
