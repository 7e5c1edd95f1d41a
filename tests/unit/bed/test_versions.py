"""Open WebUI in several versions: images, and the table of what their tests came to."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from testbed import images
from testbed.engine import BedError

SCRIPT = Path(__file__).resolve().parents[2] / "versions"
REPORT = """<testsuites><testsuite>
<testcase classname="tests.integration.webui.test_a" name="one"/>
<testcase classname="tests.integration.webui.test_a" name="two"><skipped message="lacks it"/></testcase>
<testcase classname="tests.integration.webui.test_b" name="one"><failure/></testcase>
<testcase classname="tests.integration.webui.test_b" name="two"><error/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def versions() -> ModuleType:
    loader = SourceFileLoader("versions", str(SCRIPT))
    spec = importlib.util.spec_from_loader("versions", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_each_version_is_an_image_of_its_own() -> None:
    made = [images.Image("open-webui", version) for version in images.WEBUI_VERSIONS]
    assert len({image.tag for image in made}) == len({image.inputs() for image in made}) == 4


def test_a_version_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(images.ALL, "open-webui", images.Image("open-webui", "latest"))
    with pytest.raises(BedError, match=r"must be a release like 0\.6\.43, not 'latest'"):
        images.ensure(["open-webui"])


def test_the_table_has_a_row_for_each_file_and_a_column_for_each_version(versions: ModuleType, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    found = versions.counts(report)
    assert versions.failures(found) == 2
    assert versions.table({"0.12.4": found, "0.6.43": versions.counts(tmp_path / "none")}).splitlines() == [
        "| test file | 0.12.4 | 0.6.43 |",
        "| --- | --- | --- |",
        "| `test_a` | 1 passed, 1 skipped | - |",
        "| `test_b` | 2 failed | - |",
        "| all | 1 passed, 2 failed, 1 skipped | - |",
    ]


def test_the_table_goes_between_its_marks(
    versions: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "PAGE", tmp_path / "page.md")
    versions.PAGE.write_text("a\n<!-- table -->\nold\n<!-- /table -->\nz\n", encoding="utf-8")
    versions.write("new")
    assert versions.PAGE.read_text(encoding="utf-8") == "a\n<!-- table -->\nnew\n<!-- /table -->\nz\n"


def test_an_ollama_that_is_given_is_known_by_its_id_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BED_OLLAMA_IMAGE", "registry.example:5000/mine/ollama:0.32.15")
    given = images._ollama()
    assert (given.own, given.version, given.repository) == (False, "0.32.15", "registry.example:5000/mine/ollama")
    monkeypatch.setenv("BED_OLLAMA_IMAGE", "official")
    assert images._ollama().tag == images.official_ollama()
    monkeypatch.delenv("BED_OLLAMA_IMAGE")
    assert images._ollama().own


@pytest.mark.parametrize("reference", ["ollama", "ollama/ollama:latest", "ollama:"])
def test_an_ollama_without_a_version_is_refused(monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    monkeypatch.setenv("BED_OLLAMA_IMAGE", reference)
    monkeypatch.setitem(images.ALL, "ollama", images._ollama())
    with pytest.raises(BedError, match=r"BED_OLLAMA_IMAGE must be NAME:VERSION, such as ollama/ollama:\d"):
        images.ensure(["ollama"])


def test_where_no_registry_gives_the_newer_ollama_its_double_is_tested(
    versions: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(image: images.Image) -> None:
        raise BedError(f"no registry gives {image.tag}")

    monkeypatch.delenv("BED_OLLAMA_IMAGE", raising=False)
    monkeypatch.setattr(images, "fetch", refused)
    target = versions.ollama()
    assert target.variables == {"BED_OLLAMA_FRONT": images.official_ollama().rpartition(":")[2]}
    assert target.paths == ("tests/integration/ollama",)
    monkeypatch.setenv("BED_OLLAMA_IMAGE", "mine/ollama:0.31.0")
    with pytest.raises(BedError, match=r"no registry gives mine/ollama:0\.31\.0"):
        versions.ollama()
    monkeypatch.setattr(images, "fetch", lambda image: None)
    assert versions.ollama().variables == {"BED_OLLAMA_IMAGE": "mine/ollama:0.31.0"}
    assert "tests/integration/webui" in versions.ollama().paths
