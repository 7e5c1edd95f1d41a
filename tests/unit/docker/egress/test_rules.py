# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers may reach: destinations, the rules they become, and what follows from URLs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import host as egress_host
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import rules as egress
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.resource import entries_of
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure

NAMES = {
    "mirror.example.org": ["10.0.0.5", "fd00::5"],
    "api.example.com": ["203.0.114.7"],
    "gpu1": ["10.0.0.7"],
    "web": ["127.0.1.1"],
}


@pytest.fixture(autouse=True)
def _known_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine resolves is no part of the tests."""
    monkeypatch.setattr(egress_host, "addresses", lambda host: NAMES.get(host, []))
    monkeypatch.setattr(egress_host, "resolvers", lambda: ["10.0.0.2"])


@pytest.mark.parametrize(
    ("allowed", "entries"),
    [
        ("10.0.0.5", ["10.0.0.5/32"]),
        ("10.0.0.5:443", ["10.0.0.5/32:443"]),
        ("10.0.0.0/8:443", ["10.0.0.0/8:443"]),
        ("fd00::5", ["[fd00::5/128]"]),
        ("[fd00::5]:443", ["[fd00::5/128]:443"]),
        ("[fd00::/8]", ["[fd00::/8]"]),
        ("mirror.example.org:443", ["10.0.0.5:443", "[fd00::5]:443", "dns:10.0.0.2"]),
        ("gpu1", ["10.0.0.7", "dns:10.0.0.2"]),
    ],
)
def test_destinations_become_addresses(allowed: str, entries: list[str]) -> None:
    assert entries_of([allowed], []) == entries


@pytest.mark.parametrize(
    "allowed",
    [
        "",
        "10.0.0.5:",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:x",
        "10.0.0/8",
        "10.0.0.0/33",
        "a b",
        "[fd00::5",
        "a:1:2",
    ],
)
def test_what_is_no_destination_is_refused(allowed: str) -> None:
    with pytest.raises(Failure, match="is no destination"):
        entries_of([allowed], [])


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Failure, match=r"allowed has nosuch\.example\.org, which has no address"):
        entries_of(["nosuch.example.org:443"], [])


@pytest.mark.parametrize(
    ("url", "entries"),
    [
        ("http://10.0.0.7:11434", ["10.0.0.7/32:11434"]),
        ("http://[fd00::7]:11434/x", ["[fd00::7/128]:11434"]),
        ("https://mirror.example.org/v1", ["10.0.0.5:443", "[fd00::5]:443", "dns:10.0.0.2"]),
        ("postgresql://db:secret@10.0.0.9/x", ["10.0.0.9/32:5432"]),
        # A name of the internet has other addresses tomorrow.
        ("https://api.example.com/v1", ["dns:10.0.0.2", "public:443"]),
        ("https://nosuch.example.com/v1", ["dns:10.0.0.2", "public:443"]),
        # Containers beside, and this host's own loopback, which is theirs inside.
        ("http://ollama:11434", []),
        ("http://web:8080", []),
        ("http://gpu1:11434", ["10.0.0.7:11434", "dns:10.0.0.2"]),
        ("odd://10.0.0.7", []),
        ("http://10.0.0.7:port", []),
        ("http://[", []),
    ],
)
def test_what_a_url_needs_follows_from_it(url: str, entries: list[str]) -> None:
    assert entries_of([], [url]) == entries


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        ("10.0.0.5/32", ["ct original ip daddr 10.0.0.5/32 accept"]),
        ("10.0.0.5:443", ["ct original ip daddr 10.0.0.5/32 meta l4proto tcp ct original proto-dst 443 accept"]),
        ("[fd00::5/128]:443", ["ct original ip6 daddr fd00::5/128 meta l4proto tcp ct original proto-dst 443 accept"]),
        ("dns:10.0.0.2", ["ct original ip daddr 10.0.0.2 meta l4proto { tcp, udp } ct original proto-dst 53 accept"]),
    ],
)
def test_an_entry_is_a_rule(entry: str, rules: list[str]) -> None:
    assert egress.rules(entry) == rules


def test_the_internet_is_without_private_addresses() -> None:
    four, six = egress.rules("public:443")
    assert "10.0.0.0/8" in four
    assert "192.168.0.0/16" in four
    assert six.startswith("ip6 daddr 2000::/3 ")


NETWORKS: dict[str, dict[str, Any]] = {
    "llm": {"egress": "closed", "bridge": "br-1", "allowed": {"ollama": ["10.0.0.5:443"], "open_webui": ["10.0.0.6"]}},
    "other": {"egress": "closed", "bridge": "br-2", "allowed": {}},
}


def test_whatever_is_not_allowed_is_rejected_for_each_network() -> None:
    text = egress.render(NETWORKS)
    assert text.count("reject with icmpx type admin-prohibited") == len(NETWORKS)
    for bridge, chain in (("br-1", "of_br_1"), ("br-2", "of_br_2")):
        assert f'iifname "{bridge}" oifname != "{bridge}" goto {chain}' in text
        assert f'iifname "{bridge}" goto {chain}' in text
    assert text.index("proto-dst 443 accept") < text.index("ip daddr 10.0.0.6/32 accept") < text.rindex("reject with")


def test_the_state_is_read_back_and_any_change_is_another_revision() -> None:
    assert egress.parse(egress.render(NETWORKS)) == NETWORKS
    changed = {**NETWORKS, "llm": {**NETWORKS["llm"], "allowed": {}}}
    assert egress.revision(NETWORKS) in egress.render(NETWORKS)
    assert egress.revision(changed) not in egress.render(NETWORKS)


@given(st.text())
def test_a_file_that_is_not_ours_says_nothing(text: str) -> None:
    assert egress.parse(text.replace("# state", "")) == {}


@pytest.mark.parametrize("state", ["", "{", "[]", "[1]", "1", '{"llm": 1}', '{"llm": {"bridge": "br-1"}}', "null"])
def test_a_state_that_somebody_broke_says_nothing(state: str) -> None:
    assert egress.parse(f"# state: {state}\n") == {}


def test_one_owner_changes_only_its_own() -> None:
    present = {"ollama": ["10.0.0.5"], "open_webui": ["10.0.0.6"]}
    assert egress.merged(present, "ollama", ["10.0.0.9", "10.0.0.8"]) == {**present, "ollama": ["10.0.0.8", "10.0.0.9"]}
    assert egress.merged(present, "ollama", []) == {"open_webui": ["10.0.0.6"]}


@pytest.mark.parametrize(
    ("table", "opened"),
    [
        ('elements = { "br-1" timeout 1d expires 23h }', True),
        ('elements = { "br-11" timeout 1d expires 23h }', False),
        ('iifname "br-1" goto of_br_1', False),
    ],
)
def test_an_opened_way_is_seen(table: str, opened: bool) -> None:
    assert egress_host.is_opened(table, "br-1") is opened


def test_the_interface_that_a_network_should_have_is_closed_beside_the_one_that_it_has() -> None:
    text = egress.render(NETWORKS)
    assert 'iifname "br-llm" oifname != "br-llm" goto of_br_1' in text
    assert 'iifname "br-llm" goto of_br_1' in text
    current = {"llm": {**NETWORKS["llm"], "bridge": "br-llm"}}
    assert egress.render(current).count('iifname "br-llm" goto') == 1


def test_what_is_loaded_where_the_rules_cannot_be_lets_nothing_out() -> None:
    text = egress.render_closed(NETWORKS)
    for bridge in ("br-1", "br-2", "br-llm", "br-other"):
        assert text.count(f'"{bridge}"') >= 2
    assert text.count("drop") == 2
    assert "accept" not in text.replace("policy accept", "")


def test_what_is_open_stays_open_while_rules_are_written() -> None:
    assert egress.render_opened({}) == ""
    assert egress.render_opened({"br-1": 90}) == 'add element inet selfhosted_llm opened { "br-1" timeout 90s }\n'


def test_the_networks_that_a_table_closes_are_known_by_its_chains() -> None:
    assert egress.closed_chains(egress.render(NETWORKS)) == ["br_1", "br_2"]
    assert egress.closed_chains("") == []
