# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ollama tells the server, and what it refuses to tell it."""

from __future__ import annotations

from typing import Any

import pytest
from role_variables import OLLAMA, ollama, rendered, site

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.variables import VARIABLES, variable

TWO = [{"name": "gpu0", "port": 11434, "gpu_devices": ["0"]}, {"name": "gpu1", "port": 11435, "gpu_devices": ["1"]}]
OLD = {"ollama_version": "0.9.3"}
# What every instance on a host without a GPU is told.
COMMON = {"NVIDIA_VISIBLE_DEVICES": "void", "OLLAMA_NO_CLOUD": "true"}


def two(**second: Any) -> dict[str, Any]:
    """Return two instances, of which the second says more."""
    return {"ollama_instances": [TWO[0], {**TWO[1], **second}]}


def test_unset_the_server_keeps_its_own_defaults() -> None:
    assert ollama("__ollama_environment") == COMMON


def test_every_option_is_a_variable_that_is_checked() -> None:
    tuning = rendered([OLLAMA / "vars" / "main" / "instances.yml"], "__ollama_tuning", {})
    assert [name for name in tuning if variable(name) not in VARIABLES] == []


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("keep_alive", "30m", "30m"),
        ("keep_alive", -1, "-1"),
        ("keep_alive", 0, "0"),
        ("load_timeout", "1h30m", "1h30m"),
        ("context_length", 16384, "16384"),
        ("num_parallel", 0, "0"),
        ("flash_attention", True, "true"),
        # The server itself takes "off" for true.
        ("flash_attention", "off", "false"),
        ("sched_spread", False, "false"),
        ("noprune", "yes", "true"),
        ("kv_cache_type", "f16", "f16"),
        ("gpu_overhead", 1048576, "1048576"),
        ("gpu_overhead", "512MiB", "536870912"),
        ("gpu_overhead", "2 GiB", "2147483648"),
        ("origins", ["https://a.example.org", "http://*.b"], "https://a.example.org,http://*.b"),
        ("debug", 2, "2"),
    ],
)
def test_an_option_becomes_the_word_that_the_server_reads(option: str, value: Any, told: str) -> None:
    given = {f"ollama_{option}": value}
    assert ollama("__ollama_environment", **given)[f"OLLAMA_{option.upper()}"] == told
    assert ollama("__ollama_problems", **given) == []


@pytest.mark.parametrize("value", [None, "", []])
def test_an_empty_option_is_left_to_the_server(value: Any) -> None:
    assert "OLLAMA_ORIGINS" not in ollama("__ollama_environment", ollama_origins=value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ollama_keep_alive": "soon"}, "ollama_keep_alive is 'soon', which must be seconds or a duration"),
        ({"ollama_keep_alive": 1.5}, "ollama_keep_alive is '1.5'"),
        ({"ollama_context_length": "8k"}, "ollama_context_length is '8k', which must be a plain whole number"),
        ({"ollama_num_parallel": -1}, "ollama_num_parallel is '-1'"),
        ({"ollama_gpu_overhead": "512MB"}, "ollama_gpu_overhead is '512MB', which must be a whole number of bytes"),
        ({"ollama_kv_cache_type": "q5_0"}, "ollama_kv_cache_type is 'q5_0', which must be f16, q8_0 or q4_0"),
        ({"ollama_flash_attention": "maybe"}, "ollama_flash_attention is 'maybe', which must be true or false"),
        ({"ollama_origins": ["chat.example.org"]}, "ollama_origins is 'chat.example.org', which would make"),
        ({"ollama_origins": ["https://a, b"]}, "ollama_origins is 'https://a, b', which would make"),
        ({"ollama_environment": {"OLLAMA_VULKAN": "off"}}, "ollama_environment: OLLAMA_VULKAN is 'off', which must be"),
        ({"ollama_environment": {"OLLAMA_GPU_OVERHEAD": "512MiB"}}, "OLLAMA_GPU_OVERHEAD is '512MiB'"),
        ({"ollama_environment": {"OLLAMA_DEBUG": "on"}}, "OLLAMA_DEBUG is 'on', which must be 0, 1"),
        (
            {"ollama_environment": {"OLLAMA_ORIGINS": "https://a, https://b"}},
            "OLLAMA_ORIGINS is 'https://a, https://b'",
        ),
        ({"ollama_environment": {"OLLAMA_HOST": "0.0.0.0"}}, "must not set OLLAMA_HOST"),
        ({"ollama_port": 0}, "port is '0'"),
        ({"ollama_version": "latest"}, "does not pin anything"),
        (
            {"ollama_keep_alive": "5m", "ollama_environment": {"OLLAMA_KEEP_ALIVE": "5m"}},
            "ollama_keep_alive and OLLAMA_KEEP_ALIVE in ollama_environment say the same thing",
        ),
        ({"ollama_kv_cache_type": "q8_0", "ollama_flash_attention": False}, "0.32.15 ignores without flash attention"),
        ({"ollama_kv_cache_type": "q4_0", **OLD}, "Ollama 0.9.3 ignores without flash attention"),
    ],
)
def test_what_the_server_would_misread_is_refused_in_one_sentence(given: dict[str, Any], words: str) -> None:
    problems = ollama("__ollama_problems", **given)
    assert len(problems) == 1, problems
    assert words in problems[0]


