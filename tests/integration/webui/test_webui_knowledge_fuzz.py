"""Random directories and bases against a second mind, and runs that are killed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bed_models import create_embedder
from conftest import Webui
from fuzzing import SEED, scaled
from knowledge_beds import by_hand, clear, contents, records, stored
from recorder import Recorder
from runner import killed_in_requests, succeed, unchanged

MODULE = "webui_knowledge"
STATES, KILLS = scaled(40), scaled(10, 4)
NAMES = ["a.txt", "b.md", "ä %.txt", ".c", "s/a.txt", "s/t/d.md", "u/e 1.txt", "u/f"]
WORDS = [f"words of number {number}" for number in range(12)]


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui, bed: dict[str, Any]) -> Iterator[None]:
    create_embedder(bed)
    clear(webui)
    yield
    clear(webui)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def put(src: Path, files: dict[str, str]) -> None:
    """Make a directory hold exactly these files."""
    for file in sorted(src.rglob("*"), reverse=True):
        if file.is_file():
            file.unlink()
    for name, text in files.items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(text)


def changed(chance: random.Random, files: dict[str, str]) -> dict[str, str]:
    """Return files after one to three things that people do to them."""
    files = dict(files)
    for _thing in range(chance.randint(1, 3)):
        name = chance.choice(NAMES)
        deed = chance.random()
        if deed < 0.55 or not files:
            files[name] = chance.choice(WORDS)
        elif deed < 0.75:
            files[name] = files.pop(chance.choice(sorted(files)))
        elif deed < 0.9 or len(files) < 2:
            files.pop(chance.choice(sorted(files)))
        else:
            one, other = chance.sample(sorted(files), 2)
            files[one], files[other] = files[other], files[one]
    return files


def foreseen(files: dict[str, str], now: dict[str, str], foreign: dict[str, str]) -> dict[str, Any]:
    """Return what the base must hold: each text once, where it is or else in the first place."""
    wanted, taken = {}, set(foreign.values())
    for name in sorted(files, key=lambda name: (now.get(name) != sha(files[name]), name)):
        if sha(files[name]) not in taken:
            taken.add(sha(files[name]))
            wanted[name] = sha(files[name])
    return {**wanted, **foreign}


def test_random_states_converge(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    said = by_token(name="Rules", src=str(tmp_path), remote_src=True)
    base = succeed(MODULE, said)["knowledge"]["id"]
    files: dict[str, str] = {}
    now: dict[str, str] = {}
    foreign, ids = {}, {}
    for state in range(STATES):
        if chance.random() < 0.15:
            name, text = f"person {state}.txt", f"a person's {state}"
            ids[name] = by_hand(webui, base, name, text)
            foreign[name] = sha(text)
            now = {**now, name: foreign[name]}
        files = changed(chance, files)
        # Sometimes somebody's text lies in the directory, too.
        if foreign and chance.random() < 0.1:
            files["twin.txt"] = f"a person's {chance.choice(sorted(foreign)).split()[1][:-4]}"
        put(tmp_path, files)
        wanted = foreseen(files, now, foreign)
        recorder.clear()
        told = succeed(MODULE, said, check=True)
        assert not recorder.writes()
        assert told["changed"] == (wanted != now), (state, files)
        done = succeed(MODULE, said)
        assert {**told, "invocation": 0, "knowledge": 0} == {**done, "invocation": 0, "knowledge": 0}, (state, files)
        now = contents(webui)
        assert now == wanted, (state, files)
        unchanged(MODULE, said, recorder)
    found = records(webui)
    assert {name: found[name]["id"] for name in foreign} == ids
    assert len(stored(webui)) == len(found)


def test_killed_runs_are_finished_by_the_next(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    said = by_token(name="Rules", src=str(tmp_path), remote_src=True)
    ended = 0
    for number in range(KILLS):
        put(tmp_path, {f"s{file % 2}/{file}.txt": f"{file} in round {number}" for file in range(4)})
        # After a random number of requests, so that every stage is met on any machine.
        ended += killed_in_requests(MODULE, said, recorder, chance.randint(1, 16))
        succeed(MODULE, said)
        unchanged(MODULE, said, recorder)
        assert set(contents(webui).values()) == {sha(f"{file} in round {number}") for file in range(4)}
        assert len(contents(webui)) == len(stored(webui)) == 4
    assert ended > KILLS / 2
