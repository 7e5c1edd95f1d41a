"""The front, a double of Ollama 0.32.15, answers in the form that was recorded of the real one.

`recorded-0.32.15.jsonl` holds 102 exchanges with a real server. Each is asked again, in order; status, content type,
the keys of each line and the words of each error must be those that were recorded. With BED_OLLAMA_IMAGE the real
server that is given is asked instead.
"""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry, digest
from front import VERSION, Front
from own_server import OwnServer
from testbed import gguf_files, images, tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).with_name(f"recorded-{VERSION}.jsonl")
REGISTRY, MODEL = "172.17.0.1:44097", "library/m:1"
WORDS = b'{"errors":[{"code":"X","message":"words of the registry"}]}'
UNKNOWN_ARCHITECTURE = "sha256:2dc92c61fbca1f49b590b13801f48da490354f05cba7d42a4609e150596b1647"
# Every create and pull of a model comes to an end; what comes before is progress, as much as there was time for.
PROGRESS = re.compile(r"pulling [0-9a-f]{12}")


def exchanges() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def newer(bed: dict[str, Any]) -> Iterator[str]:
    """The URL of an empty server of the newer version, or of one behind the front."""
    own = OwnServer(bed, fronted=False)
    front = Front(own.url, own.name) if images.ALL["ollama"].own else None
    yield front.url if front else own.url
    if front:
        front.close()
    own.remove()


def contents(gguf: bytes, other: bytes) -> dict[str, bytes]:
    """Return what was uploaded, by what the recording says of it."""
    future = gguf_files.written(
        gguf_files.Parts((gguf_files.pair("general.architecture", tiny.STRING, gguf_files.text("future")),), ())
    )
    lora = gguf_files.lora()
    return {
        "upload under a wrong digest": other,
        f"<{len(gguf)} bytes>": gguf,
        f"<{len(gguf) // 2} bytes>": gguf[: len(gguf) // 2],
        "<4288 bytes>": future,
        f"<{len(lora)} bytes>": lora,
        "<1 bytes>": b"{",
        "<0 bytes>": b"",
    }


def asked(url: str, request: dict[str, Any], body: bytes | None) -> tuple[int, str | None, list[Any]]:
    """Ask; return status, content type and lines."""
    built = urllib.request.Request(f"{url}{request['path']}", body, method=request["method"])
    try:
        answer = urllib.request.urlopen(built, timeout=300)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        lines = answer.read().decode().splitlines()
        return answer.status, answer.headers.get("Content-Type"), [decoded(line) for line in lines]


def decoded(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def form(value: Any) -> Any:
    """Return the keys of a value at every depth; of a list those of all its entries, since recorded ones are cut."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items() if key != "model_info"}
    if isinstance(value, list):
        keys = [form(item) for item in value if isinstance(item, dict)]
        return {key: item for found in keys for key, item in found.items()}
    return None


def forms(lines: list[Any]) -> list[Any]:
    """Return the form of each line and the words of its status or error; progress, and what repeats, once."""
    found: list[Any] = []
    for line in lines:
        told = str(line.get("status") or line.get("error") or "") if isinstance(line, dict) else str(line)
        told = re.sub(r"[0-9a-f]{64}", "DIGEST", PROGRESS.sub("pulling", told))
        told = re.sub(r" on [0-9.]+:53:", " on NAMESERVER:", told)
        keys = form(line)
        if told == "pulling":
            # At the start of a file nothing is completed, and a quick server never tells it.
            keys.pop("completed", None)
        if (keys, told) not in found:
            found.append((keys, told))
    return found


def prepare(registry: Registry, what: str) -> None:
    """Have the registry answer as it did when this was recorded."""
    registry.faults.clear()
    refused = re.fullmatch(r"registry answers (\d+) (.+)", what)
    if refused:
        headers = dict(re.findall(r"'([^']+)': '([^']+)'", refused.group(2)))
        registry.faults[MODEL] = Fault(status=int(refused.group(1)), body=WORDS, headers=headers)


def test_every_recorded_exchange_has_the_form_that_was_recorded(
    newer: str, registry: Registry, gguf: Path, other_gguf: Path
) -> None:
    uploads = contents(gguf.read_bytes(), other_gguf.read_bytes())
    registry.publish(MODEL, gguf.read_bytes())
    own = {REGISTRY: registry.host, UNKNOWN_ARCHITECTURE: digest(uploads["<4288 bytes>"])}
    differ = []
    for number, one in enumerate(exchanges(), 1):
        prepare(registry, one["what"])
        request, recorded = one["request"], one["answer"]
        for old, new in own.items():
            request, recorded = (json.loads(json.dumps(value).replace(old, new)) for value in (request, recorded))
        body = request["body"]
        if isinstance(body, str):
            body = uploads.get(one["what"]) or uploads[body]
        elif body is not None:
            body = json.dumps(body).encode()
        told = asked(newer, request, body)
        wanted = (one["status"], one["content_type"], forms(recorded))
        if (told[0], told[1], forms(told[2])) != wanted:
            differ.append(
                f"{number} {one['what']}:\n  recorded {wanted}\n  answered {(told[0], told[1], forms(told[2]))}"
            )
    assert not differ, "\n".join(differ)


def test_files_that_differ_in_padding_are_stored_as_one_and_the_uploads_stay(newer: str, gguf: Path) -> None:
    content, stored = gguf.read_bytes(), set()
    for number in range(2):
        padded = content + bytes(32 * number)
        asked(newer, {"method": "POST", "path": f"/api/blobs/{digest(padded)}"}, padded)
        made = {"model": f"padded{number}", "files": {"m.gguf": digest(padded)}}
        asked(newer, {"method": "POST", "path": "/api/create"}, json.dumps(made).encode())
        shown = asked(newer, {"method": "POST", "path": "/api/show"}, json.dumps({"model": made["model"]}).encode())[2]
        stored |= set(re.findall(r"sha256-[0-9a-f]{64}", shown[0]["modelfile"]))
        assert asked(newer, {"method": "HEAD", "path": f"/api/blobs/{digest(padded)}"}, None)[0] == 200
    assert len(stored) == 1
    assert digest(content).replace(":", "-") not in stored


def test_a_pulled_manifest_keeps_the_digest_of_the_registry(newer: str, registry: Registry, gguf: Path) -> None:
    name = registry.publish("library/kept:1", gguf.read_bytes(), pretty=True)
    pulled = json.dumps({"model": name, "insecure": True}).encode()
    assert asked(newer, {"method": "POST", "path": "/api/pull"}, pulled)[2][-1] == {"status": "success"}
    (models,) = asked(newer, {"method": "GET", "path": "/api/tags"}, None)[2]
    (found,) = [model["digest"] for model in models["models"] if model["name"] == name]
    assert found == digest(registry.manifests["library/kept:1"]).removeprefix("sha256:")
