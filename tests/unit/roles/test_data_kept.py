# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask and do so that a service keeps its data, its key, its container and its neighbours."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from role_variables import ROOT, ollama, rendered
from test_hardening import looked_at, webui

ADMIN = {"open_webui_admin_password": "enough", "open_webui_admin_email": "admin@example.org"}


def facts(**more: Any) -> dict[str, Any]:
    volume = {"exists": True, "has_data": True, "foreign": False, "variables": {}, **more}
    return {"problems": [], "volumes": {"open-webui": volume}}


def host_problems(said: str, volumes: dict[str, Any], **given: Any) -> list[str]:
    looked = {"__open_webui_looked": looked_at(missing=said.split()), "__open_webui_volume_facts": volumes}
    return list(webui("__open_webui_host_problems", **ADMIN, **looked, **given))


@pytest.mark.parametrize(
    ("said", "volumes", "given", "is_told"),
    [
        ("secret-key\n", facts(), {}, True),
        ("nftables\nsecret-key\n", facts(), {}, True),
        ("", facts(), {}, False),
        # The first installation, and a volume that somebody created before it.
        ("secret-key\n", {"problems": [], "volumes": {"open-webui": {"has_data": False}}}, {}, False),
        ("secret-key\n", facts(has_data=False), {}, False),
        ("secret-key\n", facts(), {"open_webui_secret_key": "k" * 40}, False),
        ("secret-key\n", facts(), {"open_webui_secret_key_new": True}, False),
        # Check mode on a bare host asks no engine.
        ("secret-key\n", {}, {}, False),
    ],
)
def test_a_lost_key_beside_data_stops_the_role(
    said: str, volumes: dict[str, Any], given: dict[str, Any], is_told: bool
) -> None:
    told = host_problems(said, volumes, **given)
    assert len(told) == is_told
    if is_told:
        for words in (
            "/etc/open-webui/secret_key, is missing or empty",
            "set open_webui_secret_key to the key",
            "docker exec open-webui cat /run/secrets/open-webui",
            "set open_webui_secret_key_new to true",
        ):
            assert words in told[0]


def test_a_foreign_container_has_its_key_elsewhere() -> None:
    told = host_problems("secret-key", facts(foreign=True), open_webui_adopt=True)
    assert "docker exec open-webui cat /app/backend/.webui_secret_key" in told[0]
    assert len(host_problems("", facts(foreign=True))) == 1
    assert host_problems("", facts(foreign=True), open_webui_adopt=True) == []


def test_the_key_s_directory_is_an_option() -> None:
    told = host_problems("secret-key", facts(), open_webui_key_directory="/srv/key")
    assert "/srv/key/secret_key" in told[0]


def test_what_is_missing_tells_packages_and_the_key_apart() -> None:
    looked = {"__open_webui_looked": looked_at(missing=["python3-requests", "nftables", "secret-key"])}
    assert webui("__open_webui_missing_packages", **ADMIN, **looked) == ["python3-requests", "nftables"]
    assert webui("__open_webui_missing_packages", **ADMIN, **looked, llm_egress="open") == ["python3-requests"]


SEEDED = {"OLLAMA_BASE_URLS": "http://ollama:11434", "RAG_OLLAMA_BASE_URL": "http://ollama:11434"}
TWO = ["http://gpu-2:11434", "http://ollama:11434"]


@pytest.mark.parametrize(
    ("volumes", "given", "urls"),
    [
        # The database has them by now.
        (facts(variables=SEEDED), {}, "http://ollama:11434"),
        # The first start, and one with a volume that is new.
        ({}, {}, ";".join(TWO)),
        (facts(variables=SEEDED, has_data=False), {}, ";".join(TWO)),
        # A server that reads its variables at each start.
        (
            facts(variables=SEEDED),
            {"open_webui_environment": {"ENABLE_PERSISTENT_CONFIG": False}},
            ";".join(TWO),
        ),
        # A person's own word goes before.
        (facts(variables=SEEDED), {"open_webui_environment": {"OLLAMA_BASE_URLS": "http://own:1"}}, "http://own:1"),
    ],
)
def test_another_ollama_is_no_reason_to_create_the_container_again(
    volumes: dict[str, Any], given: dict[str, Any], urls: str
) -> None:
    looked = {"__open_webui_volume_facts": volumes}
    environment = webui("__open_webui_environment", **ADMIN, **looked, open_webui_ollama_urls=TWO, **given)
    assert environment["OLLAMA_BASE_URLS"] == urls


