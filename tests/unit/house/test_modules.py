# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as a family: groups, attributes, versions, and whether a test runs each against a real server."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from house_checks import layout, proofs

GROUPS: Mapping[str, list[str]] = layout.read_yaml(layout.ROOT / "meta" / "runtime.yml")["action_groups"]
ATTRIBUTES = ("check_mode", "diff_mode", "idempotent")


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_action_group_has_all_modules_of_its_server(group: str) -> None:
    assert sorted(GROUPS[group]) == [name for name in layout.modules() if name.startswith(f"{group}_")]


@pytest.mark.parametrize("module", layout.modules())
def test_a_module_tells_its_attributes_and_its_version(module: str) -> None:
    known = layout.documentation()[module]["doc"]
    assert known.get("version_added") == "0.1.0"
    assert known.get("author")
    support = {name: known.get("attributes", {}).get(name, {}).get("support") for name in ATTRIBUTES}
    # These can be told to write a password or a key that nobody can read.
    writes_anyway = module in ("webui_api_key", "webui_user", "webui_users")
    assert support == {
        "check_mode": "full",
        "diff_mode": "N/A" if module.endswith(("_info", "_fit", "_export")) else "full",
        "idempotent": "partial" if writes_anyway else "full",
    }


@pytest.mark.parametrize("module", layout.modules())
def test_a_module_names_the_group_it_takes_defaults_from(module: str) -> None:
    wanted = [layout.PREFIX + group for group, members in GROUPS.items() if module in members]
    told = layout.documentation()[module]["doc"].get("attributes", {}).get("action_group", {})
    assert told.get("membership", []) == wanted


@pytest.mark.parametrize("module", layout.modules())
def test_a_module_documents_what_it_returns(module: str) -> None:
    returned = layout.documentation()[module]["return"] or {}
    assert returned
    assert [name for name, value in returned.items() if not value.get("returned")] == []


@pytest.mark.parametrize("module", layout.modules())
def test_a_module_is_run_by_an_integration_test(module: str) -> None:
    assert module in proofs.proven(), f"no test in tests/integration runs {module}"


@pytest.mark.parametrize(
    ("source", "proven"),
    [
        ('def test_it():\n    succeed("webui_user", {})\n', True),
        ('MODULE = "webui_user"\ndef test_it():\n    runner.quadruple(MODULE, {}, recorder)\n', True),
        ('def test_it(host):\n    host.sh("ansible all -m selfhosted.llm.webui_user")\n', True),
        ('"""Covers webui_user, selfhosted.llm.webui_user."""\n', False),
        ('# succeed("webui_user", {})\n', False),
        ('def test_it():\n    fail("webui_user", {})\n', False),
        ('def test_it():\n    succeed("webui_users", {})\n', False),
    ],
)
def test_only_code_that_runs_a_module_proves_it(source: str, proven: bool) -> None:
    assert ("webui_user" in proofs.named_by(source)) is proven
