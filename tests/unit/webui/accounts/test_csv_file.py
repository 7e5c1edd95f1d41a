# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts from a CSV text: every form of it, and every row that is wrong by its line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from doubles.webui_call import KEY
from doubles.webui_http import HttpWebui, MakeClient
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.csv_file import csv_entries
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource import Users
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import (
    UserSpec,
    desired_users,
    listed_entries,
)

ROOT = Path(__file__).resolve().parents[4]
HEAD = "Name,Email,Password,Role,Groups\n"
MOST_BYTES = 150_000_000


def all_desired(text: str) -> dict[str, dict[str, Any]]:
    """Return the options of each account by e-mail address."""
    found = {}
    for desired in desired_users(csv_entries(text, "people.csv")):
        found[desired.name] = options_of(desired)
    return found


def options_of(desired: Desired[UserSpec]) -> dict[str, Any]:
    """Return the options that a row sets, with the password in clear text."""
    spec = desired.spec
    password = None if spec.password is None else spec.password.reveal()
    options = {name: getattr(spec, name) for name in ("name", "role", "groups", "profile_image_url")}
    return {name: value for name, value in {**options, "password": password}.items() if value is not None}


def problems(text: str) -> list[str]:
    with pytest.raises(Failure) as caught:
        desired_users(csv_entries(text, "people.csv"))
    return list(caught.value.details["problems"])


ANNA = {"name": "Anna Weber", "password": "Secret-1", "role": "user", "groups": ["7a", "choir"]}


@pytest.mark.parametrize(
    "text",
    [
        "Name,Email,Password,Role,Groups\nAnna Weber,Anna@example.org,Secret-1,user,choir;7a\n",
        'Name;Email;Password;Role;Groups\r\nAnna Weber;Anna@example.org;Secret-1;User;"7a;choir"\r\n',
        "\ufeffName,Email,Password,Role,Groups\nAnna Weber,Anna@example.org,Secret-1,user,7a ; choir ;\n",
        " GROUPS , role,PASSWORD,email,name\n7a;choir,USER,Secret-1,Anna@example.org,Anna Weber",
        '"Name","Email","Password","Role","Groups"\n"Anna Weber","Anna@example.org","Secret-1","user","7a;choir"\n',
        "\n\nName,Email,Password,Role,Groups\n\n,,,,\nAnna Weber,Anna@example.org,Secret-1,user,7a;choir\n\n",
        "Name,Email,Password,Role,Groups,,\nAnna Weber,Anna@example.org,Secret-1,user,7a;choir,,\n",
        "Name,Email,Password,Role,Groups\rAnna Weber,Anna@example.org,Secret-1,user,7a;choir\r",
        "Name\tEmail\tPassword\tRole\tGroups\nAnna Weber\tAnna@example.org\tSecret-1\tuser\t7a;choir\n",
        "Name|Email|Password|Role|Groups\nAnna Weber|Anna@example.org|Secret-1|USER|7a;choir\n",
        'sep=;\r\nName;Email;Password;Role;Groups\r\nAnna Weber;Anna@example.org;Secret-1;User;"7a;choir"\r\n',
        '\ufeff"sep=,",,\r\nName,Email,Password,Role,Groups\r\nAnna Weber,Anna@example.org,Secret-1,user,7a;choir\r\n',
        "SEP=:\nName:Email:Password:Role:Groups\nAnna Weber:Anna@example.org:Secret-1:user:7a;choir",
        ' "Name" , "Email","Password", "Role","Groups" \n "Anna Weber" , Anna@example.org,"Secret-1",user,"7a;choir"\n',
        "Name,Email,Password,Role,Groups,,,\nAnna Weber,Anna@example.org,Secret-1,USER,7a;choir,,,\n,,,,,,,\n\n ,\t,\n",
        "Name,Email,Password,Role,Groups\nAnna Weber,Anna@example.org,Secret-1,user,7a;choir,,,\n,\n",
        'Class list;;;;\n;;;;\nName;Email;Password;Role;Groups\nAnna Weber;Anna@example.org;Secret-1;user;"7a;choir"\n',
        'Vorname;Nachname;E-Mail-Adresse;Kennwort;Rolle;Gruppen\nAnna;Weber;Anna@example.org;Secret-1;user;"choir;7a"',
        'Name;Vorname;E-Mail;Passwort;Rolle;Gruppe\nWeber;Anna;Anna@example.org;Secret-1;user;"choir;7a"',
        'Nom;Prénom;Courriel;Mot de passe;Rôle;Groupes\nWeber;Anna;Anna@example.org;Secret-1;user;"choir;7a"',
        "Nombre,Apellidos,Correo electrónico,Contraseña,Rol,Grupos\nAnna,Weber,Anna@example.org,Secret-1,user,choir;7a",
        'Imię;Nazwisko;Adres e-mail;Hasło;Rola;Grupy\nAnna;Weber;Anna@example.org;Secret-1;user;"choir;7a"',
    ],
)
def test_every_form_of_a_file_says_the_same(text: str) -> None:
    assert all_desired(text) == {"anna@example.org": ANNA}


