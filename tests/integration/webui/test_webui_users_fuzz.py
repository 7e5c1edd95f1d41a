"""Random accounts on a real server: predicted, converged in one run, whatever was there, and after a kill."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import killed, succeed

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Outcome, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource import Users
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import desired_users, listed_entries
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client

if TYPE_CHECKING:
    from conftest import Webui

STATES, KILLS = scaled(60), scaled(5)
EMAILS = [f"p{number}@example.org" for number in range(7)]
GROUPS = ("a", "b", "c")
NAMES = ("Anna", "Zoë 🙂", "<b>", "%_\\")
ROLES = ("pending", "user", "admin")
PICTURES = ("/user.png", "/static/favicon.png")
OF_THE_WEB = "https://example.org/a.png"

State = dict[str, dict[str, Any]]
Said = list[dict[str, Any]]


@pytest.fixture
def pictures(webui: Webui) -> tuple[str, ...]:
    """Return the pictures that the version takes."""
    return (*PICTURES, OF_THE_WEB) if webui.features.pictures_of_the_web else PICTURES


def random_account(dice: random.Random, pictures: tuple[str, ...]) -> dict[str, Any]:
    """Return what an account is, as the server shows it."""
    return {
        "name": dice.choice(NAMES),
        "role": dice.choice(ROLES),
        "profile_image_url": dice.choice(pictures),
        "groups": sorted(dice.sample(GROUPS, dice.randrange(3))),
    }


def random_list(dice: random.Random, pictures: tuple[str, ...]) -> Said:
    """Return a list of accounts, each with a part of what can be said."""
    entries = []
    for email in dice.sample(EMAILS, dice.randrange(1, 5)):
        account = random_account(dice, pictures)
        said = {name: account[name] for name in dice.sample(sorted(account), dice.randrange(5))}
        state = dice.choice(("present", "present", "present", "present", "absent"))
        entries.append({"email": dice.choice((email, email.upper())), "password": "pw", "state": state, **said})
    return entries


def expected(state: State, said: Said, purge: bool, kept: str) -> State:
    """Return what must be there, by the words of the documentation and nothing else."""
    after = {email: dict(account) for email, account in state.items()}
    for entry in said:
        email = entry["email"].lower()
        if entry["state"] == "absent":
            after.pop(email, None)
            continue
        new = {
            "name": entry["email"].lower().split("@")[0],
            "role": "user",
            "profile_image_url": "/user.png",
            "groups": [],
        }
        after[email] = {**after.get(email, new), **{name: entry[name] for name in new if name in entry}}
    if purge:
        listed = {entry["email"].lower() for entry in said} | {kept}
        after = {email: each for email, each in after.items() if email in listed or each["role"] == "admin"}
    return after


class Server:
    """The real server, brought into any state with as few hashed passwords as can be."""

    def __init__(self, webui: Webui) -> None:
        self.webui = webui
        self.groups = {name: webui.add_group(name) for name in GROUPS}

    def put(self, wanted: State) -> None:
        """Make the accounts be as ``wanted``, by calls of its own."""
        present = self.webui.users()
        for email in set(present) - set(wanted) - {self.webui.admin_email}:
            self.webui.call("DELETE", f"users/{present[email]['id']}")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda email: self._put_one(email, wanted[email], present.get(email)), wanted))

    def _put_one(self, email: str, account: dict[str, Any], present: dict[str, Any] | None) -> None:
        fields = {name: account[name] for name in ("name", "role", "profile_image_url")}
        if present is None:
            present = {
                **self.webui.call("POST", "auths/add", {"email": email, "password": "pw", **fields}),
                "group_ids": [],
            }
        else:
            # Before 0.10 the e-mail is required, too.
            self.webui.call("POST", f"users/{present['id']}/update", {"email": email, **fields})
        for name, group_id in self.groups.items():
            if (group_id in present["group_ids"]) != (name in account["groups"]):
                verb = "add" if name in account["groups"] else "remove"
                self.webui.call("POST", f"groups/id/{group_id}/users/{verb}", {"user_ids": [present["id"]]})


def converged(webui: Webui, said: Said, *, check: bool, purge: bool) -> Outcome:
    """Run what the module runs, without the third of a second of a process."""
    params = {
        "url": webui.url, "token": webui.token, "admin_email": None, "admin_password": None, "timeout": 30.0,
        "validate_certs": True, "ca_path": None, "workers": 4,
    }  # fmt: skip
    unsaid = dict.fromkeys(("name", "role", "groups", "profile_image_url", "update_password"))
    all_desired = desired_users(listed_entries([{**unsaid, **entry} for entry in said]))
    users = Users(Client(params, check), params, listed=True)
    return converge(users, all_desired, check_mode=check, purge=purge)


def test_any_accounts_converge_in_one_run_as_foreseen(webui: Webui, pictures: tuple[str, ...]) -> None:
    dice, server = random.Random(SEED), Server(webui)
    admin = webui.state()[webui.admin_email]
    wanted: State = {}
    for number in range(STATES):
        # Most accounts stay there, since the server takes a third of a second to make one.
        kept = [email for email in EMAILS if dice.random() < (0.9 if email in wanted else 0.3)]
        present = {email: random_account(dice, pictures) for email in kept}
        said, purge = random_list(dice, pictures), dice.random() < 0.2
        purge = purge and any(entry["state"] == "present" for entry in said)
        what = f"seed {SEED}, state {number}: {present} -> {said}, purge={purge}"
        server.put(present)
        before = {**present, webui.admin_email: admin}
        wanted = expected(before, said, purge, webui.admin_email)
        foreseen = converged(webui, said, check=True, purge=purge)
        assert webui.state() == before, what
        done = converged(webui, said, check=False, purge=purge)
        assert webui.state() == wanted, what
        assert foreseen.many("users")["plan"] == done.many("users")["plan"], what
        assert done.changed == (wanted != before), what
        assert not converged(webui, said, check=False, purge=purge).changed, what


def killed_after(webui: Webui, arguments: dict[str, Any], requests: int) -> bool:
    """Run the module and kill it when so many requests have come by; tell whether it was still running."""
    proxy = Recorder(webui.url)
    running = killed("webui_users", {**arguments, "url": proxy.url}, lambda: len(proxy.requests) >= requests)
    proxy.close()
    return running


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_that_is_killed_at_a_random_moment_is_finished_by_the_next(
    webui: Webui, pictures: tuple[str, ...], number: int
) -> None:
    dice, server = random.Random(f"{SEED} {number}"), Server(webui)
    present = {email: random_account(dice, pictures) for email in EMAILS[:3]}
    server.put(present)
    before = webui.state()
    said = [
        {"email": email, "password": "pw", "state": "present", **random_account(dice, pictures)} for email in EMAILS[1:]
    ]
    said.append({"email": EMAILS[0], "state": "absent"})
    arguments = {"url": webui.url, "token": webui.token, "users": said}
    assert killed_after(webui, arguments, dice.randrange(5, 16))
    succeed("webui_users", arguments)
    assert webui.state() == expected(before, said, purge=False, kept="")
    assert not succeed("webui_users", arguments)["changed"]
    assert all(webui.lets_in(email, "pw") for email in EMAILS[3:5])
