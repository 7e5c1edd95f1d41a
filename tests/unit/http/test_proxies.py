# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls go by the proxy of the environment."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.http import proxies
from ansible_collections.selfhosted.llm.plugins.module_utils.http.proxies import DIRECT, proxies_for
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import Session

NAMES = {
    "here.example": ["127.0.0.1"],
    "lab.example": ["10.1.2.3", "2001:db8::1"],
    "public.example": ["203.0.113.7"],
    "six.example": ["fd12::1%eth0"],
}


@pytest.fixture(autouse=True)
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    real = socket.getaddrinfo

    def resolved(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "slow.example":
            threading.Event().wait(5)
        if host.startswith("127."):
            return real(host, *arguments, **options)
        if host not in NAMES:
            raise socket.gaierror("unknown")
        return [(0, 0, 0, "", (address, 0)) for address in NAMES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu1")
    monkeypatch.setattr(proxies, "RESOLVE_SECONDS", 0.2)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:3001",
        "https://127.9.8.7",
        "http://[::1]:3001",
        "https://[::ffff:127.0.0.1]",
        "http://localhost.:3001",
        "https://LOCALHOST",
        "https://web.localhost",
        "https://gpu1",
        "https://here.example",
        "http://0.0.0.0:1",
    ],
)
def test_this_host_is_called_directly(url: str) -> None:
    assert proxies_for(url, None) == DIRECT


@pytest.mark.parametrize(
    "place",
    [
        "10.0.0.5:8080",
        "172.31.255.1",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.9",
        "[fd00::5]:8080",
        "[fe80::1%25eth0]",
        "[::ffff:10.0.0.1]",
        "open-webui:8080",
        "nas.local",
        "web.corp.internal",
        "box.home.arpa",
        "lab.example",
        "six.example",
    ],
)
def test_a_private_address_is_called_directly_over_plain_http_only(place: str) -> None:
    assert proxies_for(f"http://{place}", None) == DIRECT
    assert proxies_for(f"https://{place}", None) == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.9",
        "https://registry.ollama.ai",
        "http://public.example",
        "http://unknown.example",
        "http://slow.example",
        "http://172.32.0.1",
        "http://100.128.0.1",
        "http://[2001:db8::9]",
    ],
)
def test_all_else_goes_as_the_environment_says(url: str) -> None:
    assert proxies_for(url, None) == {}


def test_a_person_decides_otherwise() -> None:
    assert proxies_for("http://10.0.0.5", True) == {}
    assert proxies_for("https://registry.ollama.ai", False) == DIRECT


def test_without_a_proxy_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **more: pytest.fail("a name was looked up"))
    assert proxies_for("http://public.example", None) == DIRECT


class Asked:
    """A socket by which the kernel tells which address of ours would reach another."""

    def __init__(self, *kind: object) -> None:
        pass

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *error: Exception) -> None:
        pass

    def connect(self, place: tuple[str, int]) -> None:
        self.place = place

    def getsockname(self) -> tuple[str, int]:
        return ("198.51.100.4", 1)


def test_an_address_of_an_interface_is_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Asked)
    assert proxies_for("https://198.51.100.4", None) == DIRECT
    assert proxies_for("https://198.51.100.5", None) == {}


@pytest.mark.parametrize("names", [("http_proxy",), ("all_proxy",), ("HTTP_PROXY", "ALL_PROXY")])
def test_a_password_does_not_reach_the_proxy(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    seen: list[tuple[socket.socket, bytes]] = []
    answered = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with client:
                seen.append((listener, client.recv(65536)))
                client.sendall(answered)

    server, proxy = (socket.create_server(("127.0.0.1", 0)) for _each in range(2))
    for listener in (server, proxy):
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    monkeypatch.delenv("http_proxy")
    for name in names:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
    url = f"http://127.0.0.2:{server.getsockname()[1]}"
    with socket.create_server(("127.0.0.2", server.getsockname()[1])) as other:
        threading.Thread(target=serve, args=(other,), daemon=True).start()
        Session(url, secrets=["hunter2"]).post("/signin", json={"password": "hunter2"})
        assert [listener for listener, _head in seen] == [other]
        Session(url, use_proxy=True).get("/x")
        assert [listener for listener, _head in seen] == [other, proxy]
    server.close()
    proxy.close()
