# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks' notion of what an inventory declares, which no role's defaults are in sight of."""

from __future__ import annotations

import pytest
from role_variables import ROOT, loaded, rendered

DECLARED = ROOT / "playbooks" / "vars" / "declared.yml"


@pytest.mark.parametrize(("role", "kind"), [("ollama", "ollama"), ("open_webui", "open-webui")])
def test_what_nobody_sets_is_declared_as_the_role_s_defaults_have_it(role: str, kind: str) -> None:
    its = {
        name.removeprefix(f"{role}_"): value
        for name, value in loaded(ROOT / "roles" / role / "defaults" / "main.yml").items()
    }
    given = {"hostvars": {"gpu-1": {}}, "groups": {f"{role}_hosts": ["gpu-1"]}}
    assert rendered([DECLARED], "__declared_containers", given) == [
        {
            "name": its["container_name"],
            "kind": kind,
            "image": f"{its['image']}:{its['version']}",
            "address": its["bind_address"],
            "port": its["port"],
            "volume": its["volume"],
            "network": its["llm_network"],
            "egress": its["llm_egress"],
        }
    ]
