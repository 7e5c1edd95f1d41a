"""Accounts that are odd: passwords to verify, other systems' accounts, a second factor, and hostile values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Refused
from recorder import Recorder
from runner import fail, hides, quadruple, run, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Webui

SIGN_IN = "POST /api/v1/auths/signin"
# The server takes 15 sign-ins in 3 minutes of an e-mail, so whoever signs in here is of one test alone.
VERIFY = {"update_password": "verify"}
LONG = 10_000_000


@pytest.mark.parametrize("module", ["webui_user", "webui_users"])
def test_a_password_is_verified_and_written_only_where_it_is_wrong(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], module: str
) -> None:
    email = f"{module}@example.org"
    webui.add_user(email, password="First-1")
    account = {"email": email, "password": "Second-2", **VERIFY}
    said = by_token(**account) if module == "webui_user" else by_token(users=[account])
    runs = quadruple(module, said, recorder, webui.state)
    assert webui.lets_in(email, "Second-2")
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, "Second-2", "eyJ")
    unchanged(module, said, recorder)
    assert len(recorder.seen(SIGN_IN)) == 1


def test_only_those_that_are_there_are_signed_in(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("only-anna@example.org", password="Anna-1", role="pending")
    webui.add_user("only-ben@example.org", password="Ben-1")
    text = "Email,Password\nonly-anna@example.org,Anna-1\nonly-ben@example.org,Ben-2\nonly-clara@example.org,Clara-1\n"
    result = succeed("webui_users", by_token(csv_content=text, **VERIFY))
    assert [(step["action"], step["name"]) for step in result["plan"]] == [
        ("update", "only-ben@example.org"),
        ("create", "only-clara@example.org"),
    ]
    assert len(recorder.seen(SIGN_IN)) == 2
    unchanged("webui_users", by_token(csv_content=text, **VERIFY), recorder)


@pytest.mark.parametrize("field", ["oauth", "scim"])
def test_a_purge_keeps_accounts_of_other_systems_and_names_them(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], field: str
) -> None:
    if field not in {column[1] for column in webui.database("PRAGMA table_info(user)")}:
        pytest.skip(f"accounts of Open WebUI {webui.features.version} have no mark of {field}")
    for name in ("theirs", "ours"):
        webui.add_user(f"{name}@example.org")
    webui.database(
        f"UPDATE user SET {field} = ? WHERE email = ?", json.dumps({"x": {"sub": "1"}}), "theirs@example.org"
    )
    said = by_token(users=[{"email": webui.admin_email}], purge=True)
    runs = quadruple("webui_users", said, recorder, webui.state)
    assert runs.done["kept"] == ["theirs@example.org"]
    assert set(webui.users()) == {webui.admin_email, "theirs@example.org"}
    quadruple("webui_users", {**said, "purge_external": True}, recorder, webui.state)
    assert set(webui.users()) == {webui.admin_email}


def test_a_purge_is_refused_where_ldap_signs_people_in(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org")
    said = by_token(users=[{"email": webui.admin_email}], purge=True)
    webui.call("POST", "auths/admin/config/ldap", {"enable_ldap": True})
    try:
        assert "people sign in to this server by LDAP" in sentence("webui_users", said)
        assert recorder.writes() == []
        quadruple("webui_users", {**said, "purge_external": True}, recorder, webui.state)
    finally:
        webui.call("POST", "auths/admin/config/ldap", {"enable_ldap": False})


SINGLE_SIGN_ON = ["alice@github", "jdoe@corp", "jdoe", "mia@schule", "a b", "p%q_r", "Jürgen"]


def single_sign_on(webui: Webui, *emails: str) -> None:
    """Give accounts the e-mails that a trusted header, LDAP or a claim of an identity provider may bring."""
    for number, email in enumerate(emails):
        webui.add_user(f"sso{number}@example.org")
        webui.database("UPDATE user SET email = ? WHERE email = ?", email.lower(), f"sso{number}@example.org")


@pytest.mark.parametrize("form", ["users", "csv"])
def test_accounts_of_single_sign_on_are_managed_as_others_are(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], form: str
) -> None:
    webui.add_group("staff")
    single_sign_on(webui, *SINGLE_SIGN_ON)
    if form == "users":
        more = {"role": "user", "groups": ["staff"], "name": "N"}
        said = by_token(users=[{"email": email, **more} for email in SINGLE_SIGN_ON])
    else:
        rows = "".join(f"N,{email},user,staff\n" for email in SINGLE_SIGN_ON)
        said = by_token(csv_content="Name,Email,Role,Groups\n" + rows)
    quadruple("webui_users", said, recorder, webui.state)
    state = webui.state()
    assert all(state[email.lower()]["groups"] == ["staff"] for email in SINGLE_SIGN_ON)
    for email in SINGLE_SIGN_ON:
        unchanged("webui_user", by_token(email=email, role="user", groups=["staff"]), recorder)
    quadruple("webui_user", by_token(email="jdoe", role="pending", groups=[]), recorder, webui.state)
    quadruple("webui_group", by_token(name="staff", members=["jdoe", "alice@github"]), recorder, webui.state)
    absent = [{"email": email, "state": "absent"} for email in SINGLE_SIGN_ON]
    quadruple("webui_users", by_token(users=absent), recorder, webui.state)
    assert set(webui.users()) == {webui.admin_email}


def test_the_server_makes_accounts_of_the_emails_that_the_modules_take_and_of_no_others(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    emails = [
        "mia@schule",
        "mia",
        "mia@localhost",
        "mia@x.y",
        "mia@x.y@z",
        "m ia@x.y",
        "mia@",
        "@x.y",
        "mia@.y",
        "ä@ö.de",
    ]
    for email in emails:
        made = succeed_or_not(webui, email)
        result = run("webui_user", by_token(email=email, password="Password-1"))
        assert result.failed is not made, (email, result)
        if result.failed:
            assert "email is not an e-mail address (name@domain.tld or name@localhost)" in result["msg"]
        assert (email in webui.users()) is made


def succeed_or_not(webui: Webui, email: str) -> bool:
    """Tell whether the server itself makes an account of an e-mail, and take it back."""
    try:
        webui.add_user(email)
    except Refused:
        return False
    webui.call("DELETE", f"users/{webui.users()[email]['id']}")
    return True


@pytest.fixture
def second_factor(webui: Webui) -> Iterator[str]:
    """A server that asks everybody for a second factor; the value is the admin's API key."""
    before = webui.settings(ENABLE_API_KEYS=True)
    key = webui.call("POST", "auths/api_key")["api_key"]
    webui.settings(ENABLE_MFA=True)
    webui.token = key
    yield key
    # Without a code nobody can switch it off by the API.
    webui.database("UPDATE config SET value = 'false' WHERE key = 'auth.mfa.enable'")
    webui.token = ""
    webui.token = webui.sign_in(webui.admin_email, webui.admin_password)
    webui.settings(ENABLE_API_KEYS=before["ENABLE_API_KEYS"])


