"""webui_knowledge on a real Open WebUI, which embeds by a tiny model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bed_models import create_embedder
from conftest import Webui, access_of
from knowledge_beds import bases, by_hand, clear, contents, records, stored, tree, write
from recorder import Recorder
from runner import BYTECODE, COLLECTIONS, MODULES, fail, quadruple, sentence, succeed, unchanged

MODULE = "webui_knowledge"
MOST_MEMORY = 120 * 1024
HUGE = 500 * 1024 * 1024
MEASURED = """
import atexit, os, re, runpy, sys
# The system's own figure would count what the parent had when it began.
atexit.register(lambda: print(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
runpy.run_module(os.environ["MEASURED"], run_name="__main__")
"""


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui, bed: dict[str, Any]) -> Iterator[None]:
    create_embedder(bed)
    clear(webui)
    yield
    clear(webui)


@pytest.fixture
def src(tmp_path: Path) -> Path:
    place = tmp_path / "src"
    place.mkdir()
    return place


@pytest.fixture
def rules(by_token: Callable[..., dict[str, Any]], src: Path) -> Callable[..., Any]:
    return lambda **more: by_token(name="Rules", src=str(src), remote_src=True, **more)


def test_a_base_is_filled_changed_and_removed(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, a_txt="The bell rings at eight.", sub__b_md="Shoes stay outside.", sub__deep__c_txt="No running.")
    runs = quadruple(MODULE, rules(description="d"), recorder, lambda: (len(bases(webui)), contents(webui)))
    assert contents(webui) == tree(src)
    assert runs.done["added"] == ["a.txt", "sub/b.md", "sub/deep/c.txt"]
    requests = [line.partition("?")[0] for line in recorder.seen()]
    base = bases(webui)[0]["id"]
    pending = [f"GET /api/v1/knowledge/{base}/files/pending"] if webui.features.knowledge_folders else []
    # 0.10 is asked for each folder.
    lists = 3 if webui.features.version.startswith("0.10.") else 1
    assert requests == [
        "GET /api/v1/knowledge/search",
        "GET /api/version",
        *pending,
        *[f"GET /api/v1/knowledge/{base}/files"] * lists,
    ]
    kept = records(webui)["sub/b.md"]["id"]
    write(src, a_txt="The bell rings at nine.", d_txt="New.")
    (src / "sub" / "deep" / "c.txt").unlink()
    (src / "sub" / "b.md").rename(src / "moved.md")
    runs = quadruple(MODULE, rules(), recorder, lambda: contents(webui))
    assert contents(webui) == tree(src)
    told = {name: runs.done[name] for name in ("added", "updated", "removed", "moved")}
    moves = webui.features.knowledge_folders
    assert told == {
        "added": ["d.txt"] if moves else ["d.txt", "moved.md"],
        "updated": ["a.txt"],
        "removed": ["sub/deep/c.txt"] if moves else ["sub/b.md", "sub/deep/c.txt"],
        "moved": {"moved.md": "sub/b.md"} if moves else {},
    }
    assert (records(webui)["moved.md"]["id"] == kept) == moves
    quadruple(MODULE, rules(state="absent"), recorder, lambda: len(bases(webui)))
    assert stored(webui) == []


def test_what_was_put_there_is_found_by_a_query(webui: Webui, rules: Callable[..., Any], src: Path) -> None:
    write(src, a_txt="The bell rings at eight.")
    base = succeed(MODULE, rules())["knowledge"]["id"]
    body = {"collection_names": [base], "query": "bell", "k": 1}
    assert webui.call("POST", "retrieval/query/collection", body)["documents"] == [["The bell rings at eight."]]


def test_files_of_people_stay_unless_all_are_purged(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, a_txt="ours")
    base = succeed(MODULE, rules())["knowledge"]["id"]
    mine = by_hand(webui, base, "mine.txt", "of a person")
    unchanged(MODULE, rules(), recorder)
    by_hand(webui, base, "same.txt", "twin")
    write(src, twin_txt="twin", b_txt="more")
    runs = quadruple(MODULE, rules(), recorder, lambda: contents(webui))
    assert runs.again["skipped"] == {"twin.txt": "its text is that of same.txt, and a base takes no text twice"}
    assert records(webui)["mine.txt"]["id"] == mine
    write(src, mine_txt="another of that name")
    assert "another file 'mine.txt' that somebody else put there" in sentence(MODULE, rules())
    quadruple(MODULE, rules(purge="all"), recorder, lambda: contents(webui))
    assert contents(webui) == tree(src)
    (src / "b.txt").unlink()
    unchanged(MODULE, rules(purge="none"), recorder)
    assert "b.txt" in contents(webui)


def test_odd_names_and_odd_files(webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path) -> None:
    names = ["ä😀 %41.txt", ".hidden", 'q"u\\o.txt', "a&b=c;d.txt", "x" * 200, "% dir/'s.txt", "noext"]
    for number, name in enumerate(names):
        (src / name).parent.mkdir(exist_ok=True)
        (src / name).write_text(f"words {number}")
    (src / "crlf.txt").write_bytes(b"one\r\ntwo")
    (src / "lf.txt").write_bytes(b"one\ntwo")
    (src / "empty.txt").touch()
    (src / "out.txt").symlink_to("/etc/hostname")
    (src / "up").symlink_to("/etc")
    runs = quadruple(MODULE, rules(), recorder, lambda: contents(webui))
    assert set(contents(webui)) == {*names, "crlf.txt"}
    assert runs.again["skipped"] == {
        "empty.txt": "it is empty, and the server takes no empty file",
        "lf.txt": "its text is that of crlf.txt, and a base takes no text twice",
        "out.txt": "it is a link that leads out of the directory",
    }
    (src / "line\nend").write_text("x")
    (src / os.fsdecode(b"\xff")).write_text("y")
    message = sentence(MODULE, rules(), check=True)
    assert "control character" in message
    assert "not UTF-8" in message


def test_only_the_wanted_files(webui: Webui, rules: Callable[..., Any], src: Path) -> None:
    write(src, a_md="1", b_txt="2", drafts__c_md="3", sub__d_md="4")
    succeed(MODULE, rules(patterns=["*.md"], excludes=["drafts"]))
    assert set(contents(webui)) == {"a.md", "sub/d.md"}
    succeed(MODULE, rules(patterns=["*.md"], recurse=False))
    assert set(contents(webui)) == {"a.md"}


def test_a_file_that_the_server_cannot_read_is_named_and_leaves_nothing(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, a_txt="fine", blank_txt=" \n")
    result = fail(MODULE, rules(workers=1))
    assert "The file 'blank.txt' could not be processed by Open WebUI at " in result["msg"]
    assert result["changed"]
    assert [row["filename"] for row in stored(webui)] == ["a.txt"]
    unchanged(MODULE, rules(excludes=["blank.txt"]), recorder)


def test_two_bases_of_a_name_are_an_error_with_their_ids(webui: Webui, rules: Callable[..., Any]) -> None:
    ids = [webui.call("POST", "knowledge/create", {"name": "Rules", "description": ""})["id"] for _time in range(2)]
    message = sentence(MODULE, rules())
    assert all(each in message for each in ids)


def test_access_by_names(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    webui.add_group("pupils")
    said = by_token(name="Rules", access={"read": {"groups": ["pupils"]}})
    quadruple(MODULE, said, recorder, lambda: bases(webui))
    quadruple(MODULE, {**said, "access": {"public": True}}, recorder, lambda: bases(webui))
    assert access_of(bases(webui)[0]) == {("user", "*", "read")}
    quadruple(MODULE, by_token(name="Rules", description="new"), recorder, lambda: bases(webui))
    assert access_of(bases(webui)[0]) == {("user", "*", "read")}


def test_a_huge_file_is_never_whole_in_memory(recorder: Recorder, rules: Callable[..., Any], src: Path) -> None:
    with (src / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    succeed(MODULE, {key: value for key, value in rules().items() if key != "src"})
    recorder.clear()
    recorder.answer("POST /api/v1/files/", {"id": "f"})
    recorder.answer("GET /api/v1/files/f/process/status", {"status": "completed"})
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": rules()}),
        env={
            **os.environ,
            "MEASURED": f"{MODULES}.{MODULE}",
            "PYTHONPATH": str(COLLECTIONS),
            "PYTHONPYCACHEPREFIX": str(BYTECODE),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    # The server never got it, and the module sees that.
    assert "huge.bin" in json.loads(done.stdout)["msg"]
    (sent,) = [
        request for request in recorder.requests if request.path.endswith("/files/") and request.method == "POST"
    ]
    assert int({name.lower(): value for name, value in sent.headers.items()}["content-length"]) > HUGE
    assert int(done.stderr.split()[-1]) < MOST_MEMORY
