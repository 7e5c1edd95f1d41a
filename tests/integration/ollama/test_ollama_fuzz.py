"""Random lists of desired objects over random states: foreseen, done as it ought to be, and then nothing left to do."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import digest
from fuzzing import SEED, scaled
from runner import run, unchanged
from world import Ought, World, bare, fold, made

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

WISHES_OF_A_SEED = scaled(110)
BASES = ["t1", "t2"]
NAMES = ["m1", "m2", "m3", "m4", "m1:q4", "ns/m1", "h.x:5/ns/m1"]
SERVED = ["r1", "r2"]
TEXTS = [
    "x",
    "Be nice\n",
    "  lead",
    'a "q" b',
    "several\nlines\n\n",
    '"quoted"',
    '"""',
    "ü €",
    "FROM me\nTEMPLATE x",
    "",
]
TEMPLATES = [
    "{{ .Prompt }}",
    "{{ .System }}\n{{ .Prompt }}\n",
    '"{{ .Prompt }}"',
    " {{ .Prompt }} ",
    '"a"\n{{ .Prompt }}',
    "",
]
PARAMETERS: dict[str, Sequence[Any]] = {
    "num_ctx": [1, 512, 1000000, "2048", 10**9, None],
    "temperature": [0, 0.1, 1, "0.70", 1e-7, 0.30000000000000004],
    "stop": ["a", ["a", "b"], ["\n", '"'], ["\\n", "\t"], ["<|x|>"], None],
    "use_mmap": [True, False, "no"],
    "seed": [0, -1, 2**31, 2**53],
}
MESSAGES = [
    [],
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": 'a "b"\nc'}, {"role": "assistant", "content": " d "}],
]
LICENSES = ["", [], "MIT", "MIT\nsecond line", ["One", "Two"], ["MIT"]]


class Dice:
    """Throws names, desired objects and states."""

    def __init__(self, seed: str, files: list[Path]) -> None:
        self.random = random.Random(seed)
        self.files = files
        self.weights = {str(path): digest(path.read_bytes()) for path in files}

    def likely(self, share: float) -> bool:
        """Return true in so many cases."""
        return self.random.random() < share

    def name(self, text: str) -> str:
        """Return a name in another case and form that means the same. A registry does not fold the case."""
        if text in SERVED:
            return text
        text = "".join(letter.upper() if self.likely(0.3) else letter for letter in text)
        if ":" not in text.rpartition("/")[2] and self.likely(0.4):
            text += ":Latest"
        if "/" not in text and self.likely(0.2):
            text = f"library/{text}"
        return f"registry.ollama.ai/{text}" if text.startswith("library/") and self.likely(0.2) else text

    def content(self) -> dict[str, Any]:
        """Return what may be said of a made model."""
        said: dict[str, Any] = {}
        chances: tuple[tuple[str, Sequence[Any], float], ...] = (
            ("system", TEXTS, 0.4),
            ("template", TEMPLATES, 0.3),
            ("messages", MESSAGES, 0.25),
            ("license", LICENSES, 0.25),
            ("quantize", ["Q8_0", "Q4_K_M", "F16"], 0.1),
        )
        for name, some, share in chances:
            if self.likely(share):
                said[name] = self.random.choice(some)
        said["parameters"] = {name: self.random.choice(some) for name, some in PARAMETERS.items() if self.likely(0.3)}
        return said

    def desired(self, name: str, others: list[str], mirror: str) -> dict[str, Any]:
        """Return an entry of a list."""
        desired: dict[str, Any] = {"name": self.name(name)}
        if self.likely(0.15):
            return {**desired, "state": "absent"}
        if name in SERVED:
            return {**desired, "mirror": mirror, "state": self.random.choice(["present", "latest"])}
        if self.likely(0.15):
            return {**desired, "source": self.name(self.random.choice(others))}
        if self.likely(0.2):
            desired["files"] = str(self.random.choice(self.files))
        else:
            base = self.random.choice(others)
            desired |= {"base": self.name(base)} | ({"mirror": mirror} if base in SERVED else {})
        desired |= self.content()
        if desired.get("files"):
            desired["parameters"] = {name: value for name, value in desired["parameters"].items() if value is not None}
        return desired

    def prepare(self, server: Ollama) -> World:
        """Make the bases, and some models that are as somebody left them; return what is there."""
        server.clear()
        world: World = {}
        rich: dict[str, Any] = {"parameters": {"top_k": 5, "num_ctx": 77}, "messages": MESSAGES[1], "license": ["MIT"]}
        for name, path, more in (("t1", self.files[0], {**rich, "system": "t1's"}), ("t2", self.files[1], {})):
            server.make(name, path, **more)
            world[fold(name)] = made(bare(self.weights[str(path)]), more)
        for _model in range(self.random.randrange(4)):
            name = self.name(self.random.choice(NAMES))
            if self.likely(0.5):
                base, more = self.random.choice(BASES), {"parameters": {"num_ctx": 9}, "system": "left so"}
                server.derive(name, base, **more)
                world[fold(name)] = made(world[fold(base)], more)
            else:
                path = self.random.choice(self.files)
                server.make(name, path)
                world[fold(name)] = bare(self.weights[str(path)])
        return world


