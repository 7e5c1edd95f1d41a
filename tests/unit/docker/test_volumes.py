# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container may start with which volume. The engine is a double with real directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.volumes import Asked, Volumes

TARGET = "/app/backend/data"


class EngineDouble:
    """An engine whose volumes are directories."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listed: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.environment: list[str] = []
        self.info: dict[str, Any] = {"DockerRootDir": "/var/lib/docker", "SecurityOptions": ["name=seccomp"]}

    def make(self, name: str, *, data: bool = True, **labels: str) -> str:
        place = self.root / name
        place.mkdir()
        if data:
            (place / "webui.db").touch()
        self.told.append({"Name": name, "Mountpoint": str(place), "Labels": labels or None})
        return str(place)

    def run(self, name: str, source: str, *, state: str = "running", role: bool = True, **more: Any) -> None:
        mount = {"Destination": TARGET, "RW": True, **more.pop("mount", {})}
        mount |= {"Type": "bind", "Source": source} if source.startswith("/") else {"Type": "volume", "Name": source}
        self.listed.append(
            {
                "Names": [f"/{name}"],
                "Image": more.pop("image", "ghcr.io/open-webui/open-webui:0.12.4"),
                "Labels": {"org.selfhosted.llm.role": "open-webui"} if role else {},
                "State": state,
                "Ports": [{"PublicPort": more.pop("port", 3001)}] if state == "running" else [],
                "Mounts": [mount],
            }
        )

    def get(self, path: str) -> Any:
        assert path == "/info"
        return self.info

    def containers(self) -> list[Any]:
        return self.listed

    def container(self, name: str) -> dict[str, Any]:
        return {"Config": {"Env": self.environment}}

    def volume(self, name: str) -> Any:
        return next((one for one in self.told if one["Name"] == name), None)

    def volumes(self) -> list[Any]:
        return self.told


@pytest.fixture
def engine(tmp_path: Path) -> EngineDouble:
    return EngineDouble(tmp_path)


def problems(engine: Any, volume: str = "data", name: str = "open-webui", **more: Any) -> list[str]:
    asked = Asked(name, volume, 3001, "open_webui_volume", "open_webui_volume_new", **more)
    return list(Volumes(engine, "open-webui", TARGET).problems(asked, {name: volume}))


def test_the_first_installation_needs_no_word(engine: EngineDouble, tmp_path: Path) -> None:
    engine.make("postgres", data=False)
    engine.run("postgres", "postgres", role=False, image="postgres:16", mount={"Destination": "/var/lib/postgresql"})
    assert problems(engine) == []
    assert problems(engine, str(tmp_path / "missing")) == []
    (tmp_path / "fresh-disk").mkdir()
    assert problems(engine, str(tmp_path / "fresh-disk")) == []


def test_the_service_as_it_is_has_no_problem(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("open-webui", "data")
    assert problems(engine) == []


@pytest.mark.parametrize("state", ["running", "restarting", "exited", "created"])
def test_a_container_under_a_new_name_is_refused_while_the_old_one_is_there(engine: EngineDouble, state: str) -> None:
    engine.make("data")
    engine.run("open-webui", "data", state=state)
    (told,) = problems(engine, name="chat")
    assert "the volume data, which container open-webui already uses" in told
    assert "docker rm --force open-webui" in told
    # No word allows two servers on one volume.
    assert problems(engine, name="chat", new=True) == [told]


def test_the_same_directory_is_recognised_under_each_of_its_names(engine: EngineDouble) -> None:
    place = engine.make("data")
    engine.run("old", f"{place}/")
    assert len(problems(engine, "data", "chat")) == 1
    engine.listed.clear()
    engine.run("old", "data", mount={"Source": place})
    assert len(problems(engine, place, "chat")) == 1


def test_somebody_else_s_server_on_the_volume_is_refused_while_it_runs(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("compose-webui", "data", role=False)
    assert len(problems(engine)) == 1
    engine.listed[0]["State"] = "exited"
    assert problems(engine) == []


def test_who_only_reads_and_who_is_no_server_is_let_alone(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("backup", "data", mount={"RW": False})
    elsewhere = {"Destination": "/source"}
    engine.run("browser", "data", role=False, image="filebrowser:2", mount=elsewhere)
    assert problems(engine) == []
    engine.run("writer", "data")
    assert problems(engine, read_only=True) == []


def test_of_one_list_several_may_share_a_volume_and_none_may_take_another_s(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("reader", "data")
    asked = Asked("writer", "data", 1, "o", "n")
    volumes = Volumes(engine, "open-webui", TARGET)  # type: ignore[arg-type]
    assert list(volumes.problems(asked, {"writer": "data", "reader": "data"})) == []
    # It has it still, and would get another one only after this one has begun.
    assert len(list(volumes.problems(asked, {"writer": "data", "reader": "other"}))) == 1


def test_a_mistyped_volume_of_a_container_that_has_one_is_refused(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("open-webui", "data")
    (told,) = problems(engine, "dta")
    assert "open_webui_volume is dta, which does not exist" in told
    assert "container open-webui has its data in data: set open_webui_volume to data" in told
    assert problems(engine, "dta", new=True) == []


def test_a_mistyped_volume_and_a_new_name_are_refused_by_the_port(engine: EngineDouble) -> None:
    engine.make("data")
    engine.run("open-webui", "data")
    (told,) = problems(engine, "dta", "chat")
    assert "port 3001 is that of container open-webui of this role with its data in data" in told
    assert problems(engine, "dta", "chat", new=True) == []
    # A second service has a port of its own.
    engine.listed[0]["Ports"] = [{"PublicPort": 3002}]
    assert problems(engine, "dta", "chat") == []


def test_a_mistyped_volume_is_refused_where_no_container_uses_the_data(engine: EngineDouble) -> None:
    engine.make("data")
    engine.make("empty", data=False)
    (told,) = problems(engine, "dta")
    assert "no container uses the data in data: set open_webui_volume to the volume with the data" in told
    assert problems(engine, "dta", new=True) == []


@pytest.mark.parametrize("label", ["org.selfhosted.llm.demo", "org.selfhosted.llm.bed"])
def test_data_of_the_demo_are_nobody_s_lost_data(engine: EngineDouble, label: str) -> None:
    engine.make("demo", data=True, **{label: "x"})
    assert problems(engine) == []


def test_a_disk_that_is_not_mounted_is_not_filled_beneath(engine: EngineDouble, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    engine.run("open-webui", str(place))
    (told,) = problems(engine, str(place))
    assert "that directory is empty now: mount its disk" in told
    (place / "webui.db").touch()
    assert problems(engine, str(place)) == []


def test_facts_tell_data_strangers_and_variables_without_passwords(engine: EngineDouble) -> None:
    place = engine.make("data")
    engine.run("open-webui", "data", role=False)
    engine.environment = ["A=1", "B=http://me:secret@host", "C=x"]
    asked = Asked("open-webui", "data", 3001, "o", "n", variables=["A", "B"])
    assert Volumes(engine, "open-webui", TARGET).facts(asked) == {  # type: ignore[arg-type]
        "exists": True,
        "has_data": True,
        "path": place,
        "foreign": True,
        "variables": {"A": "1"},
    }


@pytest.mark.parametrize(
    ("root", "options", "owner"),
    [
        ("/var/lib/docker", ["name=seccomp,profile=default"], (0, 0)),
        # As a real engine of 20.10 says it with "userns-remap": "default".
        ("/var/lib/docker/100000.100000", ["name=seccomp,profile=default", "name=userns"], (100000, 100000)),
        ("/srv/docker/231072.231073", ["name=userns"], (231072, 231073)),
        ("/srv/1.2", None, (0, 0)),
    ],
)
def test_root_of_containers_is_who_the_engine_makes_it(
    engine: EngineDouble, root: str, options: list[str] | None, owner: tuple[int, int]
) -> None:
    engine.info = {"DockerRootDir": root, "SecurityOptions": options}
    found: Any = Volumes(engine, "open-webui", TARGET)  # type: ignore[arg-type]
    assert found.container_root() == {"uid": owner[0], "gid": owner[1]}
