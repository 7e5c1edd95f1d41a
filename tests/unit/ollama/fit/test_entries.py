# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a list of models mean the same to the estimate of their size as to the module that pulls them."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.parts import mirror_of
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.entries import read_all_desired


@pytest.mark.parametrize("mirror", ["mirror:5000", "http://mirror:5000", "https://mirror:5000/", "HTTP://mirror:5000"])
def test_a_mirror_is_asked_as_the_pull_asks_it(mirror: str) -> None:
    (desired,) = read_all_desired([{"name": "llama3:8b", "mirror": mirror}], "memory")
    (source,) = desired.sources
    host, by_http = mirror_of("llama3:8b", mirror)
    assert (source.asked.host, source.insecure) == (host, by_http)


@pytest.mark.parametrize("mirror", ["ftp://mirror:5000", "http://", "mirror/path/deep", "a b"])
def test_a_mirror_that_no_pull_takes_is_refused_with_the_same_words(mirror: str) -> None:
    with pytest.raises(Failure) as pulled:
        mirror_of("llama3:8b", mirror)
    with pytest.raises(Failure) as estimated:
        read_all_desired([{"name": "llama3:8b", "mirror": mirror}], "memory")
    assert estimated.value.message == pulled.value.message
    assert f"is {mirror!r}; give a registry" in pulled.value.message
