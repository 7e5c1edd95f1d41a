# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a directory, sending a file of it, and what older versions of the server want."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from doubles.webui import Webui

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.files import Files
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.names import name_problems
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.order import Order, order_of
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.orphans import (
    STALE_SECONDS,
    is_abandoned,
    this_run,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.processing import Processing
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.store import Store
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.tree import PIECE, Source, scan
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.upload import Upload

if TYPE_CHECKING:
    from pathlib import Path

OLD = "0.8.12"
NOWHERE: Any = None
Rows = dict[Hashable, Mapping[str, Any]]


def fill(server: Webui, src: Path) -> Any:
    client = server.client()
    files = Files(client, "b", scan(str(src), [], [], True).sources, "own", Processing(client, 5.0))
    return converge(files, files.all_desired(), check_mode=False, purge=True, on_start=files.begin)


def test_before_folders_a_path_is_kept_in_the_mark(tmp_path: Path) -> None:
    server = Webui(OLD)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.txt").write_text("one")
    assert [step.name for step in fill(server, tmp_path).steps] == ["s/a.txt"]
    assert [row["filename"] for row in server.files.values()] == ["s__a.txt"]
    assert not fill(server, tmp_path).changed
    (tmp_path / "s" / "a.txt").rename(tmp_path / "b.txt")
    assert {step.action for step in fill(server, tmp_path).steps} == {"create", "delete"}
    assert [server.files[one]["filename"] for one in server.linked] == ["b.txt"]
    assert len(server.files) == 1


def test_before_folders_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    server = Webui(OLD)
    (tmp_path / "a.txt").write_text("one")
    fill(server, tmp_path)
    server.linked.clear()
    for row in server.files.values():
        row["meta"]["data"]["run"] = ""
        row["created_at"] = time.time() - 2 * STALE_SECONDS
    server.files["hers"] = {"id": "hers", "filename": "a.txt", "meta": {"data": {}}}
    fill(server, tmp_path)
    assert len(server.files) == 2
    assert "hers" in server.files


def test_before_folders_uploads_of_a_run_at_work_stay(tmp_path: Path) -> None:
    server = Webui(OLD)
    (tmp_path / "a.txt").write_text("one")
    fill(server, tmp_path)
    # Marked by this very process, which is alive.
    server.linked.clear()
    (tmp_path / "a.txt").write_text("two")
    fill(server, tmp_path)
    assert len(server.files) == 2


def test_what_a_run_that_just_ended_put_into_the_base_is_no_orphan(tmp_path: Path) -> None:
    server = Webui(OLD)
    (tmp_path / "a.txt").write_text("one")
    fill(server, tmp_path)
    (file_id,) = server.linked
    server.files[file_id]["meta"]["data"]["run"] = ""
    server.files[file_id]["created_at"] = 0
    # The run's own list is older than the file's link.
    client = server.client()
    Store(client, "b", Processing(client, 5.0)).remove_orphans([])
    assert server.linked == {file_id} == set(server.files)
    server.linked.clear()
    Store(client, "b", Processing(client, 5.0)).remove_orphans([])
    assert server.files == {}


def record(run: str, age: float = 0.0) -> dict[str, Any]:
    return {"created_at": time.time() - age, "updated_at": None, "meta": {"data": {"run": run}}}


def test_an_upload_is_abandoned_when_its_run_is_dead_or_it_is_old() -> None:
    place, pid, began = this_run().split(":")
    assert not is_abandoned(record(this_run(), 10 * STALE_SECONDS), 300.0)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    assert is_abandoned(record(f"{place}:{process.pid}:{began}"), 300.0)
    assert is_abandoned(record(f"{place}:{pid}:{int(began) + 1}"), 300.0)
    for elsewhere in (f"elsewhere:{pid}:{began}", "", f"unknown:{process.pid}:{began}", f"{place}:x:0"):
        assert not is_abandoned(record(elsewhere, STALE_SECONDS - 60), 300.0)
        assert is_abandoned(record(elsewhere, STALE_SECONDS + 60), 300.0)
        assert not is_abandoned(record(elsewhere, STALE_SECONDS + 60), 2 * STALE_SECONDS)
    assert str(os.getpid()) == pid


def ordered(before: dict[str, str], after: dict[str, str]) -> Order:
    rows: Rows = {path: {"text": text, "sha256": text} for path, text in before.items()}
    sources = {path: Source(path, NOWHERE, 1, text, text, "") for path, text in after.items()}
    changing = [path for path, text in after.items() if before.get(path) != text]
    return order_of(sources, rows, changing, [path for path in before if path not in after])


def test_a_file_waits_for_the_one_that_has_its_text() -> None:
    rotated = ordered({"a": "3", "a.1": "2", "a.2": "1"}, {"a": "4", "a.1": "3", "a.2": "2", "a.3": "1"})
    assert rotated.after == {"a.1": "a", "a.2": "a.1", "a.3": "a.2"}
    assert rotated.rings == {}
    assert list(rotated.needs("a.2")) == ["a.1"]
    assert list(rotated.needs("a")) == []


def test_files_that_exchange_texts_are_one_ring() -> None:
    order = ordered({"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}, {"a": "2", "b": "3", "c": "1", "d": "6"})
    assert set(order.rings) == {"a", "b", "c"}
    assert set(order.rings["a"]) == {"a", "b", "c"}
    first = order.rings["a"][0]
    assert all(list(order.needs(path)) == [first] for path in "abc")
    # What goes, goes when all others are done.
    assert set(order.needs("e")) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("version", "path", "told"),
    [
        (OLD, "a" * 218, ""),
        (OLD, "a" * 219, "has 219 bytes, and Open WebUI 0.8.12 stores 218 at most"),
        ("0.6.43", "会" * 72 + ".t", ""),
        ("0.6.43", "会" * 73, "has 219 bytes, and Open WebUI 0.6.43 stores 218 at most"),
        # Directories are part of the name before 0.10, with two characters for each slash.
        (OLD, "/".join("a" * 50 for _part in range(4)) + "/b.txt", ""),
        (OLD, "/".join("a" * 51 for _part in range(4)) + "/b.txt", ""),
        (OLD, "/".join("a" * 52 for _part in range(4)) + "/b.txt", "with its directories has 221 bytes"),
        ("0.10.2", "/".join("a" * 52 for _part in range(4)) + "/b.txt", ""),
        ("0.10.2", "a" * 255, ""),
        ("0.10.2", "a." + "b" * 218, ""),
        ("0.12.4", "a." + "b" * 219, "the extension of the file"),
        ("0.12.4", "." + "b" * 254, ""),
    ],
)
def test_names_are_as_long_as_the_server_can_store(version: str, path: str, told: str) -> None:
    found = list(name_problems(Webui(version).client(), ["short.txt", path]))
    assert [told in problem for problem in found] == ([True] if told else []), found


def test_short_names_ask_for_no_version() -> None:
    server = Webui()
    assert list(name_problems(server.client(), ["a" * 218, "b/c"])) == []
    assert server.requests == []


def test_a_file_never_waits_for_itself() -> None:
    order = ordered({"a": "1"}, {"a": "1"})
    assert (order.after, order.rings) == ({}, {})
    rows: Rows = {"a": {"text": "1", "sha256": "x"}}
    same_text = order_of({"a": Source("a", NOWHERE, 1, "y", "1", "")}, rows, ["a"], [])
    assert (same_text.after, same_text.rings) == ({}, {})


def test_a_file_that_failed_is_removed_and_told_with_the_words_of_the_server(tmp_path: Path) -> None:
    server = Webui(OLD)
    server.processing = "failed"
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(Failure, match=r"The file 'a.txt' could not be processed .*: no words in it; mend it"):
        fill(server, tmp_path)
    assert server.files == {}


def test_a_wait_without_movement_ends(tmp_path: Path) -> None:
    server = Webui(OLD)
    server.processing = "pending"
    (tmp_path / "a.txt").write_text("one")
    client = server.client()
    files = Files(client, "b", scan(str(tmp_path), [], [], True).sources, "own", Processing(client, 0.1))
    with pytest.raises(Failure, match=r"nothing moved for 0.1 seconds \(process_timeout\)"):
        converge(files, files.all_desired(), check_mode=False, on_start=files.begin)
    assert server.files == {}


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_an_upload_is_as_long_as_it_says_and_whole(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "a.bin").write_bytes(data)
    upload = Upload(scan(str(tmp_path), [], [], True).sources[0], 'q"\\.bin', {"a": 1})
    sent = b""
    while piece := upload.read(1000):
        assert len(piece) <= 1000
        sent += piece
    assert len(sent) == len(upload)
    assert sent.split(b"\r\n\r\n", 2)[2].startswith(data)
    assert b'filename="q\\"\\\\.bin"' in sent


@pytest.mark.parametrize("after", [b"two", b"onetwo", b"o", b""])
def test_a_file_that_changed_breaks_its_upload_off(tmp_path: Path, after: bytes) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one")
    upload = Upload(scan(str(tmp_path), [], [], True).sources[0], "a.txt", {})
    file.write_bytes(after)
    with pytest.raises(Failure, match=r"The file 'a.txt' changed while it was read; run the task again"):
        list(upload)


@pytest.mark.parametrize(
    ("patterns", "excludes", "recurse", "found"),
    [
        ([], [], True, [".h", "a.md", "s/b.txt", "s/t/c.md"]),
        ([], [], False, [".h", "a.md"]),
        (["*.md"], [], True, ["a.md", "s/t/c.md"]),
        ([], ["s"], True, [".h", "a.md"]),
        ([], ["s/t"], True, [".h", "a.md", "s/b.txt"]),
        ([], ["c.*", ".*"], True, ["a.md", "s/b.txt"]),
    ],
)
def test_what_is_wanted_of_a_directory(
    tmp_path: Path, patterns: list[str], excludes: list[str], recurse: bool, found: list[str]
) -> None:
    (tmp_path / "s" / "t").mkdir(parents=True)
    for name in (".h", "a.md", "s/b.txt", "s/t/c.md"):
        (tmp_path / name).write_text(name)
    assert [source.path for source in scan(str(tmp_path), patterns, excludes, recurse).sources] == found


@pytest.mark.parametrize("split", range(PIECE - 3, PIECE + 3))
def test_line_ends_are_one_kind_wherever_a_piece_ends(tmp_path: Path, split: int) -> None:
    text = b"x" * split + b"\r\n\r" + b"y\r"
    (tmp_path / "a").write_bytes(text)
    (tmp_path / "b").write_bytes(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    one, other = scan(str(tmp_path), [], [], True).sources
    assert one.text == other.text
    assert one.sha256 != other.sha256


def test_what_no_directory_is(tmp_path: Path) -> None:
    assert "which is no directory on the managed host" in scan(str(tmp_path / "no"), [], [], True).problems[0]
