"""What a person does in the browser, over the same API: sign in, and ask a model."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class ChatError(Exception):
    """One sentence for the person."""


def _post(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
    # A proxy that the machine uses for the world must not see what is asked on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        # The first question loads the model, which may take minutes from a slow disk.
        with opener.open(request, timeout=300) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        words = error.read(500).decode(errors="replace")
        raise ChatError(f"POST {url} was answered by {error.code}: {words}") from error
    except (OSError, ValueError) as error:
        raise ChatError(f"POST {url} failed: {error}") from error
    if not isinstance(found, dict):
        raise ChatError(f"POST {url} was answered by something that is no JSON object.")
    return found


def sign_in(address: str, email: str, password: str) -> str:
    answer = _post(f"{address}/api/v1/auths/signin", {"email": email, "password": password})
    if not answer.get("token"):
        raise ChatError(f"{address} let {email} in without a token; is MFA on?")
    return str(answer["token"])


def ask(address: str, token: str, model: str, question: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": False}
    answer = _post(f"{address}/api/chat/completions", body, token)
    try:
        return str(answer["choices"][0]["message"]["content"]).strip()
    except (KeyError, IndexError, TypeError) as error:
        raise ChatError(f"{address} answered the question by {str(answer)[:300]}") from error