# What other systems export, and which of its columns are not used.
EXPORTS = {
    "Google Workspace": (
        (
            "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
            "Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],Recovery Email"
        ),
        "Mia,M,mia@example.org,pw-12345,,/pupils,parents@example.org",
        {"name": "Mia M", "password": "pw-12345"},
        ["Password Hash Function [UPLOAD ONLY]", "Org Unit Path [Required]", "Recovery Email"],
    ),
    "Microsoft 365": (
        "Block credential,Display name,First name,Last name,User principal name",
        "False,Mia M,Mia,M,mia@example.org",
        {"name": "Mia M"},
        ["Block credential"],
    ),
    "Entra ID, bulk create": (
        (
            "version:v1.0,,,,\nName [displayName] Required,User name [userPrincipalName] Required,"
            "Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,"
            "First name [givenName]"
        ),
        "Mia M,mia@example.org,pw-12345,No,Mia",
        {"name": "Mia M", "password": "pw-12345"},
        ["Block sign in (Yes/No) [accountEnabled] Required"],
    ),
    "Entra ID, download": (
        "userPrincipalName,displayName,surname,mail,givenName,id,userType",
        "m.m@intern.example.org,Mia M,M,mia@example.org,Mia,7,Member",
        {"name": "Mia M"},
        ["userPrincipalName", "id", "userType"],
    ),
    "Active Directory": (
        (
            '#TYPE Selected.Microsoft.ActiveDirectory.Management.ADUser\n"GivenName","Name","SamAccountName","Surname",'
            '"UserPrincipalName"'
        ),
        '"Mia","Mia M","mia","M","mia@example.org"',
        {"name": "Mia M"},
        ["SamAccountName"],
    ),
    "Moodle": (
        "username,password,firstname,lastname,email,cohort1",
        "mia,pw-12345,Mia,M,mia@example.org,7a",
        {"name": "Mia M", "password": "pw-12345"},
        ["username", "cohort1"],
    ),
    "Canvas": (
        "user_id,login_id,password,first_name,last_name,full_name,email,status",
        "7,mia,pw-12345,Mia,M,Mia M,mia@example.org,active",
        {"name": "Mia M", "password": "pw-12345"},
        ["user_id", "login_id", "status"],
    ),
    "Thunderbird": (
        "Vorname,Nachname,Anzeigename,Spitzname,Primäre E-Mail-Adresse,Sekundäre E-Mail-Adresse",
        "Mia,M,,,mia@example.org,",
        {"name": "Mia M"},
        ["Spitzname", "Sekundäre E-Mail-Adresse"],
    ),
    "a school's list": ("Nachname;Vorname;Klasse;E-Mail", "M;Mia;7a;mia@example.org", {"name": "Mia M"}, ["Klasse"]),
}


@pytest.mark.parametrize("system", EXPORTS)
def test_lists_of_other_systems_are_taken_and_unused_columns_told_in_one_warning(system: str) -> None:
    header, row, said, unused = EXPORTS[system]
    warned: list[str] = []
    (desired,) = desired_users(csv_entries(f"\ufeff{header}\r\n{row}\r\n", "people.csv", warned.append))
    assert desired.name == "mia@example.org"
    assert options_of(desired) == said
    (warning,) = warned
    assert warning.startswith(f"The columns {', '.join(map(repr, unused))} in line ")
    assert "mia" not in warning.replace("mia@example.org", "").lower().replace(header.lower(), "")


def test_a_list_whose_columns_are_all_used_is_taken_without_a_warning() -> None:
    warned: list[str] = []
    csv_entries(HEAD + "Anna,anna@example.org,,,\n", "people.csv", warned.append)
    assert warned == []