@pytest.mark.parametrize(
    "given",
    [
        {"ollama_kv_cache_type": "q8_0"},
        {"ollama_kv_cache_type": "q8_0", "ollama_flash_attention": True, **OLD},
        {"ollama_kv_cache_type": "f16", "ollama_flash_attention": False},
        {"ollama_environment": {"OLLAMA_ORIGINS": "https://a,*", "OLLAMA_DEBUG": True, "OLLAMA_KEEP_ALIVE": "1.5h"}},
        two(),
        two(volume="gpu0", volume_read_only=True),
        two(port=11434, bind_address="10.0.0.2"),
    ],
)
def test_what_the_server_reads_as_it_is_meant_is_taken(given: dict[str, Any]) -> None:
    for name in ("gpu0", "gpu1") if "ollama_instances" in given else ("",):
        assert ollama("__ollama_problems", of=name, **given) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ollama_environment": {"OLLAMA_NEW_ENGINE": True}}, ["OLLAMA_NEW_ENGINE", "0.32.15", "before 0.30.0"]),
        ({"ollama_environment": {"OLLAMA_VULKAN": False}, **OLD}, ["OLLAMA_VULKAN", "0.9.3", "from 0.12.11"]),
        (
            {"ollama_environment": {"OLLAMA_NEW_ESTIMATES": "1"}, **OLD},
            ["OLLAMA_NEW_ESTIMATES", "from 0.11.5 and before 0.11.11"],
        ),
        ({"ollama_context_length": 4096, "ollama_version": "0.5.12"}, ["OLLAMA_CONTEXT_LENGTH", "from 0.5.13"]),
    ],
)
def test_a_variable_that_does_nothing_is_told_and_not_refused(given: dict[str, Any], words: list[str]) -> None:
    assert ollama("__ollama_problems", **given) == []
    (note,) = ollama("__ollama_notes", **given)
    assert [word for word in words if word not in note] == []


@pytest.mark.parametrize("given", [{}, OLD, {"ollama_version": "nightly", "ollama_environment": {"OLLAMA_VULKAN": 1}}])
def test_what_a_version_reads_is_no_matter_for_a_note(given: dict[str, Any]) -> None:
    assert ollama("__ollama_notes", **given) == []


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"name": "gpu0"}, "two of the name gpu0"),
        ({"port": 11434}, "port 11434 is that of gpu1 too"),
        ({"port": 11434, "bind_address": "0.0.0.0"}, "port 11434 is that of gpu1 too"),
        ({"volume": "gpu0"}, "volume gpu0 is that of gpu1 too"),
    ],
)
def test_two_instances_that_clash_are_refused(second: dict[str, Any], words: str) -> None:
    problems = ollama("__ollama_problems", of="gpu0", **two(**second))
    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"name": "gpu 1"}, "is no name for a container"),
        ({"prot": 1}, "prot is no option of an instance"),
        ({"keep_alive": "soon"}, "Of ollama_instances, gpu1: ollama_keep_alive is 'soon'"),
        ({"volume": "gpu0", "volume_read_only": True, "models": [{"name": "a"}]}, "a volume that it only reads"),
    ],
)
def test_an_instance_with_a_mistake_is_named(second: dict[str, Any], words: str) -> None:
    (problem,) = ollama("__ollama_problems", of=second.get("name", "gpu1"), **two(**second))
    assert words in problem


def test_whoever_only_reads_a_volume_comes_after_its_writer() -> None:
    instances = [{**TWO[0], "volume": "gpu1", "volume_read_only": True}, TWO[1]]
    (problem,) = ollama("__ollama_problems", ollama_instances=instances)
    assert "put the writer first" in problem


def test_an_instance_says_its_own_and_has_the_rest_from_the_role() -> None:
    given = {
        **two(keep_alive=-1, num_parallel=None, environment={"HTTPS_PROXY": "http://b"}),
        "ollama_keep_alive": "30m",
        "ollama_num_parallel": 4,
        "ollama_environment": {"NO_PROXY": "c", "HTTPS_PROXY": "http://a"},
    }
    common = {"NO_PROXY": "c", **COMMON}
    assert ollama("__ollama_environment", of="gpu0", **given) == {
        **common,
        "HTTPS_PROXY": "http://a",
        "OLLAMA_KEEP_ALIVE": "30m",
        "OLLAMA_NUM_PARALLEL": "4",
    }
    assert ollama("__ollama_environment", of="gpu1", **given) == {
        **common,
        "HTTPS_PROXY": "http://b",
        "OLLAMA_KEEP_ALIVE": "-1",
    }


