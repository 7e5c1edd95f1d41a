"""What a person does in the browser, over the same API: sign in, and ask a model."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class ChatError(Exception):
    """One sentence for the person."""


def _send(url: str, body: dict[str, Any] | None, token: str = "") -> dict[str, Any]:
    method = "GET" if body is None else "POST"
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    # A proxy that the machine uses for the world must not see what is asked on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        # The first question loads the model, which may take minutes from a slow disk.
        with opener.open(request, timeout=300) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        words = error.read(500).decode(errors="replace")
        raise ChatError(f"{method} {url} was answered by {error.code}: {words}") from error
    except (OSError, ValueError) as error:
        raise ChatError(f"{method} {url} failed: {error}") from error
    if not isinstance(found, dict):
        raise ChatError(f"{method} {url} was answered by something that is no JSON object.")
    return found


def sign_in(address: str, email: str, password: str) -> str:
    answer = _send(f"{address}/api/v1/auths/signin", {"email": email, "password": password})
    if not answer.get("token"):
        raise ChatError(f"{address} let {email} in without a token; is MFA on?")
    return str(answer["token"])


def find(address: str, token: str, model: str) -> str:
    """The model's id as this account is offered it; the server also knows no model before it was asked for them."""
    offered = [str(one.get("id")) for one in _send(f"{address}/api/models", None, token).get("data", [])]
    for name in (model, f"{model}:latest"):
        if name in offered:
            return name
    raise ChatError(f"{address} does not offer {model} to this account, only: {', '.join(offered) or 'nothing'}.")


def ask(address: str, token: str, model: str, question: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": False}
    answer = _send(f"{address}/api/chat/completions", body, token)
    try:
        return str(answer["choices"][0]["message"]["content"]).strip()
    except (KeyError, IndexError, TypeError) as error:
        raise ChatError(f"{address} answered the question by {str(answer)[:300]}") from error
