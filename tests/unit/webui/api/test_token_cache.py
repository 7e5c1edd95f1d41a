"""A session token goes only to who knows the password, and only while it may be good."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api import token_cache as sign_ins
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.token_cache import TokenCache

URL, EMAIL, PASSWORD = "http://127.0.0.1:3001", "admin@example.org", "Right-Password"
KEPT = {"token": "a.b.c", "id": "id-1", "email": EMAIL}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    TokenCache(URL, EMAIL, PASSWORD).keep("a.b.c", "id-1", EMAIL)
    return runtime / "selfhosted-llm"


def test_who_knows_the_password_gets_the_token() -> None:
    assert TokenCache(URL + "/", EMAIL.upper(), PASSWORD).recall() == KEPT


@pytest.mark.parametrize(
    "asked",
    [
        (URL, EMAIL, "Wrong"),
        (URL, EMAIL, ""),
        (URL, "other@example.org", PASSWORD),
        ("http://127.0.0.1:3002", EMAIL, PASSWORD),
    ],
)
def test_nobody_else_does(asked: tuple[str, str, str]) -> None:
    assert TokenCache(*asked).recall() is None


def test_the_file_is_for_its_user_alone_and_tells_no_password(place: Path) -> None:
    (file,) = place.iterdir()
    assert (file.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o600, 0o700)
    assert PASSWORD not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("seconds", [-5, sign_ins.MAX_AGE_SECONDS + 1])
def test_a_token_is_kept_for_an_hour(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None


def test_a_token_that_was_forgotten_is_gone(place: Path) -> None:
    TokenCache(URL, EMAIL, PASSWORD).forget()
    TokenCache(URL, EMAIL, PASSWORD).forget()
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None
    assert list(place.iterdir()) == []


def _changed(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **fields}), encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_text("", encoding="utf-8"),
        lambda file: file.write_bytes(b"\xff\xfe"),
        lambda file: file.write_text("[" * 100_000, encoding="utf-8"),
        lambda file: file.write_text("[]", encoding="utf-8"),
        lambda file: file.write_text("{}", encoding="utf-8"),
        lambda file: _changed(file, time="soon"),
        lambda file: _changed(file, time=None),
        lambda file: _changed(file, proof="zz"),
        lambda file: _changed(file, proof=7),
        lambda file: _changed(file, salt="00"),
        lambda file: file.unlink() or file.mkdir(),
    ],
)
def test_a_spoilt_file_is_as_none(spoil: Any, place: Path) -> None:
    spoil(next(place.iterdir()))
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None


def test_a_folder_that_others_may_write_to_is_not_used(place: Path) -> None:
    place.chmod(0o777)
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None
    before = next(place.iterdir()).read_bytes()
    TokenCache(URL, EMAIL, PASSWORD).keep("d.e.f", "id-1", EMAIL)
    assert [file.read_bytes() for file in place.iterdir()] == [before]


def test_a_folder_that_is_a_link_is_not_used(place: Path, tmp_path: Path) -> None:
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None


@pytest.mark.parametrize(("user", "expected"), [(0, "/run/selfhosted-llm"), (1000, None)])
def test_without_a_runtime_directory_only_root_has_a_place(
    user: int, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert sign_ins.directory() == expected
    monkeypatch.setattr(sign_ins, "directory", lambda: None)
    TokenCache(URL, EMAIL, PASSWORD).keep("a.b.c", "id-1", EMAIL)
    TokenCache(URL, EMAIL, PASSWORD).forget()
    assert TokenCache(URL, EMAIL, PASSWORD).recall() is None


def test_what_is_too_old_for_anybody_is_removed(place: Path) -> None:
    (old,) = place.iterdir()
    long_ago = time.time() - sign_ins.MAX_AGE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    TokenCache(URL, "other@example.org", PASSWORD).keep("d.e.f", "id-2", "other@example.org")
    assert old not in list(place.iterdir())
    assert TokenCache(URL, "other@example.org", PASSWORD).recall()
