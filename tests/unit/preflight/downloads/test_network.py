# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to come and what is in the way: disks, ports, names of images, and registries that do not give."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.deadline import at_once
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import Finding
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import GB
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads import images, network, web
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads.network import (
    Answered,
    Question,
    Unserved,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.downloads.web import DNS, Unreached
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine import disk_space as room
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine import engine, ports
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine.engine import Published, Settings

SPARE = 10 * GB


def disk(free: int, *sizes: int) -> room.Disk:
    return room.Disk("/data", free, tuple(room.Load("/data", size, f"model m{size // GB}") for size in sizes))


@pytest.mark.parametrize(
    ("found", "is_error", "words"),
    [
        (disk(50 * GB, 40 * GB), None, ""),
        (disk(11 * GB, 0), None, ""),
        (
            disk(49 * GB, 40 * GB),
            False,
            "49.0 GB of free space, and 40.0 GB will be downloaded (model m40 40.0 GB). That leaves less than 10.0",
        ),
        (disk(9 * GB, 0), False, "/data has 9.0 GB of free space. That leaves less than 10.0 GB"),
        (
            disk(39 * GB, 40 * GB, 5 * GB),
            True,
            "39.0 GB of free space, but 45.0 GB are needed (model m40 40.0 GB, model m5 5.0 GB)",
        ),
    ],
)
def test_downloads_must_fit_on_the_disk(found: room.Disk, is_error: bool | None, words: str) -> None:
    findings = list(room.findings([found], SPARE))
    assert [one.is_error for one in findings] == ([] if is_error is None else [is_error])
    assert all(words in one.message for one in findings)


def test_downloads_of_unknown_size_are_named() -> None:
    (one,) = room.findings([disk(1, 40 * GB)], SPARE, ["odd:latest"])
    assert "unknown size: odd:latest" in one.message


def test_small_downloads_are_summed_up() -> None:
    (one,) = room.findings([disk(1, *(GB * size for size in range(1, 10)))], SPARE)
    assert "model m9 9.0 GB" in one.message
    assert "4 more 10.0 GB" in one.message


def test_downloads_are_grouped_by_file_system(tmp_path: Path) -> None:
    one, two = str(tmp_path / "not" / "there" / "yet"), str(tmp_path)
    (found,) = room.disks([room.Load(one, 1, "a"), room.Load(two, 2, "b")])
    assert found.needed == 3
    assert found.free > 0
    assert str(tmp_path).startswith(found.mount)


WANTED = ports.Wanted(3001, "127.0.0.1", "open_webui_port", "open_webui_bind_address")


@pytest.mark.parametrize(
    ("tried", "published", "words"),
    [
        (ports.Tried(WANTED, 0), [], None),
        (ports.Tried(WANTED, errno.EACCES), [], None),
        (
            ports.Tried(WANTED, errno.EADDRINUSE, "docker-proxy (process 9)"),
            [Published(3001, "open-webui", True)],
            None,
        ),
        (
            ports.Tried(WANTED, errno.EADDRINUSE, "docker-proxy (process 9)"),
            [Published(3001, "grafana", False)],
            "is taken by the container grafana, which these roles did not create. Stop it (`docker stop grafana`)",
        ),
        (
            ports.Tried(WANTED, errno.EADDRINUSE, "nginx (process 812)"),
            [Published(80, "open-webui", True)],
            "taken by nginx (process 812). Stop it, or set open_webui_port to another port",
        ),
        (ports.Tried(WANTED, errno.EADDRINUSE, "ollama (process 5)"), [], "`systemctl disable --now ollama`"),
        (ports.Tried(WANTED, errno.EADDRINUSE), [], "`ss -ltnp sport = :3001`"),
        (
            ports.Tried(WANTED, errno.EADDRNOTAVAIL),
            [],
            "no address 127.0.0.1, which port 3001 is to be published on. Set open_webui_bind_address",
        ),
    ],
)
def test_a_port_of_another_program_is_an_error(
    tried: ports.Tried, published: list[Published], words: str | None
) -> None:
    findings = list(ports.findings([tried], published))
    assert [one.is_error for one in findings] == [True] * (words is not None)
    assert all(str(words) in one.text for one in findings)


def test_the_listener_is_found_by_its_socket(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    line = "   0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 1\n"
    lines = [line.format(port=3001, state="01", inode=76), line.format(port=3001, state="0A", inode=77)]
    (tmp_path / "proc/net/tcp").write_text(head + "".join(lines))
    for pid, name, inode in ((9, "other", 76), (12, "nginx", 77)):
        (tmp_path / f"proc/{pid}/fd").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/comm").write_text(f"{name}\n")
        (tmp_path / f"proc/{pid}/fd/3").symlink_to(f"socket:[{inode}]")
    assert ports.listener(3001, str(tmp_path)) == "nginx (process 12)"
    assert ports.listener(3002, str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("ollama/ollama:0.32.15", "docker.io", "ollama/ollama", "0.32.15"),
        ("debian", "docker.io", "library/debian", "latest"),
        ("docker.io/ollama/ollama:1", "docker.io", "ollama/ollama", "1"),
        ("ghcr.io/open-webui/open-webui:0.12.4", "ghcr.io", "open-webui/open-webui", "0.12.4"),
        ("ghcr.io/a/b:1@sha256:abc", "ghcr.io", "a/b", "sha256:abc"),
        ("localhost:5000/a", "localhost:5000", "a", "latest"),
        ("10.0.0.1:5000/a/b/c:2", "10.0.0.1:5000", "a/b/c", "2"),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, registry: str, repository: str, version: str) -> None:
    assert images.Image.parse(text) == images.Image(text, registry, repository, version)


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("ollama/ollama:0.32.15", 5 * GB),
        ("mirror.example.org/ollama/ollama@sha256:abc", 5 * GB),
        ("ollama/ollama:0.32.15-rocm", 8 * GB),
        ("ghcr.io/open-webui/open-webui:0.12.4", 6 * GB),
        ("ghcr.io/open-webui/open-webui:0.12.4-cuda", 10 * GB),
        ("example.org/mine:1", None),
    ],
)
def test_known_images_have_a_usual_size(text: str, usual: int | None) -> None:
    assert images.Image.parse(text).usual == usual


