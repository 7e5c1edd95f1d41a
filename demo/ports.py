"""The ports of the demo on loopback: free ones, chosen once and kept as long as nobody else takes them."""

from __future__ import annotations

import errno
import socket

import objects

# Below those that the kernel hands out, and none that a real service has by default.
FIRST = {"ollama": 21434, "open_webui": 23001}
TRIED = 200


class PortError(Exception):
    """One sentence for the person."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it a connection that was closed a moment ago would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise PortError(f"port {port} on 127.0.0.1 cannot be used: {error.strerror}.") from error
    return True


def publishes(container: objects.Object, port: int) -> bool:
    return f"127.0.0.1:{port}" in objects.docker("port", container.name).stdout.split()


def choose(service: str, container: objects.Object, kept: int | None) -> int:
    """Return the port that was kept, where it is free or the demo's own, else the first free one."""
    if kept is not None and (publishes(container, kept) or is_free(kept)):
        return kept
    first = FIRST[service]
    for port in range(first, first + TRIED):
        if is_free(port):
            return port
    raise PortError(f"all ports from {first} to {first + TRIED - 1} on 127.0.0.1 are taken: free one of them.")
