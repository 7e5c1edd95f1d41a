"""Whatever a run wrote is `changed`, whichever of its writes fails; a write whose answer was lost is looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from breaking import ANSWER_LOST, REFUSED, Breaking
from conftest import SHOW
from runner import run, succeed

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Ollama

# The models, by the words that stand for the file of a real one.
WISHES: dict[str, list[dict[str, Any]]] = {
    "from a file": [{"name": "made", "files": "GGUF", "parameters": {"num_ctx": 64}}],
    "from a base": [{"name": "bot", "base": "tiny", "system": "Be brief."}],
    "copied and gone": [{"name": "copy", "source": "tiny"}, {"name": "old", "state": "absent"}],
}
MOST_WRITES = 8


@pytest.mark.parametrize("way", [REFUSED, ANSWER_LOST])
@pytest.mark.parametrize("name", WISHES)
def test_what_was_written_is_a_change_and_the_next_run_finishes(
    server: Ollama, gguf: Path, other_gguf: Path, name: str, way: str
) -> None:
    models = [{key: str(other_gguf) if each == "GGUF" else each for key, each in one.items()} for one in WISHES[name]]
    for number in range(1, MOST_WRITES):
        server.clear()
        server.make("tiny", gguf)
        server.make("old", gguf, system="old")
        proxy = Breaking(server.url, (SHOW,), number, way)
        try:
            result = run("ollama_models", {"url": proxy.url, "models": models, "workers": 1})
            proxy.settle()
        finally:
            proxy.close()
        told = f"{way} at write {number} of {proxy.writes()}: {dict(result)}"
        assert proxy.broke or not result.failed, told
        if result.failed:
            assert result["changed"] == bool(proxy.accepted), told
            assert "Traceback" not in result.raw
        elif proxy.broke:
            assert way == ANSWER_LOST, told
        succeed("ollama_models", {"url": server.url, "models": models})
        if not proxy.broke:
            break
    assert number > 1
