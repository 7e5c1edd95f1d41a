# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role nvidia_container_toolkit where no test host is: RPM families, Jetson, WSL, and every version of Docker.

Its variables and the arguments of its tasks are rendered as Ansible renders them; no package manager runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import trust_as_template
from role_variables import ROOT, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = ROOT / "roles" / "nvidia_container_toolkit"
FILES = [ROLE / "defaults" / "main.yml", ROLE / "vars" / "main.yml"]
PREFIX = "__nvidia_container_toolkit_"
NAMES = [
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "libnvidia-container-tools",
    "libnvidia-container1",
]
DNF = {"os_family": "RedHat", "distribution": "Rocky", "pkg_mgr": "dnf", "architecture": "x86_64"}
FAMILIES = {
    "rocky": DNF,
    "amazon": {**DNF, "distribution": "Amazon"},
    "fedora": {**DNF, "distribution": "Fedora", "pkg_mgr": "dnf5"},
    "suse": {"os_family": "Suse", "distribution": "openSUSE Leap", "pkg_mgr": "zypper", "architecture": "x86_64"},
    "debian": {"os_family": "Debian", "distribution": "Debian", "pkg_mgr": "apt", "architecture": "x86_64"},
}


def value(name: str, family: str = "debian", **given: Any) -> Any:
    """A variable of the role on a host of a family; names of the role's own variables stand without their prefix."""
    variables = {key if key.startswith("nvidia") else PREFIX + key: one for key, one in given.items()}
    variables.setdefault(PREFIX + "seen", {"files": []})
    variables |= {"ansible_facts": {"service_mgr": "systemd", **FAMILIES[family]}}
    if name not in variables:
        name = PREFIX + name
    return rendered(FILES, name, variables)


def tasks(file: str) -> Iterator[dict[str, Any]]:
    """All tasks of a file, those of its blocks too."""
    waiting = list(DataLoader().load_from_file(str(ROLE / "tasks" / f"{file}.yml"), trusted_as_template=True))
    while waiting:
        task = waiting.pop(0)
        waiting += [inner for part in ("block", "rescue", "always") for inner in task.get(part, [])]
        yield task


def arguments(file: str, module: str, family: str, **given: Any) -> dict[str, Any] | None:
    """The arguments that the module is given by the one task that uses it, or None where that is skipped."""
    task = next(task for task in tasks(file) if module in task)
    conditions = task.get("when", [])
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        if not ask(trust_as_template("{{ %s }}" % condition), family, **given):
            return None
    return dict(ask(task[module], family, **given))


def ask(template: Any, family: str, **given: Any) -> Any:
    return value("nvidia_container_toolkit_asked", family, nvidia_container_toolkit_asked=template, **given)


@pytest.mark.parametrize("family", ["rocky", "amazon", "fedora"])
def test_dnf_sees_but_the_one_version_and_goes_up_and_down_to_it(family: str) -> None:
    version = {"nvidia_container_toolkit_version": "1.19.0-1"}
    wanted = [f"{name}-1.19.0-1" for name in NAMES]
    repository = arguments("repository-rpm", "ansible.builtin.yum_repository", family, **version)
    assert repository
    assert repository["includepkgs"] == wanted
    assert repository["priority"] == "1"
    assert repository["reposdir"] == "/etc/yum.repos.d"
    assert repository["baseurl"] == "https://nvidia.github.io/libnvidia-container/stable/rpm/$basearch"
    assert repository["gpgkey"] == "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-nvidia-container-toolkit"
    assert (repository["repo_gpgcheck"], repository["gpgcheck"]) == (True, False)
    dnf = arguments("install-dnf", "ansible.builtin.dnf", family, **version)
    assert dnf == {"name": wanted, "state": "present", "allow_downgrade": True, "disable_gpg_check": False}
    assert arguments("repository-rpm", "ansible.builtin.rpm_key", family, **version) is None


def test_zypper_is_held_by_locks_and_goes_up_and_down() -> None:
    repository = arguments("repository-rpm", "ansible.builtin.yum_repository", "suse")
    assert repository
    assert repository["reposdir"] == "/etc/zypp/repos.d"
    zypper = arguments("install-zypper", "community.general.zypper", "suse")
    assert zypper
    assert zypper["name"] == [f"{name}=1.20.0-1" for name in NAMES]
    assert zypper["oldpackage"] is True
    free = arguments("install-zypper", "ansible.builtin.command", "suse")
    assert free == {"argv": ["zypper", "--non-interactive", "removelock", *NAMES]}
    lock = next(task for task in tasks("install") if task["name"] == "The version is held by zypper")
    held = ask(lock["ansible.builtin.command"]["argv"], "suse")
    assert held == ["zypper", "--non-interactive", "addlock", *NAMES]
    assert arguments("repository-rpm", "ansible.builtin.rpm_key", "suse")


