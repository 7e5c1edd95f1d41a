"""What an API key cannot be had for is told."""

from __future__ import annotations

import pytest
from doubles.webui import Webui

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.api_key import ApiKey, desired_api_key

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


def test_with_a_second_factor_a_new_account_has_no_session() -> None:
    server = Webui(url=str(PARAMS["url"]), second_factor=True)
    api_key = ApiKey(server.client(), PARAMS, read_only=False)
    desired = desired_api_key(PARAMS)
    assert api_key.gather([desired]) == {}
    with pytest.raises(Failure, match="a second factor is switched on; switch that off, run the task again"):
        api_key.create(None)  # type: ignore[arg-type] # it needs no step
    assert server.writes() == ["POST auths/add"]
    assert server.sent("POST auths/add")["email"] == "bot@example.org"
    assert len(server.sent("POST auths/add")["password"]) >= 24
