"""webui_knowledge never loses a file: each one is the old or the new one, whatever breaks when."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bed_embedder import create_embedder, embedder, lose_embedder
from conftest import Webui
from knowledge_beds import bases, by_hand, clear, contents, stored, tree, write
from recorder import Recorder
from runner import fail, killed_in_writes, quadruple, sentence, succeed, unchanged

MODULE = "webui_knowledge"
PROBE = "POST /api/v1/retrieval/query/doc"
UPLOAD = "POST /api/v1/files/"


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


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def versions(number: int, count: int = 6) -> dict[str, Any]:
    return {f"f{file}_txt": f"file {file} in version {number}" for file in range(count)}


def hashes(number: int, count: int = 6) -> dict[str, Any]:
    return {name.replace("_", "."): sha(text) for name, text in versions(number, count).items()}


def written(recorder: Recorder) -> list[Any]:
    return [line for line in recorder.writes() if not line.startswith(PROBE)]


def test_a_broken_embedding_engine_is_reported_before_anything_is_written(
    webui: Webui, bed: dict[str, Any], recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, **versions(1))
    succeed(MODULE, rules())
    write(src, **versions(2))
    lose_embedder(bed)
    recorder.clear()
    result = fail(MODULE, rules())
    assert contents(webui) == hashes(1)
    assert not result["changed"]
    assert written(recorder) == []
    assert "embedding engine of Open WebUI" in result["msg"]
    assert embedder(bed) in result["msg"]
    create_embedder(bed)
    quadruple(MODULE, rules(), recorder, lambda: contents(webui))
    assert contents(webui) == hashes(2)
    assert len(recorder.seen("query/doc")) == 0, "a run without changes asked the engine"


def test_a_broken_embedding_engine_leaves_no_new_base(
    webui: Webui, bed: dict[str, Any], recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, **versions(1))
    lose_embedder(bed)
    result = fail(MODULE, rules())
    assert not result.get("changed")
    assert bases(webui) == []
    assert written(recorder) == []


def test_a_changed_file_that_cannot_be_processed_keeps_the_old_one(
    webui: Webui, rules: Callable[..., Any], src: Path
) -> None:
    write(src, **versions(1, 3))
    succeed(MODULE, rules())
    write(src, **versions(2, 3))
    write(src, f1_txt=" \n")
    result = fail(MODULE, rules(workers=1))
    assert "f1.txt" in result["msg"]
    assert result["changed"]
    now = contents(webui)
    assert now["f1.txt"] == hashes(1)["f1.txt"]
    assert set(now) == {"f0.txt", "f1.txt", "f2.txt"}
    assert len(stored(webui)) == 3


@pytest.mark.parametrize("served", [0, 2])
def test_uploads_that_fail_leave_each_file_old_or_new(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path, served: int
) -> None:
    write(src, **versions(1))
    succeed(MODULE, rules())
    write(src, **versions(2))
    recorder.answer(UPLOAD, {"detail": "out of order"}, status=500, skip=served)
    result = fail(MODULE, rules(workers=1))
    now = contents(webui)
    assert set(now) == set(hashes(1))
    assert all(now[path] in (hashes(1)[path], hashes(2)[path]) for path in now)
    assert result["changed"] == (served > 0)
    assert sum(now[path] == hashes(2)[path] for path in now) == served


def test_killed_runs_leave_each_file_old_or_new(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, **versions(0, 3))
    succeed(MODULE, rules())
    at_work = 0
    for number, writes in enumerate((1, 2, 3, 4, 5, 6, 7), 1):
        write(src, **versions(number, 3))
        at_work += killed_in_writes(MODULE, rules(workers=1), recorder, writes)
        rows = [(row["filename"], row["hash"]) for row in linked(webui)]
        for path, old in hashes(number - 1, 3).items():
            assert {text for name, text in rows if name == path} & {old, hashes(number, 3)[path]}, (writes, path, rows)
        succeed(MODULE, rules())
        assert contents(webui) == hashes(number, 3)
        assert len(stored(webui)) == 3
        unchanged(MODULE, rules(), recorder)
    assert at_work >= 4


def linked(webui: Webui) -> list[dict[str, Any]]:
    """Return the rows of the base, also where a path has two of them."""
    (base,) = bases(webui)
    return list(webui.call("GET", f"knowledge/{base['id']}/files?limit=1000")["items"])


def test_files_that_exchange_their_texts(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    write(src, a_txt="one", b_txt="two", c_txt="three", d_txt="four")
    succeed(MODULE, rules())
    # a and b swap, d takes over the text of c, and c gets a new one.
    write(src, a_txt="two", b_txt="one", c_txt="five", d_txt="three")
    quadruple(MODULE, rules(), recorder, lambda: contents(webui))
    assert contents(webui) == tree(src)
    assert len(stored(webui)) == 4


def test_other_bytes_of_the_same_text_replace_the_old_ones(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    (src / "a.txt").write_bytes(b"one\r\ntwo")
    write(src, b_txt="three")
    succeed(MODULE, rules())
    (src / "a.txt").write_bytes(b"one\ntwo")
    (src / "b.txt").unlink()
    (src / "c.txt").write_bytes(b"three\n")
    quadruple(MODULE, rules(), recorder)
    (src / "c.txt").unlink()
    (src / "d.txt").write_bytes(b"three\r\n")
    quadruple(MODULE, rules(), recorder)
    assert len(stored(webui)) == 2


def test_an_exchange_that_fails_puts_the_old_file_back(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    (src / "a.txt").write_bytes(b"one\r\ntwo")
    base = succeed(MODULE, rules())["knowledge"]["id"]
    before = contents(webui)
    (src / "a.txt").write_bytes(b"one\ntwo")
    skip = 0 if webui.features.linked_uploads else 1
    recorder.answer(
        f"POST /api/v1/knowledge/{base}/file/add", {"detail": "out of order"}, status=400, times=1, skip=skip
    )
    result = fail(MODULE, rules())
    assert "out of order" in result["msg"]
    # The server took writes, and the way back was one of them.
    assert result["changed"]
    assert contents(webui) == before
    assert len(stored(webui)) == 1
    quadruple(MODULE, rules(), recorder)


def test_an_exchange_that_fails_puts_a_file_back_into_its_folder(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    (src / "s").mkdir()
    (src / "s" / "b.txt").write_bytes(b"one\r\ntwo")
    base = succeed(MODULE, rules())["knowledge"]["id"]
    before = contents(webui)
    (src / "s" / "b.txt").unlink()
    (src / "a.txt").write_bytes(b"one\ntwo")
    skip = 0 if webui.features.linked_uploads else 1
    recorder.answer(f"POST /api/v1/knowledge/{base}/file/add", {"detail": "no"}, status=400, times=1, skip=skip)
    fail(MODULE, rules())
    assert contents(webui) == before
    quadruple(MODULE, rules(), recorder)
    assert set(contents(webui)) == {"a.txt"}
    assert len(stored(webui)) == 1


def test_two_runs_at_once_leave_each_others_uploads_alone(
    webui: Webui, by_token: Callable[..., dict[str, Any]], src: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(src, **versions(1, 8))
    write(other, **{f"o{name}": f"other {text}" for name, text in versions(1, 8).items()})
    given = [by_token(name=name, src=str(place), remote_src=True) for name, place in (("Rules", src), ("More", other))]
    # The same base from the same directory, and another base, all at once.
    results = []
    runs = [
        threading.Thread(target=lambda said=said: results.append(succeed(MODULE, said)))
        for said in (given[0], given[1])
    ]
    succeed(MODULE, by_token(name="Rules"))
    runs.append(threading.Thread(target=lambda: results.append(succeed(MODULE, given[0]))))
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(results) == 3
    assert contents(webui) == tree(src)
    assert contents(webui, "More") == tree(other)


def test_an_upload_that_another_host_is_at_work_on_stays(webui: Webui, rules: Callable[..., Any], src: Path) -> None:
    write(src, a_txt="one")
    base = succeed(MODULE, rules())["knowledge"]["id"]
    mark = {"managed_by": "selfhosted.llm", "base": base, "path": "b.txt", "sha256": "0", "run": "elsewhere:1:1"}
    file_id = by_hand(webui, base, "b.txt", "of another host", mark)
    write(src, c_txt="three")
    succeed(MODULE, rules())
    assert file_id in {row["id"] for row in stored(webui)}


def test_names_that_the_server_cannot_store_are_told_before_anything_is_written(
    webui: Webui, recorder: Recorder, rules: Callable[..., Any], src: Path
) -> None:
    longest = 255 if webui.features.long_upload_names else 218
    wide, deep = "会" * ((longest - 4) // 3) + ".txt", "/".join(["d" * 60] * 3 + ["e" * 60 + ".md"])
    (src / wide).write_text("one")
    succeed(MODULE, rules())
    assert set(contents(webui)) == {wide}
    (src / deep).parent.mkdir(parents=True)
    (src / deep).write_text("two")
    too_long = "a." + "b" * 219 if webui.features.long_upload_names else "会" * 73 + ".txt"
    (src / too_long).write_text("three")
    recorder.clear()
    for check in (True, False):
        message = sentence(MODULE, rules(), check=check)
        assert "bytes, and Open WebUI" in message
        assert "stores 218 at most" in message
    assert recorder.writes() == []
    (src / too_long).unlink()
    if webui.features.long_upload_names:
        quadruple(MODULE, rules(), recorder, lambda: contents(webui))
        assert set(contents(webui)) == {wide, deep}
    else:
        assert "with its directories has 249 bytes" in sentence(MODULE, rules())
