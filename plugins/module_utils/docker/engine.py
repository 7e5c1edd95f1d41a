# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine, asked over its socket with the standard library alone."""

from __future__ import annotations

import http.client
import json
import re
import socket
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import quote, urlencode

# What the roles put on their containers.
LABEL = "org.selfhosted.llm.role"
# A log's beginning, in which a server says what it computes on.
LOG_BYTES = 256 * 1024


def container_root(info: Mapping[str, Any]) -> dict[str, int]:
    """Return the user and the group of the host that are root within containers, by what the engine says of itself.

    An engine that maps its users (userns-remap) keeps its data in a folder that is named after them.
    """
    is_mapped = any("name=userns" in option for option in info.get("SecurityOptions") or [])
    found = re.search(r"/(\d+)\.(\d+)/?$", str(info.get("DockerRootDir", ""))) if is_mapped else None
    return {"uid": int(found[1]), "gid": int(found[2])} if found else {"uid": 0, "gid": 0}


class NoAnswer(Exception):
    """The engine did not answer; ``kind`` is absent, refused, denied or silent, ``words`` what the system said."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Engine:
    """An engine by its socket; ``seconds`` is how long one answer may take."""

    path: str
    seconds: float

    def get(self, path: str, **query: Any) -> Any:
        """Return what the engine says, None for what it does not know; raise NoAnswer."""
        status, body = self._ask("GET", path, query)
        if status == 404:
            return None
        if status >= 400:
            raise NoAnswer("silent", f"it answered {status} to {path}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise NoAnswer("silent", f"what it said to {path} is no JSON") from error

    def container(self, name: str) -> Any:
        """Return all that the engine knows of a container, or None."""
        return self.get(f"/containers/{quote(name, safe='')}/json")

    def volume(self, name: str) -> Any:
        """Return all that the engine knows of a volume, or None."""
        return self.get(f"/volumes/{quote(name, safe='')}")

    def network(self, name: str) -> Any:
        """Return all that the engine knows of a network, or None."""
        return self.get(f"/networks/{quote(name, safe='')}")

    def containers(self, **filters: Any) -> list[Any]:
        """Return all containers that these filters of the engine's let through, running or not."""
        query = {"filters": json.dumps(filters)} if filters else {}
        return list(self.get("/containers/json", all=1, **query) or [])

    def volumes(self) -> list[Any]:
        """Return all that the engine knows of its volumes."""
        return list((self.get("/volumes") or {}).get("Volumes") or [])

    def create_network(self, desired: Any) -> str:
        """Create a network; return why the engine refuses, or nothing."""
        return self._refusal(*self._ask("POST", "/networks/create", {}, desired=desired))

    def remove_network(self, name: str) -> str:
        """Remove a network that no container uses; return why the engine refuses, or nothing."""
        return self._refusal(*self._ask("DELETE", f"/networks/{quote(name, safe='')}", {}))

    @staticmethod
    def _refusal(status: int, body: bytes) -> str:
        if status < 400:
            return ""
        try:
            return str(json.loads(body)["message"])
        except (ValueError, KeyError, TypeError):
            return f"it answered {status}"

    def log(self, name: str, since: float, until: float) -> str:
        """Return the beginning of what a container logged between two times, in seconds since 1970."""
        query = {"stdout": 1, "stderr": 1, "since": f"{since:.0f}", "until": f"{until:.0f}"}
        _status, body = self._ask("GET", f"/containers/{quote(name, safe='')}/logs", query, LOG_BYTES)
        return body.decode("utf-8", "replace")

    def execute(self, name: str, words: Sequence[str]) -> Optional[int]:
        """Run a program that only asks, inside a container; return its exit code, None where it could not be run."""
        desired = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(words)}
        status, body = self._ask("POST", f"/containers/{quote(name, safe='')}/exec", {}, desired=desired)
        if status != 201:
            return None
        place = f"/exec/{json.loads(body)['Id']}"
        self._ask("POST", f"{place}/start", {}, desired={"Detach": False, "Tty": False})
        code = (self.get(f"{place}/json") or {}).get("ExitCode")
        # The runtime's own words for a program that is not there or may not be run.
        return None if code in (None, 126, 127) else int(code)

    def _ask(
        self, method: str, path: str, query: Any, limit: Optional[int] = None, desired: Any = None
    ) -> tuple[int, bytes]:
        connection = UnixConnection(self.path, self.seconds)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                body=None if desired is None else json.dumps(desired),
                headers={} if desired is None else {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, answer.read(limit)
        except FileNotFoundError as error:
            raise NoAnswer("absent", f"there is no {self.path}") from error
        except ConnectionRefusedError as error:
            # What an engine that was stopped leaves behind.
            raise NoAnswer("refused", str(error)) from error
        except PermissionError as error:
            raise NoAnswer("denied", f"{self.path} may not be used") from error
        except socket.timeout as error:
            raise NoAnswer("silent", f"no answer for {self.seconds:g} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer("silent", str(error) or type(error).__name__) from error
        finally:
            connection.close()