@pytest.mark.parametrize(
    ("ours", "is_due"),
    [([], True), (["ollama"], True), (["ollama", "selfhosted-llm-demo-ollama"], False), (["gpu-ollama"], False)],
)
def test_the_watch_stays_while_containers_of_others_may_need_it(ours: list[str], is_due: bool) -> None:
    watch = {"hashes": {"/etc/systemd/system/x": "1"}, "runs": True, "enabled": True}
    host = {"watch": watch, "systemd": True, "ours": ours}
    assert ollama("__ollama_watch_due", host, ollama_gpu_watch=False) is is_due


def test_labels_are_added_to_the_role_s_own_and_never_replace_them() -> None:
    labels = {"mine": "yes", "org.selfhosted.llm.role": "other"}
    assert ollama("__ollama_labels", llm_labels=labels) == {"mine": "yes", "org.selfhosted.llm.role": "ollama"}


def test_each_instance_asks_for_its_own_volume() -> None:
    instances = [{"name": "a", "port": 1}, {"name": "b", "port": 2, "volume": "a", "volume_read_only": True}]
    first, second = ollama("__ollama_volume_questions", ollama_instances=[*instances])
    assert (first["volume"], first["option"], first["new_option"]) == (
        "a",
        "volume of a in ollama_instances",
        "its volume_new",
    )
    assert (second["read_only"], second["new"]) == (True, False)
    (alone,) = ollama("__ollama_volume_questions", ollama_volume_new=True)
    assert (alone["option"], alone["new"]) == ("ollama_volume", True)


def test_a_second_service_on_a_host_leaves_a_mark_of_its_own() -> None:
    files = [ROOT / "playbooks" / "vars" / "declared.yml"]
    for its, place in (({}, "/var/lib/selfhosted-llm"), ({"llm_state_directory": "/srv/state"}, "/srv/state")):
        given = {"hostvars": {"gpu-1": its}, "groups": {}}
        assert rendered(files, "__declared_state_directory", given) == place


KEY = base64.b64encode(b"k" * 64).decode()
RIGHT: dict[str, Any] = {
    "key_directory": {"kind": "directory", "uid": 0, "gid": 0, "mode": "0700"},
    "key_file": {"kind": "file", "uid": 0, "gid": 0, "mode": "0600"},
    "key": KEY,
}


@pytest.mark.parametrize(
    ("found", "given", "is_right"),
    [
        ({}, {}, True),
        ({}, {"open_webui_secret_key": "k" * 64}, True),
        ({}, {"open_webui_secret_key": "another"}, False),
        ({"key": ""}, {}, False),
        ({"key": ""}, {"open_webui_secret_key": ""}, False),
        ({"key_file": {}}, {}, False),
        ({"key_file": {**RIGHT["key_file"], "mode": "0644"}}, {}, False),
        ({"key_file": {**RIGHT["key_file"], "kind": "other"}}, {}, False),
        # Where Docker maps its users, the container's root is another user.
        ({"key_file": {**RIGHT["key_file"], "uid": 100000}}, {}, False),
        ({"key_directory": {**RIGHT["key_directory"], "mode": "0755"}}, {}, False),
        ({"key_directory": {**RIGHT["key_directory"], "gid": 4}}, {}, False),
    ],
)
def test_a_key_as_it_shall_be_needs_no_task(found: dict[str, Any], given: dict[str, Any], is_right: bool) -> None:
    looked = {"__open_webui_looked": looked_at(**{**RIGHT, **found}), "__open_webui_volume_facts": facts()}
    assert webui("__open_webui_key_right", **ADMIN, **looked, **given) is is_right


def test_the_first_password_comes_from_the_key_whoever_read_it() -> None:
    expected = hashlib.sha256(b"k" * 64 + b":first-admin").hexdigest()
    seen = {"__open_webui_looked": looked_at(**RIGHT), "__open_webui_key": {"skipped": True}}
    written = {"__open_webui_looked": looked_at(**{**RIGHT, "key": ""}), "__open_webui_key": {"content": KEY}}
    for looked in (seen, written):
        told = webui("__open_webui_initial_password", **ADMIN, **looked, __open_webui_volume_facts=facts())
        assert told == expected


def test_the_mark_is_written_only_where_it_differs() -> None:
    files = [ROOT / "playbooks" / "vars" / "declared.yml"]
    given: dict[str, Any] = {"hostvars": {"gpu-1": {}}, "groups": {}, "__declared_containers": [{"name": "a"}]}
    read = rendered(files, "__declared_mark_read", given)
    assert read[:2] == ["0 0 700 directory", "0 0 600 regular file"]
    assert json.loads("".join(read[2:])) == {"containers": [{"name": "a"}]}
