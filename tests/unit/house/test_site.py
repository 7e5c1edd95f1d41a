# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the site are staged with links that hold there, and what loads from other hosts is found."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from house_checks import layout, pages


@pytest.fixture(scope="module")
def site() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("tests_site", str(layout.ROOT / "tests" / "site" / "build"))
    spec = importlib.util.spec_from_loader("tests_site", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_staged_link_leads_to_a_page(site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "SOURCE", tmp_path)
    site.stage()
    # What antsibull-docs makes of the modules.
    for module in layout.modules():
        site.write(f"{site.COLLECTION}/{module}_module.rst", "")
    staged = sorted(tmp_path.rglob("*.md"))
    assert len(staged) > 40
    assert {page.relative_to(tmp_path).as_posix(): pages.broken(page, tmp_path) for page in staged} == {
        page.relative_to(tmp_path).as_posix(): [] for page in staged
    }


@pytest.mark.parametrize(
    ("link", "staged"),
    [
        ("../reference/findings.md#gpu-findings", "../reference/findings.md#gpu-findings"),
        ("../../roles/ollama/README.md", "../reference/roles/ollama.md"),
        ("../../plugins/modules/ollama_fit.py", "../reference/collection/ollama_fit_module.rst"),
        ("../../inventories/lab", "../reference/inventories.md#inventorieslab"),
        ("../../LICENSE", "../project/license.md"),
        ("https://example.org/x.md", "https://example.org/x.md"),
        ("#here", "#here"),
    ],
)
def test_a_link_out_of_docs_leads_to_its_page_on_the_site(site: ModuleType, link: str, staged: str) -> None:
    assert site.staged(f"see [a]({link}).\n", "docs/howto/fit.md") == f"see [a]({staged}).\n"


def test_a_link_in_a_code_block_stays(site: ModuleType) -> None:
    text = "```text\n[a](../../roles/ollama/README.md)\n```\n"
    assert site.staged(text, "docs/howto/fit.md") == text


def test_a_link_to_what_is_not_on_the_site_is_an_error(site: ModuleType) -> None:
    with pytest.raises(site.SiteError, match="links to tests/run, which is not on the site"):
        site.staged("[a](../tests/run)", "docs/developing.md")


def test_a_page_of_a_module_loses_what_does_not_hold_here(site: ModuleType) -> None:
    note = ".. note::\n    This module is part of the collection.\n\n    To install it, use Galaxy.\n\n"
    text = f"Title\n+++++\n\n{note}.. contents::\n   :local:\n   :depth: 1\n\nSynopsis\n--------\n"
    assert site.tidy(text, "a_module") == "Title\n+++++\n\n\nSynopsis\n--------\n"
    with pytest.raises(site.SiteError, match="changed its form"):
        site.tidy("Synopsis\n--------\n", "a_module")


def test_an_index_lists_the_pages_that_it_links_to_in_their_order(site: ModuleType) -> None:
    text = site.with_toctree(
        "[b](b.md) [a](a.md#x) [b](b.md) [up](../c.md) [x](https://example.org/d.md)", "howto/index.md"
    )
    assert text.endswith("```{toctree}\n:hidden:\n\nb\na\n```\n")


@pytest.mark.parametrize(
    ("html", "loads"),
    [
        ('<script src="_static/a.js"></script><a href="https://example.org">', 0),
        ('<script src="https://example.org/a.js"></script>', 1),
        ('<img alt="x" src="//example.org/a.png">', 1),
        ('<link rel="stylesheet" href="https://example.org/a.css">', 1),
        ('<link href="https://example.org/a.css" rel="stylesheet">', 1),
        ('<link rel="canonical" href="https://example.org/">', 0),
        ("<style>@import 'https://example.org/a.css'; a {background: url(https://example.org/b)}</style>", 2),
    ],
)
def test_what_a_page_loads_from_another_host_is_found(
    site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, html: str, loads: int
) -> None:
    monkeypatch.setattr(site, "HTML", tmp_path)
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    assert len(site.loads_from_elsewhere()) == loads
