"""daemon.json on a real file system, judged by a dockerd that is a script."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import file as daemon_file
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(autouse=True)
def no_dockerd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of programs of our own, so that the machine's dockerd has no say."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(daemon_file, "DOCKERD_FOLDERS", str(programs))
    return programs


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "docker" / "daemon.json"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def dockerd(folder: Path, script: str) -> None:
    program = folder / "dockerd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(path: Path, wanted: Mapping[str, object], **how: bool) -> dict[str, object]:
    arguments = {"absent": False, "check_mode": False, "validate": True, "backup": False, **how}
    return configure(str(path), wanted, **arguments)


def test_a_new_file_is_made_with_its_folder_and_mode_0644(config: Path) -> None:
    result = run(config, {"live-restore": True})
    assert json.loads(config.read_text()) == {"live-restore": True}
    assert stat.S_IMODE(config.stat().st_mode) == 0o644
    assert (result["changed"], result["reload_sufficient"], result["restart_needed"]) == (True, True, False)
    assert run(config, {"live-restore": True})["changed"] is False


def test_nothing_wanted_makes_no_file(config: Path) -> None:
    assert run(config, {})["changed"] is False
    assert run(config, {"debug": True}, absent=True)["changed"] is False
    assert not config.parent.exists()


def test_check_mode_foresees_the_same_and_writes_nothing(config: Path) -> None:
    put(config, '{"debug": true, "bip": "10.0.0.1/24"}')
    for wanted, absent in (({"log-driver": "local"}, False), ({"debug": None}, True)):
        before = config.read_bytes()
        foreseen = run(config, wanted, absent=absent, check_mode=True)
        assert config.read_bytes() == before
        assert run(config, wanted, absent=absent) == foreseen


@pytest.mark.parametrize("text", ['{ "debug" : true,\n"mtu":1400}\n\n', '\ufeff{"mtu": 1400, "debug": true}'])
def test_a_file_that_means_the_same_is_not_touched(config: Path, text: str) -> None:
    put(config, text)
    before = (config.stat().st_mtime_ns, config.stat().st_ino, config.read_bytes())
    assert run(config, {"debug": True, "mtu": 1400})["changed"] is False
    assert (config.stat().st_mtime_ns, config.stat().st_ino, config.read_bytes()) == before


def test_mode_and_owner_are_kept(config: Path) -> None:
    put(config, "{}").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(config, 1234, 4321)
    owner = (config.stat().st_uid, config.stat().st_gid)
    run(config, {"debug": True})
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert (config.stat().st_uid, config.stat().st_gid) == owner


def test_what_a_link_points_to_is_replaced_and_the_link_stays(config: Path, tmp_path: Path) -> None:
    real = put(tmp_path / "real" / "docker.json", '{"debug": true}')
    config.parent.mkdir(parents=True)
    config.symlink_to(real)
    run(config, {"mtu": 1400})
    assert config.is_symlink()
    assert json.loads(real.read_text()) == {"debug": True, "mtu": 1400}
    assert list(real.parent.iterdir()) == [real]


def test_a_backup_holds_the_old_file(config: Path) -> None:
    put(config, '{"debug":true}')
    result = run(config, {"debug": False}, backup=True)
    assert Path(str(result["backup_file"])).read_text() == '{"debug":true}'
    assert "backup_file" not in run(config, {"debug": False}, backup=True)


@pytest.mark.parametrize("content", [b'{"debug": true,}', b"\xff\xfe\x00", b"[]", b'{"debug": {"level": 1}}'])
def test_what_cannot_be_merged_is_left_as_it_was(config: Path, content: bytes) -> None:
    put(config, "")
    config.write_bytes(content)
    with pytest.raises(Failure) as caught:
        run(config, {"debug": True})
    assert str(config) in caught.value.message
    assert config.read_bytes() == content
    assert list(config.parent.iterdir()) == [config]


def test_a_folder_in_the_place_of_the_file_is_told(config: Path) -> None:
    config.mkdir(parents=True)
    with pytest.raises(Failure, match=r"Could not read .*daemon\.json"):
        run(config, {"debug": True})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its permission away")
def test_no_permission_is_told_with_the_way_out(config: Path) -> None:
    put(config, "{}")
    os.seteuid(65534)
    try:
        for attempt in (lambda: daemon_file.read(str(config)), lambda: daemon_file.write(str(config), "{}", False)):
            with pytest.raises(Failure, match=r"No permission to .*run the task as root \(become: true\)"):
                attempt()
    finally:
        os.seteuid(0)
    assert config.read_text() == "{}"


def test_settings_that_dockerd_refuses_are_not_written_even_in_check_mode(config: Path, no_dockerd: Path) -> None:
    put(config, "{}")
    dockerd(no_dockerd, 'echo "unable to configure the Docker daemon with file ${2#*=}: unknown option: x" >&2; exit 1')
    for check_mode in (True, False):
        with pytest.raises(Failure) as caught:
            run(config, {"x": 1}, check_mode=check_mode)
        assert "dockerd refuses the new settings" in caught.value.message
        assert f"with file {config}: unknown option: x" in caught.value.message
        assert config.read_text() == "{}"
    assert run(config, {"x": 1}, validate=False)["changed"] is True


def test_what_dockerd_says_does_not_tell_a_password(config: Path, no_dockerd: Path) -> None:
    put(config, '{"proxies": {"http-proxy": "http://me:s3cret@proxy"}}')
    dockerd(no_dockerd, 'echo "bad proxy http://me:s3cret@proxy" >&2; exit 1')
    with pytest.raises(Failure) as caught:
        run(config, {"debug": True})
    assert caught.value.message.endswith("bad proxy http://me:********@proxy")


def test_dockerd_judges_the_whole_new_file(config: Path, no_dockerd: Path, tmp_path: Path) -> None:
    put(config, '{"debug": true}')
    dockerd(no_dockerd, f'/bin/cat "${{2#*=}}" >{tmp_path}/seen; echo "$1" >{tmp_path}/flag')
    run(config, {"mtu": 1400})
    assert json.loads((tmp_path / "seen").read_text()) == {"debug": True, "mtu": 1400}
    assert (tmp_path / "flag").read_text() == "--validate\n"


def test_a_dockerd_that_cannot_judge_is_passed_over(config: Path, no_dockerd: Path) -> None:
    dockerd(no_dockerd, 'echo "unknown flag: --validate" >&2; exit 125')
    assert run(config, {"debug": True})["changed"] is True


def test_a_dockerd_that_hangs_is_told(config: Path, no_dockerd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_file, "VALIDATE_TIMEOUT", 0.2)
    dockerd(no_dockerd, "exec /bin/sleep 5")
    with pytest.raises(Failure, match="did not answer"):
        run(config, {"debug": True})
    assert not config.exists()


def test_a_kill_at_any_point_leaves_the_old_file_or_the_new_one(config: Path) -> None:
    old, new = '{"debug": true}', "x" * 1_000_000
    script = (
        "import sys; from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon import file as f;"
        "print('ready', flush=True)\nwhile True: f.write(sys.argv[1], 'x' * 1_000_000, False)"
    )
    for delay in (0.0, 0.003, 0.011, 0.02):
        put(config, old)
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(config)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            writer.wait(delay)
        except subprocess.TimeoutExpired:
            writer.kill()
        writer.wait()
        assert config.read_text() in (old, new)
