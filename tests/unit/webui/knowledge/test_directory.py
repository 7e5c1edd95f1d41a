# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory is read without ever leaving it, whatever somebody puts behind its paths meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.directory import Outside, Place
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.tree import PIECE, scan
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.upload import Upload

SECRET = b"secret" * (PIECE // 6 * 2)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "a.txt").write_bytes(SECRET)
    return place


@pytest.fixture
def src(tmp_path: Path) -> Path:
    place = tmp_path / "src"
    (place / "s" / "t").mkdir(parents=True)
    for name in ("a.txt", "s/a.txt", "s/t/a.txt"):
        (place / name).write_bytes(b"x" * len(SECRET))
    return place


def sent(upload: Upload) -> bytes:
    """Return what was sent until the upload broke off."""
    pieces: list[bytes] = []
    with pytest.raises(Failure, match=r"run the task again"):
        pieces.extend(upload)
    return b"".join(pieces)


@pytest.mark.parametrize("swapped", ["a.txt", "s/a.txt", "s/t", "s"])
def test_a_link_that_takes_the_place_of_a_path_is_not_followed(src: Path, outside: Path, swapped: str) -> None:
    (outside / "t").mkdir()
    (outside / "t" / "a.txt").write_bytes(SECRET)
    uploads = {source.path: Upload(source, "n", {}) for source in scan(str(src), [], [], True).sources}
    place = src / swapped
    path = swapped if swapped.endswith(".txt") else f"{swapped}/a.txt"
    place.rename(src.parent / "was")
    place.symlink_to(outside / "a.txt" if swapped.endswith(".txt") else outside)
    assert b"secret" not in sent(uploads[path])


def test_a_directory_that_is_swapped_as_a_whole_stays_the_one_that_was_read(src: Path, outside: Path) -> None:
    (source,) = [each for each in scan(str(src), [], [], True).sources if each.path == "a.txt"]
    src.rename(src.parent / "was")
    src.symlink_to(outside)
    assert b"secret" not in b"".join(Upload(source, "n", {}))


def test_a_pipe_that_takes_the_place_of_a_file_holds_nobody_up(src: Path) -> None:
    uploads = {source.path: Upload(source, "n", {}) for source in scan(str(src), [], [], True).sources}
    (src / "a.txt").unlink()
    os.mkfifo(src / "a.txt")
    sent(uploads["a.txt"])
    assert dict(scan(str(src), [], [], True).skipped) == {"a.txt": "it is no regular file"}


def test_links_within_the_directory_are_followed_by_hand(src: Path, outside: Path) -> None:
    (src / "s" / "up.txt").symlink_to("../a.txt")
    (src / "s" / "far.txt").symlink_to("t/../../s/./t/a.txt")
    (src / "whole.txt").symlink_to(src / "s" / "t" / "a.txt")
    (src / "folder").symlink_to("s/t")
    (src / "by-folder.txt").symlink_to("folder/a.txt")
    for name, target in (
        ("out.txt", outside / "a.txt"),
        ("up.txt", "../outside/a.txt"),
        ("by.txt", "s/../../outside/a.txt"),
        ("near.txt", f"{src}-not/a.txt"),
    ):
        (src / name).symlink_to(target)
    place = Place(str(src))
    for name in ("s/up.txt", "s/far.txt", "whole.txt", "by-folder.txt"):
        with place.open(name) as file:
            assert file.read(1) == b"x"
    for name in ("out.txt", "up.txt", "by.txt", "near.txt"):
        with pytest.raises(Outside, match="leads out"):
            place.open(name)
    for name in ("s", "folder"):
        with pytest.raises(Outside, match="no regular file"):
            place.open(name)


def test_links_by_the_given_path_of_a_linked_directory_are_within_it(src: Path) -> None:
    named = src.parent / "named"
    named.symlink_to(src)
    (src / "whole.txt").symlink_to(named / "s" / "a.txt")
    with Place(str(named)).open("whole.txt") as file:
        assert file.read(1) == b"x"


def test_a_circle_of_links_is_an_error_that_names_it(src: Path) -> None:
    (src / "one").symlink_to("two")
    (src / "two").symlink_to("one")
    problems = scan(str(src), [], [], True).problems
    assert problems == (
        "the file 'one' cannot be read (Too many levels of symbolic links); make it readable, or name it in excludes",
        "the file 'two' cannot be read (Too many levels of symbolic links); make it readable, or name it in excludes",
    )


def test_no_descriptor_is_left_open(src: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _time in range(20):
        tree = scan(str(src), [], [], True)
        assert len(tree.sources) == 3
    del tree
    assert len(list(descriptors.iterdir())) <= before + 1
