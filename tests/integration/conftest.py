"""What all integration tests share: the bed with its real servers."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker."""
    config.addinivalue_line("markers", "feature(name): skip where this version of Open WebUI lacks a flag of Features")


def servers(session: pytest.Session) -> list[str]:
    """Return the options of `bed up`: Open WebUI is started only where a collected test is about it."""
    about_webui = any("webui" in item.path.parts for item in session.items)
    return [] if about_webui else ["--only", "ollama,registry"]


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Real servers on loopback, as `bed up` describes them.

    BED_JSON names the description of a bed that is up and stays up. Else one is started
    (BED_NAME, `it` by default) and stopped at the end, unless KEEP_BED=1.
    """
    described = os.environ.get("BED_JSON")
    if described:
        yield json.loads(Path(described).read_text(encoding="utf-8"))
        return
    environment = {**os.environ, "BED_NAME": os.environ.get("BED_NAME", "it")}
    command = str(ROOT / "tests" / "bed" / "bed")
    try:
        subprocess.run([command, "up", *servers(request.session)], env=environment, check=True)
        path = ROOT / ".cache" / "bed" / f"{environment['BED_NAME']}.json"
        yield json.loads(path.read_text(encoding="utf-8"))
    finally:
        if os.environ.get("KEEP_BED") != "1":
            subprocess.run([command, "down"], env=environment, check=False)


@pytest.fixture(scope="session")
def features(bed: dict[str, Any]) -> Features:
    """What the bed's Open WebUI can do, by its version."""
    with urllib.request.urlopen(f"{bed['webui_url']}/api/version", timeout=60) as answer:
        return Features.of(json.load(answer)["version"])


@pytest.fixture(autouse=True)
def _version_has_it(request: pytest.FixtureRequest) -> None:
    """Nothing is skipped but what this version of the server lacks."""
    for mark in request.node.iter_markers("feature"):
        features = request.getfixturevalue("features")
        for name in mark.args:
            if not getattr(features, name):
                pytest.skip(f"Open WebUI {features.version} lacks {name}")
