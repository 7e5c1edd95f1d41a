"""Random lists of wishes over random states: foreseen, done, and then nothing left to do."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from runner import run, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

LISTS_OF_A_SEED = 20
BASES = ["t1", "t2"]
NAMES = ["m1", "m2", "m3", "m1:q4", "ns/m1", "h.x:5/ns/m1"]
TEXTS = ["x", "Be nice\n", "  lead", 'a "q" b', "several\nlines\n\n", '"quoted"', '"""', "ü €", "FROM me\nTEMPLATE x"]
TEMPLATES = [
    "{{ .Prompt }}",
    "{{ .System }}\n{{ .Prompt }}\n",
    '"{{ .Prompt }}"',
    " {{ .Prompt }} ",
    '"a"\n{{ .Prompt }}',
]
PARAMETERS = {
    "num_ctx": [1, 512, 1000000, "2048", 10**9],
    "temperature": [0, 0.1, 1, "0.70", 1e-7, 0.30000000000000004],
    "stop": ["a", ["a", "b"], ["\n", '"'], ["\\n", "\t"], ["<|x|>"]],
    "use_mmap": [True, False, "no"],
    "seed": [0, -1, 2**31, 2**53],
}


class Dice:
    """Throws names, wishes and states."""

    def __init__(self, seed: int, files: list[Path]) -> None:
        self.random = random.Random(seed)
        self.files = files

    def likely(self, share: float) -> bool:
        """Return true in so many cases."""
        return self.random.random() < share

    def name(self, text: str) -> str:
        """Return a name in another case and form that means the same."""
        text = "".join(letter.upper() if self.likely(0.3) else letter for letter in text)
        if ":" not in text.rpartition("/")[2] and self.likely(0.4):
            text += ":Latest"
        return f"library/{text}" if "/" not in text and self.likely(0.2) else text

    def wish(self, name: str, bases: list[str]) -> dict[str, Any]:
        """Return an entry of a list."""
        wish: dict[str, Any] = {"name": self.name(name)}
        if self.likely(0.15):
            return {**wish, "state": "absent"}
        if self.likely(0.2):
            wish["files"] = str(self.random.choice(self.files))
        else:
            wish["base"] = self.name(self.random.choice(bases))
        if self.likely(0.4):
            wish["system"] = self.random.choice(TEXTS)
        if self.likely(0.3):
            wish["template"] = self.random.choice(TEMPLATES)
        wish["parameters"] = {name: self.random.choice(some) for name, some in PARAMETERS.items() if self.likely(0.3)}
        return wish

    def prepare(self, server: Ollama) -> None:
        """Make the bases, and some models that are as somebody left them."""
        server.clear()
        server.make("t1", self.files[0], parameters={"top_k": 5, "num_ctx": 77})
        server.make("t2", self.files[1])
        for _model in range(self.random.randrange(4)):
            name = self.name(self.random.choice(NAMES))
            if self.likely(0.5):
                text = self.random.choice(TEXTS)
                server.derive(name, self.random.choice(BASES), parameters={"num_ctx": 9}, system=text)
            else:
                server.make(name, self.random.choice(self.files))


@pytest.mark.parametrize("seed", range(3))
def test_a_run_does_what_was_foreseen_and_leaves_nothing_to_do(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, seed: int
) -> None:
    dice = Dice(seed, [gguf, other_gguf])
    compared = 0
    for _list in range(LISTS_OF_A_SEED):
        dice.prepare(server)
        bases = [*BASES, *server.names()]
        wishes = [dice.wish(name, bases) for name in dice.random.sample(NAMES, dice.random.randrange(1, 5))]
        wish = args(models=wishes, purge=dice.likely(0.3), purge_all=True)
        recorder.clear()
        foreseen, writes = run("ollama_models", wish, check=True), recorder.writes()
        done = run("ollama_models", wish)
        assert not writes
        if foreseen.failed:
            # Wishes that contradict each other, or a text that cannot be emptied.
            assert done.failed
            assert not recorder.writes()
            continue
        assert (foreseen["diff"], foreseen["plan"]) == (done.get("diff"), done.get("plan")), (wish, done.get("msg"))
        unchanged("ollama_models", wish, recorder)
        compared += 1
    assert compared >= LISTS_OF_A_SEED / 2
