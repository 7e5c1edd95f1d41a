"""webui_users with a CSV file, by real plays: found, decrypted, read on the controller, and never printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import COLLECTIONS, ROOT, hides, quadruple, succeed

BIN = Path(sys.executable).parent
HEAD = "Name;Email;Password;Role;Groups\r\n"
# The server takes 15 sign-ins in 3 minutes of an e-mail, so Anna is of this file alone.
PEOPLE = (
    HEAD
    + '"Anna ""die Große"" Weber";Csv-Anna@Example.org;Cell-of-Anna-1;user;staff\r\n'
    + 'Ben;ben@example.org;Cell-of-Ben-2;pending;"staff;choir"\r\n'
)
VAULT_PASSWORD = "word-of-the-vault"


def ansible(command: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible as a person would, outside of this checkout."""
    return subprocess.run(
        [BIN / command, *arguments],
        cwd=cwd,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "LC_ALL": "C.UTF-8",
            **environment,
        },
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip


def play(place: Path, *tasks: dict[str, Any], name: str = "play.yml") -> str:
    """Write a play, and return its path."""
    variables = {"ansible_python_interpreter": sys.executable}
    content = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
    (place / name).write_text(json.dumps([{**content, "tasks": list(tasks)}]), encoding="utf-8")
    return str(place / name)


def users(said: dict[str, Any]) -> dict[str, Any]:
    return {"selfhosted.llm.webui_users": said, "register": "answer"}


@pytest.fixture
def groups(webui: Webui) -> None:
    webui.add_group("staff")
    webui.add_group("choir")


def test_the_text_of_a_file_converges_as_a_list_does(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    runs = quadruple("webui_users", by_token(csv="people.csv", csv_content=PEOPLE), recorder, webui.state)
    state = webui.state()
    assert state["csv-anna@example.org"]["name"] == 'Anna "die Große" Weber'
    assert state["ben@example.org"] == {
        "name": "Ben", "role": "pending", "profile_image_url": "/user.png", "groups": ["choir", "staff"],
    }  # fmt: skip
    assert webui.lets_in("csv-anna@example.org", "Cell-of-Anna-1")
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, "Cell-of")


