# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the preflight is asked to check."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.site import preflight

SERVER: dict[str, Any] = {
    "name": "ollama",
    "version": "0.32.15@sha256:0a",
    "volume": "ollama",
    "volume_read_only": False,
    "models": [{"name": "a"}],
    "gpu": "auto",
    "gpu_devices": "all",
    "port": 11434,
    "bind_address": "127.0.0.1",
    "told": {},
}
DEFAULT = {"engine": "ollama", "model": "nomic-embed-text"}


@pytest.mark.parametrize(
    ("its", "image"),
    [
        ({}, "o@sha256:0a"),
        ({"version": 1.5}, "o:1.5"),
        ({"version": "1", "gpu": "amd"}, "o:1-rocm"),
        ({"version": "1-rocm", "gpu": "amd"}, "o:1-rocm"),
    ],
)
def test_the_image_follows_the_version_and_the_gpu(its: dict[str, Any], image: str) -> None:
    assert preflight.server_images([{**SERVER, **its}], "o") == [image]


def test_a_server_is_asked_for_with_its_version_and_models() -> None:
    told = {"OLLAMA_CONTEXT_LENGTH": "4096", "HTTPS_PROXY": "http://p", "no_proxy": "a"}
    (found,) = preflight.preflight_servers([{**SERVER, "told": told}], "e")
    assert (found["version"], found["models"], found["context_length"]) == ("0.32.15", [{"name": "a"}], "4096")
    assert (found["num_parallel"], found["kv_cache_type"], found["embedding_model"]) == (None, "f16", "e")
    assert found["proxies"] == {"http": "", "https": "http://p", "no": "a"}


def test_a_server_that_only_reads_its_volume_downloads_nothing() -> None:
    assert preflight.preflight_servers([{**SERVER, "volume_read_only": True}], "")[0]["models"] == []


@pytest.mark.parametrize(
    ("instances", "option"), [([], "ollama_port"), ([{}], "port of ollama in ollama_instances"), (None, "ollama_port")]
)
def test_a_port_names_the_option_that_sets_it(instances: Any, option: str) -> None:
    (port,) = preflight.server_ports([SERVER], instances)
    assert (port["port"], port["address"], port["option"]) == (11434, "127.0.0.1", option)


@pytest.mark.parametrize(
    ("its", "model"),
    [
        ({}, "nomic-embed-text"),
        ({"open_webui_settings": None, "open_webui_environment": None}, "nomic-embed-text"),
        ({"open_webui_environment": {"RAG_EMBEDDING_MODEL": "e"}}, "e"),
        ({"open_webui_environment": {"RAG_EMBEDDING_ENGINE": ""}}, ""),
        ({"open_webui_settings": {"rag": {"embedding_model": "n"}}}, "n"),
        ({"open_webui_settings": {"rag": {"embedding_model": "n"}, "rag.embedding_model": "d"}}, "d"),
        (
            {
                "open_webui_settings": {"rag.embedding_engine": "openai"},
                "open_webui_environment": {"RAG_EMBEDDING_ENGINE": "ollama"},
            },
            "",
        ),
    ],
)
def test_the_embedding_model_is_that_of_the_settings_or_the_environment(its: dict[str, Any], model: str) -> None:
    assert preflight.embedding_model(its, DEFAULT) == model


def test_only_the_repositories_with_an_address_are_asked() -> None:
    assert preflight.repository_urls({"docker": "", "nvidia": "", "amd": ""}, "Debian") == []
    found = preflight.repository_urls({"docker": "https://d", "nvidia": "https://n//", "amd": "https://a/k"}, "RedHat")
    assert [one["url"] for one in found] == ["https://d/gpg", "https://n/gpgkey", "https://a/k"]
    assert [one.get("vendor") for one in found] == [None, "nvidia", "amd"]
    assert found[0]["unless"] == "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker"
