"""A thousand accounts on a real server: how few requests show that nothing is to be done."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 1000
MOST_REQUESTS = 5
# The server would hash a password for each, which takes it minutes.
FILL = """
import json, sqlite3, sys, time
base = sqlite3.connect("/app/backend/data/webui.db", timeout=30)
now, asked = int(time.time()), json.load(sys.stdin)
for number in range(asked["count"]):
    base.execute(
        "INSERT INTO user (id, name, email, role, profile_image_url, last_active_at, updated_at, created_at) "
        "VALUES (?, ?, ?, 'user', '/user.png', ?, ?, ?)",
        (f"many-{number}", f"Name of {number}", f"many{number}@example.org", now, now, now),
    )
    base.execute("INSERT INTO auth (id, email, password, active) VALUES (?, ?, '-', 1)",
                 (f"many-{number}", f"many{number}@example.org"))
    group = asked["groups"][number % len(asked["groups"])]
    base.execute("INSERT INTO group_member (id, group_id, user_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
                 (f"many-{number}", group, f"many-{number}", now, now))
base.commit()
"""
CLEAR = """
import sqlite3
base = sqlite3.connect("/app/backend/data/webui.db", timeout=30)
for table in ("user", "auth", "group_member"):
    base.execute(f"DELETE FROM {table} WHERE id LIKE 'many-%'")
base.commit()
"""
NAMES = ("teachers", "pupils", "parents")


@pytest.fixture
def thousand(webui: Webui) -> Iterator[list[dict[str, Any]]]:
    """Accounts that the server has, as a list would say them."""
    if not webui.container:
        pytest.skip("this server is no container whose database could be filled")

    def inside(script: str, asked: Any = None) -> None:
        command = ["docker", "exec", "-i", webui.container, "python3", "-c", script]
        subprocess.run(command, input=json.dumps(asked), check=True, text=True, capture_output=True)

    groups = [webui.add_group(name) for name in NAMES]
    inside(FILL, {"count": COUNT, "groups": groups})
    yield [
        {"email": f"many{n}@example.org", "name": f"Name of {n}", "password": f"Password-of-{n}", "role": "user",
         "groups": [NAMES[n % len(NAMES)]]}
        for n in range(COUNT)
    ]  # fmt: skip
    inside(CLEAR)


def test_a_thousand_accounts_as_wanted_cost_five_requests_at_most(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], thousand: list[dict[str, Any]]
) -> None:
    plain = [{name: value for name, value in user.items() if name != "groups"} for user in thousand]
    unchanged("webui_users", by_token(users=plain), recorder)
    assert len(recorder.requests) == 1, recorder.seen()
    unchanged("webui_users", by_token(users=plain, purge=True), recorder)
    assert len(recorder.requests) <= MOST_REQUESTS, recorder.seen()
    unchanged("webui_users", by_token(users=thousand), recorder)
    assert len(recorder.requests) <= MOST_REQUESTS, recorder.seen()


def test_a_thousand_lines_as_wanted_cost_five_requests_at_most(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], thousand: list[dict[str, Any]]
) -> None:
    lines = ["Name,Email,Password,Role,Groups"]
    lines += [",".join([u["name"], u["email"], u["password"], u["role"], ";".join(u["groups"])]) for u in thousand]
    said = by_token(csv="people.csv", csv_content="\n".join(lines))
    unchanged("webui_users", said, recorder)
    assert len(recorder.requests) <= MOST_REQUESTS, recorder.seen()
    changed = {**said, "csv_content": "\n".join(lines).replace("Name of 500,", "Another name,")}
    assert [step["name"] for step in succeed("webui_users", changed)["plan"]] == ["many500@example.org"]
    assert webui.users()["many500@example.org"]["name"] == "Another name"
