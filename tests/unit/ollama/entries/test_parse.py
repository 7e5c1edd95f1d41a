"""From options to a desired object, and what is refused on the way."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.durations import seconds
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import file as gguf
from unit.ollama.model_options import desired, spec

QUANTIZE = ["F16", "f32", "q4_K_M", "Q4_k_m", "q4_k_s", "Q8_0", "q8_0"]
DIGEST = "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"system": "x"}, "has system, but neither base, files nor a modelfile"),
        ({"parameters": {"top_k": 1}}, "has parameters, but neither"),
        ({"parameters": {"top_k": None}}, "has parameters, but neither"),
        ({"messages": HELLO}, "has messages, but neither"),
        ({"license": ""}, "has license, but neither"),
        ({"quantize": "Q8_0"}, "has quantize, but neither"),
        ({"adapters": "/a.gguf"}, "has adapters, but neither"),
        ({"base": "b", "quantize": "q3_X"}, "is 'q3_X'; give one of F16, F32, Q4_K_M, Q4_K_S, Q8_0"),
        ({"base": "b", "quantize": "Q4_0"}, "is 'Q4_0'; give one of"),
        ({"base": "b", "quantize": ""}, "is ''; give one of"),
        ({"source": "b", "system": "x"}, "has system, but neither"),
        ({"base": "b", "adapters": ["/a.gguf", "/b.gguf"]}, "has 2 adapters, and the server takes one"),
        ({"base": "b", "adapters": ["/a/x.gguf", "/b/x.gguf"]}, "have the same name"),
        ({"files": {"a": ""}}, "files of the model m:latest must be the path of a GGUF file"),
        ({"files": ""}, "must be the path of a GGUF file"),
        ({"files": []}, "must be the path of a GGUF file"),
        ({"files": {}}, "must be the path of a GGUF file"),
        ({"files": 3}, "must be the path of a GGUF file"),
        ({"base": "M"}, "made from itself"),
        ({"source": "M:Latest"}, "a copy of itself"),
        ({"base": "b", "state": "latest"}, "is made from base or files, so it cannot be latest"),
        ({"source": "b", "state": "latest"}, "is a copy, so it cannot be latest"),
        ({"digest": DIGEST, "state": "latest"}, "has a digest and the state latest"),
        ({"digest": DIGEST, "base": "b"}, "has a digest, but is not pulled"),
        ({"digest": DIGEST[:11]}, "give the 12 characters"),
        ({"digest": "sha256:xyz"}, "give the 12 characters"),
        ({"mirror": "ftp://h"}, "give a registry as host:port"),
        ({"mirror": "http://h/path"}, "give a registry as host:port"),
        ({"mirror": ""}, "give a registry as host:port"),
        ({"mirror": "h", "source": "b"}, "has a mirror, but is not pulled"),
        ({"mirror": "h", "files": "/x"}, "has a mirror, but is not pulled"),
        ({"keep_alive": "10m"}, "has a keep_alive, but is not to be loaded"),
        ({"keep_alive": "10m", "loaded": False}, "has a keep_alive, but is not to be loaded"),
        ({"keep_alive": "soon", "loaded": True}, "give seconds, a duration"),
        ({"keep_alive": "0", "loaded": True}, "give seconds, a duration"),
        ({"retries": -1}, "-1 retries"),
        ({"stall_timeout": 0.0}, "above 0"),
        ({"base": "b", "messages": [{"role": "tool", "content": "x"}]}, "has the role 'tool'"),
        ({"base": "b", "messages": [{"role": "user", "content": "\n"}]}, "has no content"),
        ({"base": "b", "license": {"a": 1}}, "license of the model m:latest must be a text or a list of texts"),
        ({"base": "b", "license": ["a", 2]}, "must be a text or a list of texts"),
        ({"modelfile": "FROM ./x.gguf\n"}, "a text lies in no folder to begin at"),
        ({"modelfile": "FROM b\nFROM /x.gguf\n"}, "has several FROM"),
        ({"modelfile": "PARAMETER num_ctx 5\n"}, "The modelfile of the model m:latest cannot be read"),
        ({"modelfile": "FROM b\nPARAMETER num_ctx many\n"}, "must be a whole number"),
        ({"modelfile": "FROM b\nDRAFT d\n"}, "has a DRAFT"),
        ({"base": ""}, "The base of the model m:latest is wrong: '' is no name of a model"),
        ({"base": "a b"}, "The base of the model m:latest is wrong"),
        ({"source": ""}, "The source of the model m:latest is wrong"),
        ({"base": "h:99999/ns/x"}, "must be a number from 1 to 65535"),
        ({"base": "h:a:b/ns/x"}, "must be a number from 1 to 65535"),
        ({"mirror": "h:99999"}, "give a registry as host:port"),
        ({"mirror": "a" * 400}, "give a registry as host:port"),
        ({"base": "b", "system": "\ud800"}, "holds half a character"),
        ({"base": "b", "messages": [{"role": "user", "content": "\udfff"}]}, "holds half a character"),
        ({"base": "b", "license": "\ud800"}, "must be a text or a list of texts"),
        ({"base": "b", "parameters": {"stop": "\ud800"}}, "must be a text or a list of texts"),
        ({"base": "b", "parameters": {"num_ctx": 10**30}}, "must be a whole number of 64 bits"),
        ({"base": "b", "parameters": {"num_ctx": "9" * 5000}}, "must be a whole number of 64 bits"),
        ({"base": "b", "parameters": {"seed": 1e300}}, "must be a whole number of 64 bits"),
        ({"files": "/a\0b"}, "must be the path of a GGUF file"),
        ({"files": "/x", "parameters": {"stop": None}}, "has null for stop, which takes away what a base has"),
        ({"stall_timeout": math.nan}, "a number of seconds above 0, a day at most"),
        ({"stall_timeout": math.inf}, "a number of seconds above 0, a day at most"),
        ({"modelfile": ""}, "cannot be read on this host .it is no file"),
        ({"modelfile": "/"}, "cannot be read on this host .it is no file"),
        ({"modelfile": "/a\0b"}, "cannot be read on this host"),
        ({"modelfile": "FROM b\n" + "# \n" * 600_000}, "is larger than 1 MiB"),
        ({"modelfile": "/no/such/file"}, "cannot be read on this host"),
    ],
)
def test_contradictions_are_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        desired(**more)


@pytest.mark.parametrize("given", QUANTIZE)
def test_a_level_of_quantization_is_taken_in_any_case_of_letters(given: str) -> None:
    assert spec(base="b", quantize=given).quantize == given.upper()


def test_an_absent_model_may_keep_the_rest_of_its_entry() -> None:
    assert not desired(state="absent", system="x").present
    assert not desired(
        state="absent", base="b", parameters={"no_such": 1}, files="", mirror="ftp://", digest="x"
    ).present


@given(st.text(max_size=20))
def test_only_line_ends_at_the_end_of_a_text_are_dropped(text: str) -> None:
    taken = spec(base="b", system=text).system
    assert taken is not None
    assert not taken.endswith("\n")
    assert text.startswith(taken)
    assert text[len(taken) :].strip("\n") == ""


@pytest.mark.parametrize(
    ("given", "pin"),
    [
        (DIGEST, DIGEST),
        (f"sha256:{DIGEST}", DIGEST),
        (DIGEST[:12].upper(), DIGEST[:12]),
        (f" {DIGEST[:20]}\n", DIGEST[:20]),
    ],
)
def test_a_pin_is_taken_in_every_form_that_people_see(given: str, pin: str) -> None:
    assert spec(digest=given).digest == pin


@pytest.mark.parametrize(
    ("mirror", "host", "insecure"),
    [
        ("cache:5000", "cache:5000", False),
        ("http://cache:5000", "cache:5000", True),
        ("HTTPS://cache.example.org/", "cache.example.org", False),
    ],
)
def test_a_mirror_stands_for_the_registry_of_the_name(mirror: str, host: str, insecure: bool) -> None:
    found = spec(name="llama3:8b", mirror=mirror)
    assert found.on_mirror(found.name).display == f"{host}/library/llama3:8b"
    assert found.insecure is insecure


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("300", 300),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("500000h", math.inf),
        ("forever", math.inf),
        ("Forever ", math.inf),
        ("-1", math.inf),
        ("-1m", math.inf),
        ("0", 0),
        ("-0", 0),
        ("", None),
        ("m", None),
        ("10 m", None),
        ("10d", None),
        ("--1", None),
    ],
)
def test_durations_are_read_as_the_server_reads_them(text: str, value: float | None) -> None:
    assert seconds(text) == value


MODELFILE = '''# ours
FROM llama3.2:3b
parameter temperature 0.7
PARAMETER stop "<|a|>"
PARAMETER stop <|b|>
SYSTEM """
Be brief.
"""
MESSAGE user Hi
LICENSE MIT
REQUIRES 0.9.0
'''


def test_a_modelfile_says_the_same_as_options() -> None:
    by_file = spec(modelfile=MODELFILE)
    assert by_file.base is not None
    assert by_file.base.display == "llama3.2:3b"
    assert by_file.parameters == {"temperature": 0.7, "stop": ["<|a|>", "<|b|>"]}
    assert by_file.system is not None
    assert by_file.system.strip() == "Be brief."
    assert by_file.messages == ({"role": "user", "content": "Hi"},)
    assert by_file.license == ("MIT",)
    assert by_file.requires == "0.9.0"


def test_a_modelfiles_paths_begin_at_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "Modelfile"
    path.write_text("FROM ./weights.gguf\nADAPTER lora/a.gguf\n", encoding="utf-8")
    found = spec(modelfile=str(path))
    assert found.files == {"weights.gguf": str(tmp_path / "weights.gguf")}
    assert found.adapters == {"a.gguf": str(tmp_path / "lora" / "a.gguf")}


def test_a_modelfile_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "Modelfile"
    path.write_bytes(b"FROM \xff\xfe\xff")
    with pytest.raises(Failure, match=r"cannot be read: .*save it as UTF-8"):
        desired(modelfile=str(path))


def test_a_byte_order_mark_before_a_modelfile_is_none_of_its_text() -> None:
    base = spec(modelfile="\ufeffFROM tiny").base
    assert base is not None
    assert base.display == "tiny:latest"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failure, match="it is no file"):
        desired(modelfile=str(tmp_path / "pipe"))
    with pytest.raises(Failure, match="it is no file"):
        gguf.inspect(str(tmp_path / "pipe"), "m")


def test_nothing_said_and_nothing_wished_are_told_apart() -> None:
    nothing, empty = spec(base="b"), spec(base="b", messages=[], license=[], parameters={"top_k": None}, system="")
    assert (nothing.messages, nothing.license, nothing.system, nothing.dropped) == (None, None, None, frozenset())
    assert (empty.messages, empty.license, empty.system, empty.dropped) == ((), (), "", frozenset({"top_k"}))
