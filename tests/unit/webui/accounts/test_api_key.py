"""What an API key cannot be had for is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.api_key import ApiKey, api_key_wish

PARAMS = {
    "url": "http://127.0.0.1:9",
    "timeout": 1.0,
    "validate_certs": True,
    "ca_path": None,
    "email": "Bot@Example.org ",
    "name": "Bot",
    "role": "admin",
    "password": None,
    "key": None,
    "state": "present",
}


class Client:
    """A server with a second factor, which gives no session of a new account."""

    url = "http://127.0.0.1:9"

    def get_mapping(self, _path: str, _what: str, **_options: Any) -> Any:
        return {"users": [], "total": 0}

    def post(self, path: str, _what: str, json: Any) -> Any:
        assert path == "auths/add"
        assert json["email"] == "bot@example.org"
        assert len(json["password"]) >= 24
        return {"id": "u1", "token": None}


def test_with_a_second_factor_a_new_account_has_no_session() -> None:
    api_key = ApiKey(Client(), PARAMS, read_only=False)  # type: ignore[arg-type]
    wish = api_key_wish(PARAMS)
    assert api_key.read([wish]) == {}
    with pytest.raises(Failure, match="a second factor is switched on; switch that off, run this again"):
        api_key.create(None)  # type: ignore[arg-type]