@pytest.mark.feature("second_factor")
def test_under_a_second_factor_accounts_are_made_and_passwords_verified(
    webui: Webui, recorder: Recorder, second_factor: str
) -> None:
    said = {"url": recorder.url, "token": second_factor}
    people = [
        {"email": "mfa-anna@example.org", "password": "Anna-1"},
        {"email": "mfa-ben@example.org", "password": "Ben-1", "role": "pending"},
    ]
    quadruple("webui_users", {**said, "users": people}, recorder, webui.state)
    changed = [people[0], {**people[1], "password": "Ben-2"}]
    runs = quadruple("webui_users", {**said, "users": changed, **VERIFY}, recorder, webui.state)
    assert [step["name"] for step in runs.done["plan"]] == ["mfa-ben@example.org"]
    many = [{"email": f"p{number}@example.org", "password": "x"} for number in range(101)]
    (warning,) = succeed("webui_users", {**said, "users": many}, check=True)["warnings"]
    assert "101 new accounts take about 16 minutes" in str(warning)


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE user;--",
        "a\tb\nc\x1b[31m\x7f",
        "🙂 👩‍👩‍👧 é",
        "\u202e\u05e2\u05d1\u05e8\u05d9\u05ea \u0627\u0644\u0639",
        " blanks ",
        "{{ 7 * 7 }} %s $HOME `id`",
        "n" * LONG,
    ],
    ids=lambda name: name.encode("ascii", "replace")[:12].decode(),
)
def test_a_hostile_name_is_stored_exactly(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], name: str
) -> None:
    webui.add_user("anna@example.org")
    assert succeed("webui_users", by_token(users=[{"email": "anna@example.org", "name": name}]))["changed"]
    assert webui.users()["anna@example.org"]["name"] == name
    unchanged("webui_users", by_token(users=[{"email": "anna@example.org", "name": name}]), recorder)


