"""The options of a model as Ansible hands them to a module, for tests that read desired objects."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.options import MODEL
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.parse import read_desired
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.spec import ModelSpec


def options(**more: Any) -> dict[str, Any]:
    """Return all options of a model, with their defaults."""
    assert more.keys() <= MODEL.keys(), more
    return {name: option.get("default") for name, option in MODEL.items()} | {"name": "m", **more}


def desired(name: str = "m", **more: Any) -> Any:
    """Return what a module makes of these options."""
    return read_desired(options(name=name, **more))


def spec(**more: Any) -> ModelSpec:
    """Return the model that these options describe."""
    found: ModelSpec = desired(**more).spec
    return found
