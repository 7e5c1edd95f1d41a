"""The module docker_daemon_config as Ansible runs it, on real files and before this machine's own dockerd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from runner import Result, fail, hides, sentence, succeed

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "docker_daemon_config"
FOREIGN = {f"x-{number}": {"list": [number, True, None], "text": "ü"} for number in range(30, 0, -1)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "docker" / "daemon.json"


def four_runs(path: Path, settings: dict[str, Any], **options: Any) -> Result:
    """The check run foresees the run and writes nothing; both runs after it find nothing to do."""
    given = {"path": str(path), "settings": settings, **options}
    before = path.read_bytes() if path.exists() else None
    foreseen = succeed(MODULE, given, check=True)
    assert (path.read_bytes() if path.exists() else None) == before
    done = succeed(MODULE, given)
    for key in ("changed", "diff", "config", "changed_keys", "restart_needed", "reload_sufficient"):
        assert foreseen[key] == done[key], key
    assert done["changed"]
    assert done["config"] == json.loads(path.read_text(encoding="utf-8"))
    inode = path.stat().st_ino
    for check in (True, False):
        again = succeed(MODULE, given, check=check)
        assert not again["changed"]
        assert not again["restart_needed"]
        assert again["diff"] == {"before": {}, "after": {}}
    assert path.stat().st_ino == inode
    return done


def test_settings_come_into_a_file_that_was_not_there(path: Path) -> None:
    done = four_runs(path, {"live-restore": True, "log-opts": {"max-size": "20m"}})
    assert done["diff"] == {"before": {}, "after": {"live-restore": True, "log-opts": {"max-size": "20m"}}}
    assert done["restart_keys"] == ["log-opts"]


def test_thirty_foreign_keys_outlive_a_merge_and_a_removal(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(FOREIGN, indent=1), encoding="utf-8")
    four_runs(path, {"features": {"cdi": True}}, validate=False)
    assert list(json.loads(path.read_text(encoding="utf-8"))) == [*FOREIGN, "features"]
    four_runs(path, {"features": {"cdi": None}}, state="absent", validate=False)
    assert json.loads(path.read_text(encoding="utf-8")) == FOREIGN


def test_the_nvidia_runtime_keeps_other_features_and_runtimes(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"features": {"containerd-snapshotter": true}, "runtimes": {"crun": {"path": "crun"}}}')
    done = four_runs(
        path, {"features": {"cdi": True}, "runtimes": {"nvidia": {"path": "n", "args": []}}}, validate=False
    )
    assert done["config"]["features"] == {"containerd-snapshotter": True, "cdi": True}
    assert done["config"]["runtimes"] == {"crun": {"path": "crun"}, "nvidia": {"path": "n", "args": []}}
    assert done["changed_keys"] == ["features.cdi", "runtimes"]
    assert done["restart_keys"] == ["features.cdi"]


def test_a_change_that_a_reload_takes_up_says_so(path: Path) -> None:
    done = four_runs(path, {"debug": True, "max-concurrent-downloads": 6})
    assert (done["restart_needed"], done["reload_sufficient"]) == (False, True)


def test_a_copy_of_the_old_file_is_kept_when_asked_for(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"debug":true}')
    done = succeed(MODULE, {"path": str(path), "settings": {"debug": False}, "backup": True})
    assert path.with_name(done["backup_file"].rsplit("/", 1)[1]).read_text() == '{"debug":true}'


@pytest.mark.parametrize("text", ['{"debug": true, // why\n}', "[]", "\x00", '{"debug": {"level": 3}}'])
def test_what_is_no_daemon_json_is_refused_in_one_sentence_and_left(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    for check in (True, False):
        words = sentence(MODULE, {"path": str(path), "settings": {"debug": True}}, check=check)
        assert str(path) in words
        assert path.read_text() == text


def test_a_proxy_password_is_printed_nowhere(path: Path) -> None:
    secret = "s3cret-of-the-proxy"
    settings: dict[str, Any] = {"proxies": {"http-proxy": f"http://me:{secret}@proxy:3128"}}
    given = {"path": str(path), "settings": settings}
    for check in (True, False, False):
        hides(succeed(MODULE, given, check=check), secret)
    path.write_text(path.read_text()[:-3])
    settings["debug"] = True
    hides(fail(MODULE, given), secret)