def test_an_empty_cell_says_nothing() -> None:
    assert all_desired(HEAD + ",anna@example.org,,,\n") == {"anna@example.org": {}}
    assert all_desired("Email\nanna@example.org\n") == {"anna@example.org": {}}


def test_a_semicolon_alone_is_no_group() -> None:
    assert all_desired(HEAD + ",anna@example.org,,,;\n") == {"anna@example.org": {"groups": []}}


def test_quotes_separators_and_line_ends_within_a_cell_are_kept() -> None:
    text = HEAD + '"Weber, ""Anna""\nMaria",anna@example.org,"a,b;""c",user,\n,ben@example.org,,,\n'
    assert all_desired(text)["anna@example.org"] == {
        "name": 'Weber, "Anna"\nMaria',
        "password": 'a,b;"c',
        "role": "user",
    }
    assert problems(text + "\nX,x@example.org,,king,\n") == [
        "Line 6 of people.csv: column Role is not one of pending, user, admin."
    ]


@given(
    name=st.text(min_size=1).map(lambda text: f"n{text}n"),
    password=st.text(max_size=10).map(lambda text: f"p{text}p"),
    separator=st.sampled_from(",;\t|"),
)
def test_what_a_csv_writer_writes_is_read_as_it_was(name: str, password: str, separator: str) -> None:
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name + password):
        return
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator)
    writer.writerows([["Name", "Email", "Password"], [name, "a@b.c", password]])
    assert all_desired(file.getvalue()) == {"a@b.c": {"name": name, "password": password}}