@pytest.mark.parametrize(
    ("text", "settings", "asked"),
    [
        ("a/b:1", Settings(), ["https://registry-1.docker.io"]),
        ("a/b:1", Settings(mirrors=("http://m:5000/",)), ["http://m:5000", "https://registry-1.docker.io"]),
        ("ghcr.io/a:1", Settings(mirrors=("http://m:5000/",)), ["https://ghcr.io"]),
        ("10.1.2.3:5000/a:1", Settings(insecure=("10.0.0.0/8",)), ["https://10.1.2.3:5000", "http://10.1.2.3:5000"]),
        ("localhost:5000/a:1", Settings(), ["https://localhost:5000", "http://localhost:5000"]),
    ],
)
def test_the_registries_of_an_image_are_those_that_docker_asks(text: str, settings: Settings, asked: list[str]) -> None:
    assert [url for url, _checked in images.places(images.Image.parse(text), settings)] == asked


PROXIES = {"https": "http://user:secret@proxy:3128", "http": "proxy:3128", "no": "example.org,10.0.0.0/8"}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://ghcr.io/v2/", "http://user:secret@proxy:3128"),
        ("http://ghcr.io/v2/", "http://proxy:3128"),
        ("https://mirror.example.org/", ""),
        ("https://10.1.2.3:5000/", ""),
        ("https://11.1.2.3/", "http://user:secret@proxy:3128"),
        ("http://127.0.0.1:11434/", ""),
        ("http://localhost:11434/", ""),
    ],
)
def test_the_proxy_is_the_one_that_docker_and_ollama_use(url: str, proxy: str) -> None:
    assert web.proxy_for(url, PROXIES) == proxy
    assert web.proxy_for(url, {}) == ""


def test_a_late_answer_is_not_waited_for() -> None:
    def slow() -> str:
        time.sleep(5)
        return "late"

    def broken() -> str:
        raise ValueError("odd")

    begun = time.monotonic()
    first, second, third = at_once([lambda: "quick", broken, slow], 0.3, "none")
    assert (first, third) == ("quick", "none")
    assert isinstance(second, ValueError)
    assert time.monotonic() - begun < 2


def question(kind: str, what: str) -> Question:
    return Question(kind, what, ("https://r.example.org",), {}, lambda urls: urls)


IMAGE, MODEL = question("image", "the image a/b:1"), question("model", "the model llama3:8b")


def told(*faults: tuple[Question, Exception]) -> list[Finding]:
    answers = [Answered(asked, fault=fault) for asked, fault in faults]
    return list(network.findings([Answered(MODEL, found=1), *answers], ["10.0.0.53"]))


def test_names_that_do_not_resolve_are_one_finding() -> None:
    (one,) = told(
        (IMAGE, Unreached("a.example.org", DNS, "no answer")), (MODEL, Unreached("b.example.org", DNS, "no answer"))
    )
    assert (one.id, one.is_error) == ("dns", True)
    assert "a.example.org and b.example.org does not resolve (no answer; asked 10.0.0.53)" in one.message
    assert "needs the image a/b:1 and the model llama3:8b from there" in one.message


def test_a_silent_host_is_one_finding_per_kind_of_download() -> None:
    silent = Unreached("r.example.org", "late", "no answer for 10 seconds")
    first, second = told((IMAGE, silent), (question("image", "the image c:2"), silent), (MODEL, silent))
    assert "needs the image a/b:1 and the image c:2 from there" in first.text
    assert "registry-mirrors" in first.text
    assert "HTTPS_PROXY in ollama_environment" in second.text


@pytest.mark.parametrize(
    ("fault", "is_error", "words"),
    [
        (
            Unserved("r.example.org has no such model (404)"),
            True,
            "The model llama3:8b cannot be downloaded: r.example.org has no",
        ),
        (Unserved("r.example.org requires a login (401)", uncertain=True), False, "A run may still get it"),
    ],
)
def test_each_refusal_is_a_finding(fault: Unserved, is_error: bool, words: str) -> None:
    (one,) = told((MODEL, fault))
    assert (one.id, one.is_error) == ("reach", is_error)
    assert words in one.text


def test_the_settings_of_docker_are_its_future_ones(tmp_path: Path) -> None:
    (tmp_path / "etc/docker").mkdir(parents=True)
    (tmp_path / "etc/docker/daemon.json").write_text(
        '{"data-root": "/srv/docker", "registry-mirrors": ["http://old"], "proxies": {"http-proxy": "http://p:1"}}'
    )
    nobody = engine.Engine(str(tmp_path / "no.sock"))
    given: dict[str, Any] = {"registry-mirrors": ["http://new"], "proxies": {"no-proxy": ".org"}}
    found = engine.settings(nobody, given, str(tmp_path))
    assert found.root_dir == "/srv/docker"
    assert found.mirrors == ("http://new",)
    assert {name: found.proxies[name] for name in ("http", "no")} == {"http": "http://p:1", "no": ".org"}
    (tmp_path / "etc/docker/daemon.json").write_text("no json")
    assert engine.settings(nobody, {}, str(tmp_path)).root_dir == "/var/lib/docker"
    assert not nobody.has_image("a")
    assert nobody.published() == []