@pytest.mark.parametrize(
    ("family", "machine", "name"),
    [
        ("debian", "x86_64", "libnvidia-container1_1.20.0-1_amd64.deb"),
        ("debian", "aarch64", "libnvidia-container1_1.20.0-1_arm64.deb"),
        ("rocky", "x86_64", "libnvidia-container1-1.20.0-1.x86_64.rpm"),
        ("suse", "aarch64", "libnvidia-container1-1.20.0-1.aarch64.rpm"),
    ],
)
def test_local_packages_have_the_names_that_their_makers_give_them(
    family: str, machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, family, {**FAMILIES[family], "architecture": machine})
    files = value("files", family)
    assert len(files) == 4
    assert files[3] == name


def test_local_packages_are_installed_by_their_paths_and_unsigned() -> None:
    found = {"matched": 4, "files": [{"path": f"/srv/{name}.rpm"} for name in sorted(NAMES)]}
    given = {"local": found, "nvidia_container_toolkit_packages_path": "/srv"}
    dnf = arguments("install-dnf", "ansible.builtin.dnf", "rocky", **given)
    assert dnf
    assert sorted(dnf["name"]) == sorted(f"/srv/{name}.rpm" for name in NAMES)
    assert dnf["disable_gpg_check"] is True


@pytest.mark.parametrize("family", ["rocky", "suse", "debian"])
def test_what_is_installed_is_known_by_name_and_version(family: str) -> None:
    lines = [f"ii  {name} 1.20.0-1" for name in NAMES]
    assert value("installed", family, versions={"stdout_lines": lines}) is True
    assert value("installed", family, versions={"stdout_lines": lines[1:]}) is False
    lines[0] = lines[0].replace("1.20.0-1", "1.20.0-2")
    assert value("installed", family, versions={"stdout_lines": lines}) is False
    assert value("installed", family, versions={"stdout_lines": []}) is False


OLD_REPO = """[libnvidia-container]
name=libnvidia-container
baseurl=https://nvidia.github.io/libnvidia-container/stable/rpm/$basearch
gpgkey=https://nvidia.github.io/libnvidia-container/gpgkey

[nvidia-docker]
baseurl=https://nvidia.github.io/nvidia-docker/centos8/$basearch
enabled=1
"""
FOREIGN = """[cuda]
name=cuda
baseurl=https://developer.download.nvidia.com/compute/cuda/repos/rhel9/x86_64

"""


@pytest.mark.parametrize(
    ("before", "after"),
    [(OLD_REPO, ""), (FOREIGN, FOREIGN), (FOREIGN + OLD_REPO, FOREIGN), (OLD_REPO + FOREIGN, FOREIGN)],
)
def test_only_the_sections_of_old_repositories_go(before: str, after: str) -> None:
    assert re.sub(value("section", "rocky"), "", before, flags=re.MULTILINE) == after


def left_of(text: str, ending: str, **given: Any) -> str:
    """What the role docker leaves of a file's entries where NVIDIA's repository has an entry of its own."""
    others = {"docker_apt_others": value("repositories", **given)}
    parts = rendered([ROOT / "roles" / "docker" / "vars" / "main.yml"], "__docker_apt_other_parts", others)
    for part in parts:
        if ending in part["files"]:
            text = re.sub(part["what"], part["by"], text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("deb https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /\n# kept\n", "# kept\n"),
        ("# deb https://nvidia.github.io/nvidia-docker/debian10/amd64 /\n", None),
        ("deb https://mirror.example.org/debian bookworm main\n", None),
        ("deb http://mirror.example.org/nvidia/stable/deb/amd64 /", ""),
        ("deb http://mirror.example.org/other/stable/deb/amd64 /\n", None),
    ],
)
def test_only_the_lines_of_old_entries_go(before: str, after: str | None) -> None:
    left = left_of(before, ".list", nvidia_container_toolkit_repository_url="http://mirror.example.org/nvidia/")
    assert left == (before if after is None else after)


def test_only_the_stanzas_of_old_entries_go() -> None:
    kept = "Types: deb\nURIs: https://mirror.example.org/debian\nSuites: bookworm\n"
    old = "# why\nTypes: deb\nURIs: https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH)\nSuites: /\n"
    for before in (f"{kept}\n{old}", f"{old}\n{kept}"):
        assert left_of(before, ".sources").strip() == kept.strip()


@pytest.mark.parametrize(
    ("printed", "versions"),
    [
        (
            " nvidia-container-toolkit |   1.20.0-1 | http://x P\n nvidia-container-toolkit | 1.19.0-1 | http://x P\n",
            ["1.20.0-1", "1.19.0-1"],
        ),
        ("| 1.19.0-1 |\n| 1.20.0-1 |\n", ["1.19.0-1", "1.20.0-1"]),
        ("v | nvidia-container-toolkit | package | 1.20.0-1 | x86_64 | NVIDIA\n", ["1.20.0-1"]),
        ("No matching items found.\n", []),
    ],
)
def test_the_versions_on_offer_are_read_from_each_package_manager(printed: str, versions: list[str]) -> None:
    given: dict[str, Any] = {"offered": {"stdout": printed}, "done": {"msg": "nothing provides it\nat all"}}
    assert value("offered_versions", **given) == versions
    said = value("not_installed", nvidia_container_toolkit_version="9.9.9-1", **given)
    assert said.startswith(
        "Version 9.9.9-1 of the NVIDIA Container Toolkit could not be installed on gpu-1 (nothing provides it)."
    )
    assert ("set nvidia_container_toolkit_version to one of these" in said) is bool(versions)