def test_a_file_beside_a_role_encrypted_or_not_is_used_and_never_shown(
    webui: Webui, by_token: Callable[..., dict[str, Any]], groups: None, tmp_path: Path
) -> None:
    role = tmp_path / "roles" / "people"
    for folder in ("tasks", "files"):
        (role / folder).mkdir(parents=True)
    (role / "files" / "people.csv").write_bytes(b"\xef\xbb\xbf" + PEOPLE.encode())
    said = {**by_token(), "url": webui.url, "csv": "people.csv"}
    (role / "tasks" / "main.yml").write_text(json.dumps([users(said), {"debug": {"var": "answer"}}]), encoding="utf-8")
    (tmp_path / "word").write_text(VAULT_PASSWORD, encoding="utf-8")
    done = ansible(
        "ansible-vault", "encrypt", "--vault-password-file", str(tmp_path / "word"),
        str(role / "files" / "people.csv"), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    log = tmp_path / "log"
    path = play(tmp_path, {"import_role": {"name": "people"}})
    secret = ("--vault-password-file", str(tmp_path / "word"))
    for changed, arguments in (("changed=1", ["--check"]), ("changed=1", ["-vvvvv", "--diff"]), ("changed=0", [])):
        done = ansible("ansible-playbook", *arguments, *secret, path, cwd=tmp_path, ANSIBLE_LOG_PATH=str(log))
        assert changed in done.stdout, done.stdout + done.stderr
        assert "Cell-of" not in done.stdout + done.stderr
        assert ("csv-anna@example.org" in done.stdout) is (changed == "changed=1")
    assert "Cell-of" not in log.read_text(encoding="utf-8")
    assert webui.state()["ben@example.org"]["groups"] == ["choir", "staff"]
    done = ansible("ansible-playbook", path, cwd=tmp_path)
    assert "csv is 'people.csv', which cannot be read: " in done.stdout


def test_a_command_line_reads_a_file_too(
    webui: Webui, by_token: Callable[..., dict[str, Any]], groups: None, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8", newline="")
    said = f"url={webui.url} token={by_token()['token']} csv={tmp_path / 'people.csv'}"
    interpreter = json.dumps({"ansible_python_interpreter": sys.executable})
    command = ("localhost", "-m", "selfhosted.llm.webui_users", "-a", said, "-e", interpreter)
    for arguments, word in ((["--check"], "CHANGED"), ([], "CHANGED"), ([], "SUCCESS")):
        done = ansible("ansible", *command, *arguments, "-vvv", cwd=tmp_path)
        assert word in done.stdout, done.stdout + done.stderr
        assert "Cell-of" not in done.stdout + done.stderr
    assert set(webui.users()) == {webui.admin_email, "csv-anna@example.org", "ben@example.org"}


# All forms are in tests/unit/plugin_utils/files/test_csv_text.py.
FORMS = {"utf-16 of a spreadsheet": PEOPLE.encode("utf-16"), "Windows-1252": PEOPLE.encode("cp1252")}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_read_as_spreadsheets_write_it(
    webui: Webui, by_token: Callable[..., dict[str, Any]], groups: None, tmp_path: Path, form: str
) -> None:
    (tmp_path / "people.csv").write_bytes(FORMS[form])
    done = ansible("ansible-playbook", "-vvv", play(tmp_path, users(by_token(csv="people.csv"))), cwd=tmp_path)
    assert "changed=1" in done.stdout, done.stdout + done.stderr
    assert "Cell-of" not in done.stdout + done.stderr
    warned = "is not UTF-8 (see line 2), so it is read as Windows-1252" in " ".join((done.stdout + done.stderr).split())
    assert warned is (form == "Windows-1252")
    state = webui.state()
    assert state["csv-anna@example.org"]["name"] == 'Anna "die Große" Weber'
    assert state["ben@example.org"]["groups"] == ["choir", "staff"]


def test_columns_that_are_not_used_are_told_in_a_warning(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    text = "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Class\n"
    result = succeed("webui_users", by_token(csv_content=text + "Mia,M,mia@example.org,Cell-of-Mia,7a\n"))
    (warning,) = result["warnings"]
    assert "The columns 'Class' in line 1 of csv_content are not used" in str(warning)
    assert webui.users()["mia@example.org"]["name"] == "Mia M"
    hides(result, "Cell-of")


def test_files_that_cannot_be_used_are_told_in_one_sentence(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    files: dict[str, bytes] = {
        "dos.csv": (HEAD + "Jürg;juerg@example.org;Cell-of-Juerg;user;\r\n").encode("cp850"),
        "cut.csv": PEOPLE.encode("utf-16")[:-1],
        "people.xlsx": b"PK\x03\x04 Cell-of-Anna",
        "none.csv": b"Anna,anna@example.org,Cell-of-Anna,user\n",
        "bad.csv": (HEAD + "A;b;Cell-of-A;user;\nC;d@e.f;Cell-of-C;king;\n").encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    words = {
        "absent.csv": "csv is 'absent.csv', but there is no such file on the controller",
        ".": "csv is '.', but there is no such file on the controller",
        "dos.csv": "Line 2 of csv 'dos.csv' is neither UTF-8 nor Windows-1252; save it as UTF-8",
        "cut.csv": "Line 3 of csv 'cut.csv' is not UTF-16; save it as UTF-8",
        "people.xlsx": "csv 'people.xlsx' is a spreadsheet, not a CSV file; save it as UTF-8",
        "none.csv": "There is no column Email in line 1 of none.csv",
        "bad.csv": "Nothing was changed: 2 of 2 users are invalid: line 2 of bad.csv: ",
    }
    tasks = [{**users(by_token(csv=name)), "ignore_errors": True} for name in words]
    both = {**users(by_token(csv="bad.csv", csv_content="Email\n")), "ignore_errors": True}
    done = ansible("ansible-playbook", "-vvv", play(tmp_path, *tasks, both), cwd=tmp_path)
    assert done.stdout.count("...ignoring") == len(words) + 1, done.stdout + done.stderr
    for wanted in (
        *words.values(),
        "csv and csv_content are mutually exclusive",
        "Line 3 of bad.csv: column Role is not one of pending, user, admin",
    ):
        assert wanted in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "Cell-of" not in done.stdout + done.stderr
    assert recorder.requests == []
