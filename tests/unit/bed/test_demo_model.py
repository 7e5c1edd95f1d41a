"""The model of the demo where no registry gives the official images: a real one that answers in words."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from testbed import real
from testbed.engine import BedError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def images() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_images", ROOT / "demo" / "images.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo_asks_the_real_model_of_the_bed(
    images: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(real, "ensure", lambda directory: {real.CHAT: tmp_path / "smollm2.gguf"})
    assert images.bed_model() == ("smollm2:135m", str(tmp_path / "smollm2.gguf"))


def test_a_model_that_cannot_be_made_is_one_sentence(images: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(directory: Path) -> None:
        raise BedError("install.sh of image models failed.")

    monkeypatch.setattr(real, "ensure", failed)
    with pytest.raises(images.ImagesError, match=r"^The test bed's model could not be made: install.sh"):
        images.bed_model()


def test_answers_in_the_demo_have_a_limit() -> None:
    text = (ROOT / "demo" / "inventory.yml").read_text(encoding="utf-8")
    (model,) = yaml.safe_load(text)["all"]["vars"]["ollama_models"]
    assert "'num_predict': 256" in model["parameters"]
    assert set(real.PARAMETERS) >= {"num_predict"}
