# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sanity runs in a home of its own; what pip knows of indexes and certificates goes with it."""

from __future__ import annotations

import configparser
import importlib.util

import pytest
from house_checks import layout

SPEC = importlib.util.spec_from_file_location("pip_settings", layout.ROOT / "tests" / "sanity" / "pip_settings.py")
assert SPEC is not None
assert SPEC.loader is not None
pip_settings = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pip_settings)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([], {}),
        (["global.cert='/a b.crt'", "global.user='true'"], {"cert": "/a b.crt"}),
        ([":env:.cert='/env.crt'", "global.cert='/file.crt'"], {"cert": "/env.crt"}),
        (["install.find-links='/one\\n/two'"], {"find-links": "/one\n/two"}),
        (
            ["global.index-url='https://me:p%40ss@index.example/simple'"],
            {"index-url": "https://me:p%40ss@index.example/simple"},
        ),
    ],
)
def test_settings_that_lead_to_packages_are_kept(lines: list[str], kept: dict[str, str]) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(pip_settings.settings(lines))
    assert dict(parser["global"]) == kept
