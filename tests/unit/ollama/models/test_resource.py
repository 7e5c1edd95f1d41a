"""What waits for what, and what is told of a model that did not come whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Step
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api import client as clients
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api import registry
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.names import ModelName
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models import resource as resources
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.pull import attempt as pulling
from unit.ollama.model_options import desired

URL = "http://o:11434"


class Server:
    """A client that lists one model and fails where it is told to."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures

    def tags(self) -> list[dict[str, Any]]:
        return [{"name": "m:latest", "size": 5000}]

    def pull(self, *unused: Any) -> Any:
        yield {"status": "success"}

    def _may_fail(self, name: str) -> None:
        if name in self.failures:
            raise self.failures[name]

    def show(self, name: str) -> dict[str, Any]:
        self._may_fail("show")
        return {}

    def create(self, request: Any, size: int) -> None:
        self._may_fail("create")

    def delete(self, name: str) -> None:
        pass

    def running(self) -> list[dict[str, Any]]:
        return []


def models(server: Server, *all_desired: Any) -> resources.Models:
    return resources.Models(server, all_desired)  # type: ignore[arg-type]


def step(name: str) -> Step[Any]:
    return Step("create", ModelName.parse(name).key, name, None, {})


def test_a_delete_waits_for_all_that_is_to_be_there() -> None:
    gone = desired("old", state="absent")
    resource = models(Server(), desired("m"), desired("n", base="m"), gone)
    there = {ModelName.parse("m").key, ModelName.parse("n").key}
    for of in (gone, None):
        assert set(resource.needs(Step("delete", "k", "k", {}, None, desired=of))) == there


def test_a_damaged_file_is_told_in_the_words_of_the_server() -> None:
    resource = models(Server(show=HttpFailure("POST", URL, "EOF", 500)), desired("m"))
    with pytest.raises(Failure, match=r"cannot read it \(EOF\): a file of it on the server's disk is damaged"):
        resource.create(step("m"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HttpFailure("POST", URL, "no such type", 400), "could not be created; the server said: no such type."),
        (HttpFailure("POST", URL, "it closed", cut=True), "could not be created: "),
        (Failure("the answer ended early"), "could not be created: the answer ended early."),
    ],
)
def test_only_what_the_server_said_is_called_so(error: Exception, words: str) -> None:
    with pytest.raises(Failure) as told:
        models(Server(create=error), desired("m", base="b"), desired("b")).create(step("m"))
    assert words in str(told.value)
    assert ("the server said" in str(told.value)) is ("said" in words)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ('Get "https://h/v2/mlx-community/m/manifests/1": EOF', "does not hold"),
        ("Get https://h/v2/a/certificate-bot/manifests/1: no such host", "by its name"),
        ('Get "https://h/v2/a/m/manifests/404": connection refused', "nothing answers"),
        ("lookup of h:404 ended: EOF", "does not hold"),
    ],
)
def test_names_in_an_address_mean_nothing(words: str, meaning: str) -> None:
    assert meaning in str(pulling.trouble(words).meaning)


@pytest.mark.parametrize(
    ("status", "passing", "meaning"),
    [(403, False, "refuses pulls (403)"), (405, False, "refuses pulls (405)"), (502, True, "the proxy before Ollama")],
)
def test_a_proxy_is_told_from_the_registry(status: int, passing: bool, meaning: str) -> None:
    found = pulling._http_trouble(HttpFailure("POST", URL, "words", status), 9)
    assert found.passing is passing
    assert meaning in str(found.meaning)


def test_the_way_out_of_tls_trouble_is_one_that_a_registry_has() -> None:
    words = "TLS failed (self-signed); set ca_path to the CA's certificate, or validate_certs: false"
    told = str(registry._unserved(ModelName.parse("h/a/m"), HttpFailure("GET", "https://h/v2", words)))
    assert "say insecure" in told
    assert "self-signed" in told
    assert "ca_path" not in told


def test_insecure_is_never_advised_for_a_registry_of_the_internet() -> None:
    words = "TLS failed (self-signed); set ca_path to the CA's certificate, or validate_certs: false"
    for name in ("llama3", "hf.co/u/r", "huggingface.co/u/r"):
        told = str(registry._unserved(ModelName.parse(name), HttpFailure("GET", "https://h/v2", words)))
        assert "say insecure" not in told
        assert "REQUESTS_CA_BUNDLE" in told


def test_header_values_are_stripped_and_none_is_none() -> None:
    params = {"headers": {"A": "Bearer abcdef\n", "B": None}, "url": URL, "timeout": 1.0}
    hidden: set[str] = set()
    module: Any = SimpleNamespace(
        params={**params, "validate_certs": True, "ca_path": None}, no_log_values=hidden, check_mode=False
    )
    session = clients.connect(module)._session
    assert "Bearer abcdef" in session.headers.values()
    assert "B" not in session.headers
    assert hidden == {"Bearer abcdef", "abcdef"}
