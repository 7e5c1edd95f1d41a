"""A thousand accounts that are as wanted, and two hundred new ones: by `webui_users`, and by hand, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import servers

COUNT = 1000
NEW = 200
ROUNDS = 2
# More than the server has cores, so that none of them waits.
BY_HAND = 8
MODULE = "ansible_collections.selfhosted.llm.plugins.modules.webui_users"
GROUPS = ("teachers", "pupils", "parents")
# The server would hash a password for each, which takes it minutes, and nothing of that is measured.
FILL = """
import json, sqlite3, sys, time
base = sqlite3.connect("/app/backend/data/webui.db", timeout=30)
now, groups = int(time.time()), json.load(sys.stdin)
for number in range(COUNT):
    who, email = f"many-{number}", f"user{number}@example.org"
    base.execute("INSERT OR IGNORE INTO user (id, name, email, role, profile_image_url, last_active_at, updated_at,"
                 " created_at) VALUES (?, ?, ?, 'user', '/user.png', ?, ?, ?)",
                 (who, f"Name of {number}", email, now, now, now))
    base.execute("INSERT OR IGNORE INTO auth (id, email, password, active) VALUES (?, ?, '-', 1)", (who, email))
    base.execute("INSERT OR IGNORE INTO group_member (id, group_id, user_id, created_at, updated_at)"
                 " VALUES (?, ?, ?, ?, ?)", (who, groups[number % len(groups)], who, now, now))
base.commit()
""".replace("COUNT", str(COUNT))
FORGET = """
import sqlite3
base = sqlite3.connect("/app/backend/data/webui.db", timeout=30)
for table in ("user", "auth"):
    base.execute(f"DELETE FROM {table} WHERE email LIKE 'new%@example.org'")
base.commit()
"""


def inside(told: dict[str, Any], script: str, asked: Any = None) -> None:
    """Run a script beside the server's database."""
    command = ["docker", "exec", "-i", told["containers"]["open-webui"], "python3", "-c", script]
    subprocess.run(command, input=json.dumps(asked), check=True, text=True, capture_output=True)


def people() -> list[dict[str, Any]]:
    """Return the accounts that the server is filled with, as a list says them."""
    return [
        {"email": f"user{number}@example.org", "name": f"Name of {number}", "password": f"Password-of-{number}",
         "role": "user"}
        for number in range(COUNT)
    ]  # fmt: skip


def fill(told: dict[str, Any]) -> str:
    """Make a thousand accounts in three groups, and a CSV file of them; return the admin's token."""
    url = told["webui_url"] + "/api/v1/"
    credentials = {"email": told["admin_email"], "password": told["admin_password"]}
    signed_in = requests.post(url + "auths/signin", json=credentials, timeout=30)
    signed_in.raise_for_status()
    token = str(signed_in.json()["token"])
    headers = {"Authorization": f"Bearer {token}"}
    ids = {row["name"]: row["id"] for row in requests.get(url + "groups/", headers=headers, timeout=30).json()}
    for name in GROUPS:
        if name not in ids:
            body = {"name": name, "description": ""}
            ids[name] = requests.post(url + "groups/create", headers=headers, json=body, timeout=30).json()["id"]
    inside(told, FILL, [ids[name] for name in GROUPS])
    lines = ["Name,Email,Password,Role,Groups"]
    lines += [
        ",".join([*(one[key] for key in ("name", "email", "password", "role")), GROUPS[number % len(GROUPS)]])
        for number, one in enumerate(people())
    ]
    (servers.FOLDER / "people.csv").write_text("\n".join(lines))
    return token


def created(told: dict[str, Any], token: str) -> dict[str, float]:
    """Return the least seconds in which two hundred accounts are made, by each way."""
    ways = {"new by module": by_module, "new by hand": by_hand}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        # The other way round each time, so that what else the machine does meets both.
        for name in sorted(ways, reverse=bool(number % 2)):
            inside(told, FORGET)
            begun = time.monotonic()
            ways[name](told["webui_url"], token)
            taken[name].append(time.monotonic() - begun)
        print(f"  round {number + 1} of {ROUNDS}", flush=True)
    inside(told, FORGET)
    return {name: min(seconds) for name, seconds in taken.items()}


def by_hand(url: str, token: str) -> None:
    """Make them with a request each, many at once, on connections that stay open."""
    local = threading.local()

    def make(number: int) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers["Authorization"] = f"Bearer {token}"
        answer = local.session.post(url + "/api/v1/auths/add", json=new(number), timeout=120)
        answer.raise_for_status()

    with ThreadPoolExecutor(BY_HAND) as pool:
        list(pool.map(make, range(NEW)))


def by_module(url: str, token: str) -> None:
    """Make them with one run of the module, as it is, in a process of its own."""
    arguments = {"url": url, "token": token, "users": [new(number) for number in range(NEW)]}
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": str(servers.ROOT / ".cache" / "collections"),
             "PYTHONPYCACHEPREFIX": str(servers.FOLDER / "bytecode")},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"webui_users failed:\n{done.stdout}\n{done.stderr}")


def new(number: int) -> dict[str, Any]:
    """Return one of the new accounts."""
    return {"email": f"new{number}@example.org", "name": f"New {number}", "password": f"Password-of-{number}",
            "role": "user"}  # fmt: skip
