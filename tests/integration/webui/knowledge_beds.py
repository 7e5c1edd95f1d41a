"""What the knowledge tests prepare, and what they look at."""

from __future__ import annotations

import hashlib
import json
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

from conftest import Refused

if TYPE_CHECKING:
    from pathlib import Path

SEARCH = "files/search?filename=*&content=false&limit=1000"


def write(src: Path, **files: str) -> None:
    """Write files; two underscores in a name stand for a slash, one for a dot."""
    for name, text in files.items():
        file = src / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def tree(src: Path) -> dict[str, str]:
    """Return what lies in a directory, by path."""
    files = [file for file in src.rglob("*") if file.is_file()]
    return {str(file.relative_to(src)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def bases(webui: Any, name: str = "Rules") -> list[dict[str, Any]]:
    return [row for row in webui.call("GET", "knowledge/search")["items"] if row["name"] == name]


def records(webui: Any, name: str = "Rules") -> dict[str, dict[str, Any]]:
    """Return the files of the only base of a name, by path; none of them twice."""
    found = bases(webui, name)
    if not found:
        return {}
    (base,) = found
    files = f"knowledge/{base['id']}/files?limit=1000"
    rows = webui.call("GET", files)["items"]
    if webui.features.knowledge_folders and any("directory_path" not in row for row in rows):
        # 0.10 tells only which files lie in a folder that one asks for.
        folders = webui.call("POST", f"knowledge/{base['id']}/sync/diff", {"manifest": []})["directory_map"]
        listed = {
            path: webui.call("GET", f"{files}&directory_id={folder}")["items"] for path, folder in folders.items()
        }
        paths = {row["id"]: path for path, inside in listed.items() for row in inside}
        rows = [{**row, "directory_path": paths.get(row["id"])} for row in rows]
    by_path = {place(webui, row): row for row in rows}
    assert len(by_path) == len(rows), "a file is doubled"
    return by_path


def place(webui: Any, row: dict[str, Any]) -> str:
    """Return a file's path in the base; where there are no folders its name tells it."""
    if not webui.features.knowledge_folders:
        return str(row["filename"]).replace("__", "/")
    return "/".join(filter(None, (row.get("directory_path"), row["filename"])))


def contents(webui: Any, name: str = "Rules") -> dict[str, str]:
    """Return the hash of each file, or of its text where the server has no other; of a text file they are the same."""
    return {path: row["meta"].get("file_hash") or row["hash"] for path, row in records(webui, name).items()}


def stored(webui: Any) -> list[dict[str, Any]]:
    """Return every file that the server has."""
    try:
        return list(webui.call("GET", SEARCH))
    except Refused:
        # The server calls it an error where there is none.
        return []


def by_hand(webui: Any, base: str, name: str, text: str, mark: dict[str, str] | None = None) -> str:
    """Put a file into a base as a person does on the page, and return its id. With a mark it stays outside."""
    edge = uuid.uuid4().hex
    metadata = mark or {"knowledge_id": base}
    parts = (
        f'--{edge}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{json.dumps(metadata)}\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: text/plain\r\n\r\n{text}\r\n--{edge}--\r\n"
    )
    request = urllib.request.Request(
        f"{webui.url}/api/v1/files/?process_in_background=false",
        data=parts.encode(),
        headers={
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Authorization": f"Bearer {webui.token}",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        file_id = str(json.load(answer)["id"])
    if not webui.features.knowledge_folders and not mark:
        webui.call("POST", f"knowledge/{base}/file/add", {"file_id": file_id})
    return file_id


def clear(webui: Any) -> None:
    """Remove all bases and files."""
    while rows := webui.call("GET", "knowledge/search")["items"]:
        for row in rows:
            webui.call("DELETE", f"knowledge/{row['id']}/delete")
    for row in stored(webui):
        webui.call("DELETE", f"files/{row['id']}")