def test_every_bad_row_is_named_with_its_line_and_column_at_once() -> None:
    text = (
        "Name,E-Mail,Password,Rolle,Groups\n"
        "Anna,anna@example.org,Secret-1,user,\n"
        "Ben,ben,Secret-2,king,\n"
        "Weber, Clara,clara@example.org,Secret-3,user,\n"
        '"Dora"x,dora@example.org,Secret-4,user,\n'
        "Emil,ANNA@example.org,Secret-5,user,\n"
        "Fritz,fritz@example.org, Secret-6,user,\n"
        "Greta\n"
        f"Hugo,hugo@example.org,{'Secret-7' * 10},user,\n"
        "Ida,i\u202eda@example.org,Secret-8,user,\n"
        "Jo,,Secret-9,user,\n"
        "Kim,kim@example.org,****,user,\n"
        '"Kai,kai@example.org,Secret-10,user,\nLea,lea@example.org,Secret-11,user,\n'
    )
    found = problems(text)
    assert [int(problem.split()[1]) for problem in found] == [3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert all(problem.startswith("Line ") and " of people.csv: " in problem for problem in found)
    for words, problem in zip(
        ("column Rolle is not one of", "column E-Mail is not an e-mail address", "it has 6 cells",
         "quotes do not match", "listed twice (line 2 of people.csv", "column Password begins or ends with a blank",
         "it has 1 cells", "column Password has 80 bytes", "column E-Mail contains an invisible character",
         "column E-Mail is empty", "column Password has only stars", "quotes do not match"), found, strict=True,
    ):  # fmt: skip
        assert words in problem
    assert "Secret" not in repr(found)


def test_a_short_row_says_nothing_of_the_columns_that_it_lacks() -> None:
    text = "Name,Email,Password,Role,Groups\nGreta,greta@example.org\n,hugo@example.org,pw\n"
    assert all_desired(text) == {"greta@example.org": {"name": "Greta"}, "hugo@example.org": {"password": "pw"}}


def test_what_only_the_server_knows_is_told_by_line_and_column_too(server: HttpWebui, client: MakeClient) -> None:
    text = 'sep=;\nVorname;Nachname;E-Mail;Passwort;Gruppen\n"Mia\nAnna";M;mia@schule;pw-1;\nBen;B;ben@example.org;;x\n'
    params = {"url": server.url, "timeout": 10.0, "validate_certs": True, "ca_path": None}
    all_desired = desired_users(csv_entries(text, "people.csv"))
    with pytest.raises(Failure) as caught:
        converge(Users(client(), params, listed=True), all_desired, check_mode=False)
    assert caught.value.details["problems"] == [
        (
            "Line 3 of people.csv: column E-Mail is not an e-mail address (name@domain.tld or name@localhost), which a "
            "new account needs."
        ),
        "Line 5 of people.csv: column Gruppen: there is no group 'x' on the server (there are: none); create it first.",
        "Line 5 of people.csv: column Passwort: the account does not exist yet, and a new account needs a password.",
    ]
    assert server.writes() == []


def test_the_message_is_short_and_the_problems_are_all() -> None:
    text = HEAD + "".join(f"P{number},p{number}@b.c,Secret-{number},king,\n" for number in range(5000))
    with pytest.raises(Failure) as caught:
        desired_users(csv_entries(text, "people.csv"))
    assert len(caught.value.message) < 1000
    assert "5000 of 5000 users" in caught.value.message
    assert "more (see problems)." in caught.value.message
    assert caught.value.details["problems"][-1].startswith("Line 5001 of people.csv: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no column Email in line 1 of people.csv; begin the file with a first line with the columns"),
        ("\n\n", "There is no column Email"),
        ("Anna,anna@example.org,Secret-1,user\n", "There is no column Email in line 1 of people.csv"),
        ("Name^Email\nAnna^anna@example.org\n", "There is no column Email"),
        ("sep=;\nName,Email\n", "There is no column Email in line 2 of people.csv"),
        ("Name,Address,Password\n", "There is no column Email"),
        ("Name,Email,Pasword,Class\n", "The column 'Pasword' in line 1 of people.csv looks like Password"),
        ("Name,Email,Password,Roles\n", "The column 'Roles' in line 1 of people.csv looks like Role"),
        ("Email,EMAIL,Name\n", "The columns 'Email' and 'EMAIL' in line 1 of people.csv both stand for email"),
        ("Name,Email,Name\n", "The columns 'Name' and 'Name' in line 1 of people.csv both stand for name"),
    ],
)
def test_a_header_that_does_not_tell_is_an_error(text: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        csv_entries(text, "people.csv")
    assert words in caught.value.message
    assert "Secret" not in caught.value.message


def test_a_file_without_accounts_is_an_empty_list() -> None:
    assert csv_entries(HEAD, "people.csv") == []


def test_an_account_in_both_lists_is_an_error() -> None:
    listed = {**dict.fromkeys(("name", "password", "role", "groups", "profile_image_url", "update_password"))}
    entries = listed_entries([{**listed, "email": "a@b.c", "state": "absent"}])
    with pytest.raises(Failure) as caught:
        desired_users(entries + csv_entries("Email\nA@b.c\n", "people.csv"))
    assert caught.value.details["problems"] == [
        "Line 2 of people.csv: it is listed twice (entry 1 is the same account)."
    ]


# The system's own figure would count what the parent had when it began.
MEASURED = """
import atexit, re, runpy, sys
atexit.register(lambda: print(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
runpy.run_module("ansible_collections.selfhosted.llm.plugins.modules.webui_users", run_name="__main__")
"""


def module(server: HttpWebui, **said: Any) -> tuple[Any, int]:
    """Run the module in a process of its own; return its result and the most memory it had, in bytes."""
    arguments = {"url": server.url, "token": KEY, "_ansible_check_mode": True, **said}
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".cache" / "collections")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    output, peak = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    return json.loads(output), int(peak.split()[-1]) * 1024


def test_ten_thousand_rows_take_150_mb_and_are_judged_before_any_call(server: HttpWebui) -> None:
    rows = [f"Name of {n},user{n}@example.org,Password-of-{n},user,\n" for n in range(10_000)]
    result, most = module(server, csv="files/people.csv", csv_content=HEAD + "".join(rows))
    assert len(result["plan"]) == 10_000
    assert most <= MOST_BYTES
    assert "Password-of-" not in repr(result)
    server.forget()
    rows[::100] = [f"Nobody,nobody{n}@example.org,Password-of-nobody,king,\n" for n in range(100)]
    result, most = module(server, csv="files/people.csv", csv_content=HEAD + "".join(rows))
    assert [problem.split(":")[0] for problem in result["problems"]] == [
        f"Line {n + 2} of people.csv" for n in range(0, 10_000, 100)
    ]
    assert server.requests == []
    assert most <= MOST_BYTES
    assert "Password-of-" not in repr(result)


def test_a_path_alone_was_not_read(server: HttpWebui) -> None:
    result, _most = module(server, csv="people.csv")
    assert result["msg"].startswith("csv was not read on the controller")
