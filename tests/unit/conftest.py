# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every unit test begins with."""

from __future__ import annotations

import sys

import pytest
from ansible.plugins.loader import init_plugin_loader
from hypothesis import HealthCheck, settings

# Before the first import of a collection: Ansible's finder cannot use what was imported without it, as the tests that
# render a role's variables with its filters need.
init_plugin_loader()

# A worker of xdist has each folder of pytest.ini twice, and Ansible loads no filter of a package that lies in two.
sys.path[:] = dict.fromkeys(sys.path)

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import writes

# How long one example takes says something about the machine, which others use as well.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture(autouse=True)
def nothing_written() -> None:
    """A run is a process and tests are many in one: none takes another's writes for its own."""
    writes.start()
