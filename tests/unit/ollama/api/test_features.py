"""Versions of Ollama: how they are read, and what each of them can do."""

from __future__ import annotations

from dataclasses import fields

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.features import (
    NEWEST,
    Features,
    is_at_least,
    parse_version,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.9.3", (0, 9, 3)),
        ("v0.9.3", (0, 9, 3)),
        ("0.32.15-rc2", (0, 32, 15)),
        ("0.30", (0, 30, 0)),
        ("0.0.0", NEWEST),
        ("", NEWEST),
        ("built by hand", NEWEST),
    ],
)
def test_versions_are_read_leniently_and_a_build_from_source_is_the_newest(
    text: str, version: tuple[int, int, int]
) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("server", "version", "newer"),
    [
        ("0.9.3", "0.9.3", True),
        ("0.9.3", "0.10", False),
        ("0.10.0", "0.9.3", True),
        ("0.0.0", "0.33.0", True),
        ("0.9.3", "no version", False),
    ],
)
def test_versions_are_compared_by_their_numbers(server: str, version: str, newer: bool) -> None:
    assert is_at_least(server, version) is newer


def test_each_feature_comes_with_the_version_that_brought_it() -> None:
    for each in fields(Features):
        major, minor, patch = each.metadata["since"]
        assert getattr(Features.of_version((major, minor, patch)), each.name)
        before = (major, minor, patch - 1) if patch else (major, minor - 1, 99)
        assert not getattr(Features.of_version(before), each.name)


def test_the_newest_server_has_every_feature_and_the_oldest_supported_one_none() -> None:
    assert Features.of("0.0.0") == Features()
    assert not any(vars(Features.of("0.5.5")).values())
