# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on real hosts: one that site.yml has converged, one with many faults, a bare one, one that is gone.

What is seen is host_info's, what is said doctor_info's. The bed has one Ollama, an old one with known vulnerabilities,
so the healthy host accepts these by name; those of the other are found.
"""

from __future__ import annotations

import html.parser
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from host import ANSIBLE, ROOT, Host, Run, bed_host
from testbed import images

HERE = Path(__file__).resolve().parent
PASSWORD = "a-password-of-this-test"
# What doctor_faults.sh plants, by name.
PLANTED = {
    "container-differs",
    "container-docker-socket",
    "container-foreign",
    "container-missing",
    "container-out-of-memory",
    "container-privileged",
    "container-restarting",
    "container-stopped",
    "container-unhealthy",
    "data-not-kept",
    "disk-full",
    "docker-api-exposed",
    "egress-beside",
    "egress-open",
    "gpu-not-used",
    "image-not-pinned",
    "inodes-low",
    "inventory-changed",
    "live-restore-off",
    "logs-without-rotation",
    "ollama-exposed",
    "ollama-silent",
    "open-webui-exposed",
    "open-webui-silent",
    "open-webui-without-ollama",
    "reboot-required",
    "restart-policy-missing",
    "secret-key-open",
    "unit-failed",
    "volume-missing",
    # The bed's own build is old; a newer one that is given has no hole that is known.
    *(["vulnerable"] if images.ALL["ollama"].own else []),
}


@dataclass
class Ward:
    """The hosts, and the inventory that names them."""

    folder: Path
    well: Host
    broken: Host
    bare: Host

    def inventory(self) -> dict[str, Any]:
        prefix = self.well.name.removesuffix("-well")
        two = [{"name": "ollama", "port": 11434}, {"name": "ollama-b", "port": 11435}]
        hosts: dict[str, Any] = {
            self.well.name: {"doctor_ignore": ["vulnerable:ollama"]},
            self.broken.name: {"ollama_instances": two},
            self.bare.name: None,
            f"{prefix}-gone": None,
        }
        common = {
            "ansible_connection": "community.docker.docker",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ollama_image": images.ALL["ollama"].repository,
            "ollama_version": images.ALL["ollama"].version,
            "ollama_pull": "never",
            "open_webui_image": "selfhosted-llm-bed/open-webui",
            "open_webui_version": "0.12.4",
            "open_webui_pull": "never",
            "open_webui_ollama_urls": ["http://ollama:11434"],
            # What machine the tests run on is not the matter.
            "preflight_enabled": False,
            "open_webui_admin_email": "admin@example.org",
            "open_webui_admin_password": PASSWORD,
        }
        groups = {"ollama_hosts": {"hosts": hosts}, "open_webui_hosts": {"hosts": dict.fromkeys(hosts)}}
        return {"all": {"children": groups, "vars": common}}

    def play(self, playbook: str, *words: str, **settings: str) -> Run:
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps(self.inventory()))
        command = [str(ANSIBLE), "-i", str(inventory), str(ROOT / "playbooks" / playbook), *words]
        environment = {
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "COLUMNS": "100",
            **settings,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
        changed = re.findall(r"changed=(\d+)", done.stdout)
        return Run(done.returncode, sum(map(int, changed)), done.stdout + done.stderr)

    def report(self, *words: str) -> tuple[Run, dict[str, Any]]:
        path = self.folder / "doctor.json"
        path.unlink(missing_ok=True)
        run = self.play("doctor.yml", "-e", f"doctor_json={path}", *words)
        assert path.exists(), run.text
        return run, dict(json.loads(path.read_text())["hosts"])


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("doctor")
    images = ("ollama", "open-webui")
    with ExitStack() as hosts:
        well = hosts.enter_context(bed_host("well", folder, images=images))
        broken = hosts.enter_context(bed_host("broken", folder, images=images))
        made = Ward(folder, well, broken, hosts.enter_context(bed_host("bare", folder)))
        with ThreadPoolExecutor() as pool:
            converged = pool.submit(made.play, "site.yml", "--limit", well.name)
            # Its containers are not the roles', but its engine is.
            engine = pool.submit(broken.role, "docker")
            for run in (converged.result(), engine.result()):
                assert run.code == 0, run.text
        broken.copy(HERE / "doctor_faults.sh", "/srv/doctor_faults.sh")
        broken.sh("timeout 100 bash /srv/doctor_faults.sh")
        yield made


def ids(host: dict[str, Any]) -> set[str]:
    return {one["id"] for one in host["findings"]}


def containers(host: Host) -> str:
    return host.sh(
        "docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.CreatedAt}}'; ls -l /var/lib/selfhosted-llm"
    )


class Page(html.parser.HTMLParser):
    """What of a page leads elsewhere or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "action")]