def stored(server: Ollama, name: str) -> str:
    """Return the digest of a model's weights."""
    found = re.search(r"^FROM .*sha256-([0-9a-f]{64})$", server.show(name)["modelfile"], re.MULTILINE)
    assert found
    return f"sha256:{found.group(1)}"


def uploads(server: Ollama, files: list[Path]) -> dict[str, str]:
    """Return the digests of files by those that the server stores them under."""
    known = {}
    for path in files:
        server.make("upload", path)
        known[stored(server, "upload")] = digest(path.read_bytes())
    server.call("DELETE", "delete", {"model": "upload"})
    return known


def shown(server: Ollama, known: dict[str, str]) -> World:
    """Return what the server has, by what it shows; weights by the digest of the upload, where that is known."""
    world: World = {}
    models = server.models()
    for name, model in models.items():
        assert fold(name) not in world, f"the server has two models of one name: {sorted(models)}"
        show = server.show(name)
        parameters: dict[str, Any] = {}
        for line in show.get("parameters", "").splitlines():
            key, _space, value = line.partition(" ")
            if key == "stop":
                text = value.strip()[1:-1]
                for escaped, plain in (("\\\\", "\0"), ("\\n", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\0", "\\")):
                    text = text.replace(escaped, plain)
                parameters.setdefault("stop", []).append(text)
            else:
                parameters[key] = value.strip() == "true" if key == "use_mmap" else float(value)
        weights = stored(server, name)
        world[fold(name)] = {
            "weights": known.get(weights, weights),
            "level": model["details"]["quantization_level"],
            "system": show.get("system", ""),
            "template": show["template"],
            "parameters": parameters,
            "messages": show.get("messages", []),
            "license": show.get("license", ""),
        }
    return world


def same_world(is_so: World, ought: World) -> None:
    """Assert that a server has what it ought to; of quantized weights only that they are others can be said."""
    assert is_so.keys() == ought.keys()
    for name, content in ought.items():
        expected = dict(content)
        if not expected["weights"].startswith("sha256:"):
            assert is_so[name]["weights"] not in expected["weights"]
            expected["weights"] = is_so[name]["weights"]
        assert is_so[name] == expected, name


@pytest.fixture
def served(registry: Registry, gguf: Path, other_gguf: Path) -> World:
    """What the registry has."""
    for name, path in zip(SERVED, (gguf, other_gguf), strict=True):
        registry.publish(f"library/{name}:latest", path.read_bytes(), system=f"{name}'s")
    weights = (digest(path.read_bytes()) for path in (gguf, other_gguf))
    # What the registry's config does not say, the server does not know.
    return {
        f"{name}:latest": {**bare(digest_), "system": f"{name}'s", "level": ""}
        for name, digest_ in zip(SERVED, weights, strict=True)
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_run_does_what_was_foreseen_and_what_it_ought_to_and_leaves_nothing_to_do(
    server: Ollama,
    recorder: Recorder,
    args: Args,
    gguf: Path,
    other_gguf: Path,
    registry: Registry,
    served: World,
    seed: int,
) -> None:
    dice, known = Dice(f"{SEED} {seed}", [gguf, other_gguf]), uploads(server, [gguf, other_gguf])
    mirror, converged = f"http://{registry.host}", 0
    while converged < WISHES_OF_A_SEED:
        before = dice.prepare(server)
        same_world(shown(server, known), before)
        others = [*BASES, *sorted(server.names()), *(SERVED if dice.likely(0.3) else [])]
        names = dice.random.sample([*NAMES, *NAMES, *SERVED], dice.random.randrange(3, 9))
        all_desired = [dice.desired(name, others, mirror) for name in dict.fromkeys(names)]
        desired = args(models=all_desired, purge=dice.likely(0.3), purge_all=True)
        recorder.clear()
        foreseen, writes = run("ollama_models", desired, check=True), recorder.writes()
        done = run("ollama_models", desired)
        assert not writes
        if foreseen.failed:
            # Desired objects that contradict each other, or a base or source that nobody has.
            assert done.failed
            assert not recorder.writes(), (desired, done.get("msg"))
            continue
        assert (foreseen["diff"], foreseen["plan"]) == (done.get("diff"), done.get("plan")), (desired, done.get("msg"))
        same_world(shown(server, known), Ought(before, served, dice.weights, all_desired).world(desired["purge"]))
        unchanged("ollama_models", desired, recorder)
        converged += len(all_desired)