def test_hostile_emails_are_kept_apart(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    emails = ["a_b@example.org", "a%b@example.org", "axb@example.org", "'or'1'='1@example.org", "<i>@example.org",
              "a\\b@example.org", "a\\_b@example.org", "jürgen@exämple.org", "🙂@example.org"]  # fmt: skip
    quadruple("webui_users", by_token(users=[{"email": e, "password": "x"} for e in emails]), recorder, webui.state)
    assert set(webui.users()) == {webui.admin_email, *emails}
    for email in emails:
        unchanged("webui_user", by_token(email=email, role="user"), recorder)
    quadruple(
        "webui_users", by_token(users=[{"email": e, "state": "absent"} for e in emails[:2]]), recorder, webui.state
    )
    assert set(webui.users()) == {webui.admin_email, *emails[2:]}


def test_hostile_passwords_and_pictures_are_stored_exactly(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    password = "🙂'\"\\\x01%s{{ x }}"
    picture = "data:image/png;base64," + "A" * LONG
    said = by_token(email="odd-anna@example.org", password=password, profile_image_url=picture)
    assert succeed("webui_user", said)["changed"]
    assert webui.users()["odd-anna@example.org"]["profile_image_url"] == picture
    assert webui.lets_in("odd-anna@example.org", password)
    unchanged("webui_user", said, recorder)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "a\0b"}, "name holds a NUL"),
        ({"name": "a\ud800b"}, "name holds a NUL or half of a surrogate pair"),
        ({"password": "secret\0word"}, "password holds a NUL"),
        ({"password": "x" * LONG}, f"password has {LONG} bytes in UTF-8"),
        ({"profile_image_url": "https://example.org/\0"}, "profile_image_url holds a NUL"),
        ({"profile_image_url": "x" * LONG}, "profile_image_url is not an address that the server accepts"),
        ({"email": "a\0b@example.org"}, "email contains an invisible character"),
        ({"email": "a\x1bb@example.org"}, "email contains an invisible character"),
        ({"email": "a\u202eb@example.org"}, "email contains an invisible character"),
        ({"email": "x" * LONG + "@example.org"}, "characters, but mail allows at most 254"),
        ({"email": "x" * LONG}, "email is not an e-mail address"),
        ({"role": "k" * LONG}, "role is "),
        ({"groups": ["g" * LONG]}, "there is no group "),
        ({"groups": ["<b>\n%_'"]}, "there is no group "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_stored_is_refused_by_its_name_before_any_write(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], said: dict[str, Any], words: str
) -> None:
    account = {"email": "anna@example.org", "password": "Password-1", **said}
    result = fail("webui_users", by_token(users=[account]))
    assert words in result["msg"], result["msg"]
    assert "secret\0word" not in result.raw
    assert recorder.writes() == []
    assert set(webui.users()) == {webui.admin_email}