def test_an_instance_that_leaves_an_option_empty_has_the_roles() -> None:
    given = {**two(models=None, volume=None, environment=None, gpu=None), "ollama_models": [{"name": "a"}]}
    assert ollama("__ollama_problems", of="gpu1", **given) == []
    assert ollama("__ollama_mounted", of="gpu1", **given) == "gpu1:/root/.ollama"
    assert ollama("__ollama_fitted", of="gpu1", **given) == [{"name": "a"}]


def test_a_word_for_no_is_no() -> None:
    assert ollama("__ollama_mounted", ollama_volume_read_only="no") == "ollama:/root/.ollama"


def test_each_instance_has_its_gpu_its_volume_and_its_name_on_the_network() -> None:
    host = {"nvidia": "580", "nvidia_runtime": True}
    for number, aliases in (("0", ["ollama"]), ("1", [])):
        own = {"of": f"gpu{number}", **two()}
        assert ollama("__ollama_device_requests", host, **own)[0]["device_ids"] == [number]
        assert ollama("__ollama_mounted", host, **own) == f"gpu{number}:/root/.ollama"
        assert ollama("__ollama_networks", host, **own) == [{"name": "llm", "aliases": aliases}]
        assert ollama("__ollama_url", host, **own) == f"http://127.0.0.1:{11434 + int(number)}"


def test_what_was_chosen_goes_to_the_models() -> None:
    models = [{"name": "llama3", "choose": ["70b", "8b"]}]
    assert ollama("__ollama_choosing", ollama_models=models) == ["ollama"]
    assert ollama("__ollama_choosing", ollama_models=[{"name": "llama3"}]) == []
    chosen = {"results": [{"__ollama_name": "ollama", "models": [{"name": "llama3:8b"}]}]}
    assert ollama("__ollama_fitted", ollama_models=models, __ollama_fit=chosen) == [{"name": "llama3:8b"}]
    assert ollama("__ollama_fitted", ollama_models=[{"name": "llama3"}]) == [{"name": "llama3"}]


def test_a_volume_that_is_only_read_is_mounted_so_and_left_untidied() -> None:
    own = {"of": "gpu1", **two(volume="gpu0", volume_read_only=True)}
    assert ollama("__ollama_mounted", **own) == "gpu0:/root/.ollama:ro"
    assert ollama("__ollama_environment", **own)["OLLAMA_NOPRUNE"] == "true"


def test_a_container_that_is_in_no_list_is_told() -> None:
    (note,) = ollama("__ollama_notes", {"ours": ["gpu0", "gpu1", "ollama"]}, **two())
    assert "not in ollama_instances: ollama." in note
    assert ollama("__ollama_notes", {"ours": ["ollama", "other"]}) == []


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ({}, False),
        ({"ollama_environment": {"HTTPS_PROXY": "http://a:b@c"}}, True),
        (two(environment={"API_KEY": "a"}), True),
        (two(environment={"HTTPS_PROXY": "http://c"}), False),
    ],
)
def test_a_secret_of_any_instance_hides_the_task(given: dict[str, Any], hidden: bool) -> None:
    assert ollama("__ollama_has_secret", **given) is hidden


HOSTS: dict[str, dict[str, Any]] = {
    "here": {"ollama_instances": TWO},
    "there": {
        "ollama_bind_address": "10.0.0.12",
        "ollama_instances": [TWO[0], {**TWO[1], "url_for_others": "https://gpu1"}],
    },
    "old": {"ollama_bind_address": "0.0.0.0", "ansible_host": "10.0.0.13", "ollama_port": 8080},
}


def test_open_webui_is_given_every_instance() -> None:
    assert site("__site_ollama_urls", "here", HOSTS) == [
        "http://ollama:11434",
        "http://gpu1:11434",
        "http://10.0.0.12:11434",
        "https://gpu1",
        "http://10.0.0.13:8080",
    ]
    assert site("__site_unreachable", "here", HOSTS) == []


def test_instances_on_loopback_are_not_reached_from_another_host() -> None:
    assert site("__site_unreachable", "old", HOSTS) == ["here"]


@pytest.mark.parametrize(
    ("variables", "gpus"),
    [
        ({}, ["auto"]),
        ({"ollama_gpu": "none"}, ["none"]),
        ({"ollama_gpu": "none", "ollama_instances": [TWO[0], {**TWO[1], "gpu": "nvidia"}]}, ["none", "nvidia"]),
    ],
)
def test_the_gpu_of_any_instance_counts(variables: dict[str, Any], gpus: list[str]) -> None:
    assert site("__site_gpus", "one", {"one": variables}) == gpus
