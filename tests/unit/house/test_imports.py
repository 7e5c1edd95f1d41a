# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages form layers: no circle, no import upward, no crowd, and tests lie where the code does."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from house_checks import imports, layout

UTILS = imports.UTILS
# Tests of what is no part of the plugins.
OTHERS = ("bed", "house", "roles")


@lru_cache(maxsize=None)
def collection() -> imports.Graph:
    return imports.graph(
        {_relative(path): path.read_text(encoding="utf-8") for path in (layout.ROOT / "plugins").rglob("*.py")}
    )


def _relative(path: Path) -> str:
    return path.relative_to(layout.ROOT).as_posix()


def test_all_imports_are_known() -> None:
    assert len(collection()) > 250
    assert f"{UTILS}/engine/errors.py" in collection()[f"{UTILS}/webui/api/client.py"]


def test_no_import_runs_in_a_circle() -> None:
    assert imports.circles(collection()) == []


def test_no_import_of_a_package_runs_in_a_circle() -> None:
    assert imports.circles(imports.packages(collection())) == []


def test_no_package_imports_what_stands_above_it() -> None:
    assert imports.upward(collection()) == []


def test_no_package_is_crowded() -> None:
    assert imports.crowded(collection()) == []


def test_unit_tests_lie_as_the_code_does() -> None:
    unit = layout.ROOT / "tests" / "unit"
    tests = [_relative(path) for path in unit.rglob("test_*.py") if path.relative_to(unit).parts[0] not in OTHERS]
    assert len(tests) > 70
    assert imports.strays(tests, list(collection())) == []


@pytest.mark.parametrize(
    "text",
    [
        "from ..a import one",
        "from .. import a",
        "def f():\n    from ..a import one",
        "if TYPE_CHECKING:\n    from ..a.one import One",
        "import ansible_collections.selfhosted.llm.plugins.module_utils.a.one",
        "from ansible_collections.selfhosted.llm.plugins.module_utils.a import one",
    ],
)
def test_a_circle_is_seen_however_it_is_written(text: str) -> None:
    files = {f"{UTILS}/a/__init__.py": "", f"{UTILS}/a/one.py": "from ..b.two import Two", f"{UTILS}/b/two.py": text}
    assert imports.circles(imports.packages(imports.graph(files))) != []


def test_a_circle_within_a_package_is_seen() -> None:
    files = {f"{UTILS}/a/one.py": "from .two import Two", f"{UTILS}/a/two.py": "from . import one"}
    assert imports.circles(imports.graph(files)) != []


def test_what_leads_nowhere_is_no_import_that_may_be_skipped() -> None:
    with pytest.raises(imports.Unresolved, match=r"webui\.gone"):
        imports.graph({f"{UTILS}/webui/a.py": "from .gone import x"})


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("engine/a.py", "http/b.py"),
        ("http/a.py", "ollama/b.py"),
        ("host/a.py", "gpu/b.py"),
        ("ollama/api/a.py", "webui/b.py"),
        ("webui/api/a.py", "ollama/b.py"),
        ("webui/a.py", "doctor/b.py"),
        ("a.py", "engine/b.py"),
    ],
)
def test_an_import_upward_is_seen(importer: str, imported: str) -> None:
    name = imported.removesuffix(".py").replace("/", ".")
    text = f"from ansible_collections.selfhosted.llm.plugins.module_utils.{name} import x"
    graph = imports.graph({f"{UTILS}/{importer}": text, f"{UTILS}/{imported}": ""})
    assert imports.upward(graph) == [f"{UTILS}/{importer} -> {UTILS}/{imported}"]


def test_a_crowd_is_seen_but_where_ansible_wants_one() -> None:
    names = [f"m{number}.py" for number in range(imports.MAX_MODULES + 1)]
    graph: imports.Graph = {f"{folder}/{name}": set() for folder in (f"{UTILS}/a", "plugins/modules") for name in names}
    assert imports.crowded(graph) == [f"{UTILS}/a has 13 modules"]


def test_a_test_that_lies_elsewhere_is_seen() -> None:
    files = [f"{UTILS}/webui/groups/spec.py", "plugins/action/webui_users.py"]
    good = ["tests/unit/webui/groups/test_spec.py", "tests/unit/webui/groups/test_spec_limits.py"]
    assert imports.strays([*good, "tests/unit/action/test_webui_users.py"], files) == []
    wrong = ["tests/unit/webui/test_spec.py", "tests/unit/webui/groups/test_groups.py"]
    assert imports.strays(wrong, files) == wrong