def test_each_fault_is_found_and_none_on_a_healthy_host(ward: Ward) -> None:
    before = containers(ward.well)
    page = ward.folder / "doctor.html"
    run, hosts = ward.report("-e", f"doctor_html={page}")
    assert ids(hosts[ward.well.name]) == set(), hosts[ward.well.name]["findings"]
    assert ids(hosts[ward.broken.name]) == PLANTED
    assert ids(hosts[ward.bare.name]) == {"engine-missing"}
    gone = next(name for name in hosts if name.endswith("-gone"))
    assert ids(hosts[gone]) == {"unreachable"}
    # The recap counts the hosts with errors, and nothing has changed.
    assert (run.code, run.changed) == (2, 0), run.text
    failed = dict(re.findall(r"^(\S+) +: .*failed=(\d)", run.text, re.MULTILINE))
    assert failed == {ward.well.name: "0", ward.broken.name: "1", ward.bare.name: "1", gone: "1"}
    assert containers(ward.well) == before
    if os.environ.get("SELFHOSTED_LLM_PICTURES"):
        picture = Path(os.environ["SELFHOSTED_LLM_PICTURES"]) / "doctor.png"
        subprocess.run([sys.executable, str(ROOT / "tests" / "browser"), str(page), str(picture)], check=True)
    shown = Page()
    shown.feed(page.read_text())
    assert "table" in shown.tags
    assert (shown.tags & {"script", "link", "img", "iframe"}, shown.links) == (set(), [])
    assert page.stat().st_mode & 0o077 == 0
    key = ward.well.sh("cat /etc/open-webui/secret_key")
    for text in (run.text, page.read_text(), json.dumps(hosts)):
        assert PASSWORD not in text
        assert key not in text


def test_site_finds_its_sudo_whatever_facts_an_earlier_play_left(ward: Ward) -> None:
    ward.well.sh(
        "apt-get update -qq && apt-get install -qq -y --no-install-recommends sudo >/dev/null"
        " && useradd --create-home ops && echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops"
    )
    cache = ward.folder / "facts"
    cache.mkdir()
    cached = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache)}
    # Whom a run without become finds, and one with it: each is what the run before may have cached.
    for user in ("ops", "root"):
        (cache / ward.well.name).write_text(json.dumps({"ansible_user_id": user}))
        run = ward.play("site.yml", "--limit", ward.well.name, "-e", "ansible_user=ops", **cached)
        assert (run.code, run.changed) == (0, 0), run.text


def test_the_table_has_the_hosts_side_by_side_and_each_fix(ward: Ward) -> None:
    run, hosts = ward.report("--check", "--limit", f"{ward.well.name}:{ward.bare.name}")
    lines = run.text.splitlines()
    table = lines.index(next(line for line in lines if line.startswith("state ")))
    assert re.fullmatch(rf" +{ward.well.name} +{ward.bare.name}", lines[table - 1]), run.text
    assert re.fullmatch(r"state +ok +1 error", lines[table]), run.text
    assert "127.0.0.1:11434 ollama" in run.text
    assert "> Run ansible-playbook selfhosted.llm.site." in run.said
    assert "2 hosts: 1 error." in run.text
    assert "\\n" not in run.text
    assert set(hosts) == {ward.well.name, ward.bare.name}


def test_fail_on_decides_the_exit_code(ward: Ward) -> None:
    run, _hosts = ward.report("--limit", ward.broken.name, "-e", "doctor_fail_on=never")
    assert run.code == 0, run.text


def test_egress_that_is_open_or_will_be_after_a_reboot_is_a_finding(ward: Ward) -> None:
    def told() -> dict[str, Any]:
        return dict(ward.report("--limit", ward.well.name)[1][ward.well.name])

    unit = "selfhosted-llm-egress.service"
    bridge = "br-llm"
    element = f"element inet selfhosted_llm opened {{ {bridge} timeout 1h }}"
    ward.well.sh(f"systemctl --no-reload disable {unit} && nft add {element!r}")
    assert ids(told()) == {"egress-not-kept", "egress-opened"}
    ward.well.sh(f"systemctl --no-reload enable {unit} && nft delete table inet selfhosted_llm")
    seen = told()
    assert ids(seen) == {"egress-open"}
    assert "something removed them (such as nft flush ruleset)" in seen["findings"][0]["message"]
    ward.well.sh(f"systemctl restart {unit}")
    assert ids(told()) == set()


def test_an_ordinary_user_gets_a_list_of_missing_facts(ward: Ward) -> None:
    ward.well.sh("useradd --create-home plain")
    run, hosts = ward.report("--limit", ward.well.name, "-e", "ansible_user=plain")
    seen = hosts[ward.well.name]
    assert ids(seen) == {"facts-incomplete"}, seen["findings"]
    assert "so run the playbook with --become" in run.said
    assert seen["facts"]["containers"] is None
    assert run.code == 0, run.text
    assert seen["facts"]["disks"][0]["free"] > 0


def test_a_stopped_engine_does_not_hide_other_findings(ward: Ward) -> None:
    ward.broken.sh("systemctl stop docker.socket docker")
    _run, hosts = ward.report("--limit", ward.broken.name)
    seen = ids(hosts[ward.broken.name])
    assert {"engine-silent", "secret-key-open", "unit-failed", "reboot-required"} <= seen
    assert not {one for one in seen if one.startswith("container-")}