RUNTIME = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}}}


@pytest.mark.parametrize(
    ("docker", "mode", "jetson", "cdi", "settings"),
    [
        ("20.10.24", "auto", False, False, RUNTIME),
        ("26.1.5", "auto", False, False, RUNTIME),
        ("26.1.5", "cdi", False, True, {"features": {"cdi": True}}),
        ("27.5.1", "auto", False, True, {"features": {"cdi": True}, **RUNTIME}),
        ("28.2.0", "auto", False, True, RUNTIME),
        ("29.3.0", "cdi", False, True, {}),
        ("29.3.0", "runtime", False, False, RUNTIME),
        ("29.3.0", "auto", True, False, RUNTIME),
    ],
)
def test_docker_is_told_no_more_than_the_mode_and_its_version_need(
    docker: str, mode: str, jetson: bool, cdi: bool, settings: dict[str, Any]
) -> None:
    given: dict[str, Any] = {
        "engine": {"host_info": {"ServerVersion": docker}},
        "nvidia_container_toolkit_mode": mode,
        "seen": {"files": [{"path": "/etc/nv_tegra_release"}] if jetson else []},
    }
    assert value("cdi", **given) is cdi
    assert value("settings", **given) == settings


@pytest.mark.parametrize(
    ("files", "lent", "expected"),
    [
        ([], None, (False, False, False, False)),
        (["/sys/bus/pci/devices/0/uevent"], None, (True, False, False, False)),
        (["/sys/bus/pci/devices/0/uevent", "/proc/driver/nvidia/version"], None, (True, True, False, False)),
        (["/etc/nv_tegra_release"], None, (True, True, True, False)),
        (["/proc/sys/kernel/osrelease"], False, (False, False, False, True)),
        (["/proc/sys/kernel/osrelease"], True, (True, True, False, True)),
    ],
)
def test_cards_jetsons_and_wsl_are_told_apart(files: list[str], lent: bool | None, expected: tuple[bool, ...]) -> None:
    given: dict[str, Any] = {"seen": {"files": [{"path": path} for path in files]}, "lent": {"stat": {"exists": lent}}}
    assert tuple(value(name, **given) for name in ("gpu", "driven", "jetson", "wsl")) == expected


def test_a_jetson_keeps_the_toolkit_of_its_system() -> None:
    jetson: dict[str, Any] = {"seen": {"files": [{"path": "/etc/nv_tegra_release"}]}}
    assert value("from", **jetson) == "system"
    assert value("wanted", **jetson) == ["nvidia-container-toolkit"]
    proof = arguments("proof", "community.docker.docker_container", "debian", container="x", **jetson)
    assert proof
    assert (proof["runtime"], proof["entrypoint"], proof["command"]) == ("nvidia", ["ls"], ["/dev/nvmap"])
    assert value("from", nvidia_container_toolkit_packages_path="/srv") == "files"


@pytest.mark.parametrize(
    ("said", "problems", "words"),
    [
        ("unresolvable CDI devices nvidia.com/gpu=all", [], "the CDI specification lacks the GPU or is stale"),
        ("Task failed: Timed out after 40 second(s).", [], "gave no answer there within 40 seconds"),
        ("Cannot find image with name x:1, and pull=never", [], "set nvidia_container_toolkit_proof_image to one"),
        ("\x00\x1b[0m", ["A GPU fell off the bus."], "A GPU fell off the bus. Reboot"),
        ("garbage", [], "works on the host but lists no GPU here"),
    ],
)
def test_a_failed_proof_tells_what_the_words_mean_or_what_the_host_shows(
    said: str, problems: list[str], words: str
) -> None:
    info = {"findings": [{"id": "x", "severity": "error", "message": say, "fix": "Reboot."} for say in problems]}
    assert words in value("cause", shown={"msg": said}, info=info)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["smi-hangs"], ["smi-hangs"]),
        (["library-missing", "cdi-stale"], ["library-missing"]),
        (["not-taken", "no-devices"], ["not-taken", "no-devices"]),
        # Another card has its driver, and the one that has none is no reason to stop.
        (["not-taken", "module-flavour", "driver-too-new"], []),
        (["cdi-stale"], []),
    ],
)
def test_the_role_stops_where_no_gpu_works_and_tells_why(found: list[str], said: list[str]) -> None:
    info = {"findings": [{"id": one, "severity": "error", "message": one, "fix": "Fix it."} for one in found]}
    assert value("broken", info=info) == [f"{one} Fix it." for one in said]
