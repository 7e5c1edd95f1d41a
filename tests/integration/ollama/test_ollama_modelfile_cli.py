"""Modelfiles as the real CLI reads them, and models as the real server prints them."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, succeed

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api import modelfile, parameters
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.modelfile import Modelfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

# What the CLI warns of and drops, and what it refuses, which is dropped here as well.
DEPRECATED = ("mirostat 2", "mirostat_tau 5.0", "mirostat_eta 0.1", "penalize_newline false", "low_vram true")
MORE_DEPRECATED = ("f16_kv true", "logits_all true", "vocab_only true", "use_mlock true")
UNKNOWN_TO_THE_CLI = ("tfs_z 1", "num_gqa 8", "numa true", "rope_frequency_base 1e6")
FUZZED, SEED = 150, 20261125
# What the server says for a model without a template of its own.
NO_TEMPLATE = "{{ .Prompt }}"

# One shell for all of them: starting one costs as much as a create.
CREATE_ALL = """
set -e
rm -rf /tmp/modelfiles && mkdir /tmp/modelfiles && cd /tmp/modelfiles && tar -xf -
for name in m*; do
    if ollama create "$name" -f "$name" >/dev/null 2>&1; then echo "$name made"; else echo "$name refused"; fi
done
"""

ODD = {
    "any case, comments, blank lines": "# FROM x\n\n  from tiny\nSyStEm one\n\t# two\nsystem three # four\n",
    "no line end at the end": "FROM tiny\nSYSTEM one",
    "carriage returns": 'FROM tiny\r\n# c\r\nSYSTEM """\r\none\r\ntwo """\r\nPARAMETER stop a\r\nTEMPLATE b\r\n',
    "carriage returns alone": 'FROM tiny\rSYSTEM "one\rtwo"\r# c\rPARAMETER top_k 5\r',
    "byte order mark": "\ufeff# c\nFROM tiny\nSYSTEM one\n",
    "byte order mark before the command, twice": "\ufeff\ufeffFROM tiny\n",
    "blanks and tabs": "\tFROM\t tiny \t\n SYSTEM \t one  two \t\nMESSAGE user \t three \nPARAMETER\ttop_k\t\t5\n",
    "a block keeps its line ends": 'FROM tiny\nSYSTEM """\n  one \n\n\ttwo\t\n"""\n',
    "a block keeps the blanks after its opening": 'FROM tiny\nSYSTEM """ \t\none"""  \t\n',
    "a block with quotes inside": ('FROM tiny\nSYSTEM """one """two""" three "four"\ntwo"""\nTEMPLATE """"a" ""b"""\n'),
    "a block goes on past text after a closing": 'FROM tiny\nSYSTEM """one""" # two\nPARAMETER top_k 5\n"""\n',
    "an empty block": 'FROM tiny\nSYSTEM """"""\nTEMPLATE ""\nLICENSE """\n"""\n',
    "four and five quotes": 'FROM tiny\nSYSTEM """"\n"""\nTEMPLATE """""\n"""\nLICENSE """""""\n',
    "quotes over lines": 'FROM tiny\nSYSTEM "one "two\n three" four\n\n"\nTEMPLATE " a "\n',
    "quotes within": 'FROM tiny\nSYSTEM one "two" \'three\'\nTEMPLATE "a" "b"\nMESSAGE user \'four\'\n',
    "no escapes": 'FROM tiny\nSYSTEM one\\ntwo\nPARAMETER stop "\\n"\nPARAMETER stop \\"\n',
    "comments in texts": 'FROM tiny\nSYSTEM """\n# one\n"""\nTEMPLATE # two\n',
    "the last text counts": "FROM tiny\nSYSTEM one\nTEMPLATE a\nSYSTEM two\nTEMPLATE b\n",
    "stops are collected": (
        'FROM tiny\nPARAMETER stop "<|eot|>"\nPARAMETER top_k 5\nPARAMETER stop  b c \nPARAMETER stop <|eot|>\n'
    ),
    "the last number counts": "FROM tiny\nPARAMETER top_k 5\nPARAMETER top_k 6\n",
    "all kinds of parameters": (
        'FROM tiny\nPARAMETER num_ctx "4096"\nPARAMETER temperature 0.7\nPARAMETER top_p 1e-1\nPARAMETER seed -1\n'
        "PARAMETER use_mmap true\nPARAMETER num_predict +5\nPARAMETER min_p .05\nPARAMETER num_batch 1000000\n"
    ),
    "licences": 'FROM tiny\nLICENSE one\nLICENSE """\ntwo "three"\n"""\nlicense\t"four "\n',
    "messages": (
        'FROM tiny\nMESSAGE system one: two\nmessage user """\nthree\n"""\nMESSAGE assistant "four"\nMESSAGE user \n'
    ),
    "what is not printable is dropped": (
        "FROM tiny\nSYSTEM a\u200db\u00a0c\u00add\x07e\u3000f\x0bg\u2028h\u0085i\n"
        "TEMPLATE \U0001f469\u200d\U0001f680e\u0301\u00fc\ufffd\n"
    ),
    "the last name counts": "FROM other\nFROM tiny\n",
    "an empty stop": 'FROM tiny\nPARAMETER stop ""\n',
    "texts with a comment behind them": "FROM tiny\nSYSTEM one # two\nPARAMETER stop a # b\nLICENSE c # d\n",
    "a licence with quotes": 'FROM tiny\nLICENSE """A licence\nwith "quotes" in it\n"""\n',
    "a text that is a quote": 'FROM tiny\nSYSTEM """"one""""\nTEMPLATE """""""\nPARAMETER stop """""""\nLICENSE a\n',
}

BAD = {
    "nothing": "",
    "no FROM": "SYSTEM one\n",
    "FROM without a blank": "FROM",
    "FROM without a value": "FROM\nSYSTEM one\n",
    "an unknown command": "FROM tiny\nSYTEM one\n",
    "a command with a colon": "FROM: tiny\n",
    "a command that ends in its line": 'FROM tiny\nSYSTEM\n"""one"""\n',
    "a text after its block": 'FROM tiny\nSYSTEM """\none\n""" two\n',
    "a block without an end": 'FROM tiny\nSYSTEM """\none\n',
    "a quote without an end": 'FROM tiny\nSYSTEM "one\n',
    "a lone quote": 'FROM tiny\nSYSTEM "',
    "lines without a block": "FROM tiny\nSYSTEM one\ntwo three\n",
    "a role in capitals": "FROM tiny\nMESSAGE User one\n",
    "an unknown role": "FROM tiny\nMESSAGE tool one\n",
    "two blanks before the role": "FROM tiny\nMESSAGE  user one\n",
    "a message of a role alone": "FROM tiny\nMESSAGE user\n",
    "two blanks before the parameter": "FROM tiny\nPARAMETER  top_k 5\n",
    "a parameter without a value": "FROM tiny\nPARAMETER top_k\nSYSTEM one\n",
    "a parameter with a dash": "FROM tiny\nPARAMETER top-k 5\n",
    "a number with a comment behind it": "FROM tiny\nPARAMETER temperature 0.0        # creativity\n",
    "a truth with a comment behind it": "FROM tiny\nPARAMETER use_mmap true # fast\n",
    "a name with a comment behind it": "FROM tiny # small\n",
    "quotes with a comment behind them": 'FROM tiny\nPARAMETER stop "a" # b\n',
    "a comment that begins with something unseen": "FROM tiny\n\u200b# one\n",
}


def create(container: str, texts: dict[str, bytes], files: dict[str, bytes] | None = None) -> dict[str, bool]:
    """Give Modelfiles to the CLI and tell for each name whether it made a model."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in {**texts, **(files or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    command = ["docker", "exec", "--interactive", container, "sh", "-c", CREATE_ALL]
    done = subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True)
    answers = dict(line.split() for line in done.stdout.decode().splitlines())
    assert answers.keys() == texts.keys()
    return {name: answer == "made" for name, answer in answers.items()}


def content(read: Modelfile) -> dict[str, Any]:
    """Return what a model made by this has of its own, with the numbers as texts."""
    return {
        "system": read.system or "",
        "template": read.template or NO_TEMPLATE,
        "license": "\n".join(read.license),
        "messages": [dict(message) for message in read.messages],
        "parameters": typed(read.parameters),
    }


def typed(given: Any) -> dict[str, Any]:
    # Empty stops are no desired object that the modules take, so they go past the check.
    checked = parameters.checked("m", {name: value for name, value in given.items() if name != "stop"})
    return {**checked, **{name: value for name, value in given.items() if name == "stop"}}


def served(show: dict[str, Any]) -> dict[str, Any]:
    """Return the same as the fields of `/api/show` tell it."""
    return {
        "system": show.get("system", ""),
        "template": show["template"],
        "license": show.get("license", ""),
        "messages": show.get("messages", []),
        "parameters": parameters.parse(show.get("parameters", "")),
    }


def read_or_none(text: str) -> Modelfile | None:
    try:
        return modelfile.parse(text)
    except Failure:
        return None


@pytest.fixture
def container(bed: dict[str, Any], server: Ollama, gguf: Path) -> str:
    """The container with the CLI, whose server has the model `tiny`."""
    server.make("tiny", gguf)
    name: str = bed["containers"]["ollama"]
    return name


def test_odd_modelfiles_are_read_as_the_cli_reads_them(container: str, server: Ollama) -> None:
    names = {f"m{index:02}": text for index, text in enumerate(ODD.values())}
    answers = create(container, {name: text.encode() for name, text in names.items()})
    assert all(answers.values()), [title for title, made in zip(ODD, answers.values(), strict=True) if not made]
    weights = modelfile.shown(server.show("tiny")["modelfile"]).from_
    for (name, text), title in zip(names.items(), ODD, strict=True):
        show = server.show(name)
        read, printed = modelfile.parse(text), modelfile.shown(show["modelfile"])
        assert content(read) == served(show), title
        assert content(printed) == served(show), title
        assert printed.from_ == weights, title
        assert printed.license == read.license, title


def test_what_the_cli_refuses_is_refused(container: str) -> None:
    names = {f"m{index:02}": text for index, text in enumerate(BAD.values())}
    answers = create(container, {name: text.encode() for name, text in names.items()})
    for (name, text), title in zip(names.items(), BAD, strict=True):
        assert not answers[name], title
        assert read_or_none(text) is None, title


def test_parameters_that_the_cli_drops_are_dropped(container: str, server: Ollama, args: Args) -> None:
    head, one = "FROM tiny\nPARAMETER temperature 0.7\n", 'PARAMETER stop "User:"\n'
    dropped = "".join(f"PARAMETER {line}\n" for line in (*DEPRECATED, *MORE_DEPRECATED))
    assert create(container, {"m": f"{head}{dropped}{one}".encode()}) == {"m": True}
    made = server.show("m")
    assert parameters.parse(made["parameters"]) == {"temperature": 0.7, "stop": ["User:"]}
    for lines in (dropped, "".join(f"PARAMETER {line}\n" for line in UNKNOWN_TO_THE_CLI)):
        result = succeed("ollama_model", args(name="m", modelfile=f"{head}{lines}{one}"))
        assert not result["changed"]
        assert len(result["warnings"]) == lines.count("\n")
        assert all("has ignored since 0." in str(warning) for warning in result["warnings"])


def test_an_empty_stop_takes_away_the_stops_of_the_base(
    container: str, server: Ollama, recorder: Recorder, args: Args
) -> None:
    server.derive("stopped", "tiny", parameters={"stop": ["User:"], "top_k": 5})
    results = quadruple("ollama_model", args(name="m", modelfile='FROM stopped\nPARAMETER stop ""\n'), recorder)
    assert "has an empty stop" in str(results.done["warnings"])
    assert parameters.parse(server.show("m")["parameters"]) == {"top_k": 5}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_bytes_are_decoded_as_the_cli_does(container: str, server: Ollama, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    raw = f"{mark}# ü\r\nFROM tiny\r\nSYSTEM ü😀\r\n".encode(encoding)
    assert create(container, {"m": raw}) == {"m": True}
    assert modelfile.parse(modelfile.decode(raw)).system == server.show("m")["system"] == "ü😀"


def test_a_file_beside_the_modelfile_is_a_path(container: str, server: Ollama, gguf: Path) -> None:
    files = {"weights.gguf": gguf.read_bytes()}
    texts = {"m0": b"FROM ./weights.gguf\n", "m1": b'FROM "weights.gguf"\n', "m2": b"FROM /tmp/modelfiles/weights.gguf"}
    assert all(create(container, texts, files).values())
    for name, text in texts.items():
        (value,) = modelfile.parse(text.decode()).from_
        (stored,) = modelfile.shown(server.show(name)["modelfile"]).from_
        assert modelfile.is_path(value)
        assert modelfile.is_path(stored)


PRINTED = (
    *('"', '""', '"one', 'one"', '"one"', '"one" and "two"', '"""', '"""one', '"""one"""', '"""one "two""""'),
    *(
        " one",
        "one ",
        "\tone\t",
        "\n",
        "\none\n",
        "one\rtwo",
        'one\n"',
        '"\none',
        '"one\n"',
        'one\n""',
        '"one" ',
        ' """',
    ),
    *('one"""\ntwo', '"""\none\n"""', 'one\n"""\n', "# one\n", "one\nSYSTEM two", "one\u200dtwo\u00a0"),
    'Write so:\nFROM x\nSYSTEM """\none\n"""\nPARAMETER top_k 5\nMESSAGE user """\ntwo\n"""\nand no more.',
    'Write so:\nFROM x\nSYSTEM "\none\n"\nPARAMETER top_k 5\n',
)


@pytest.mark.parametrize("field", ["template", "system", "license", "message", "stop"])
def test_what_the_server_prints_is_read_to_the_byte(server: Ollama, gguf: Path, field: str) -> None:
    server.make("tiny", gguf)
    for text in PRINTED:
        given = {"template": "a", "system": "b", "license": "c", "message": "d", "stop": "e"} | {field: text}
        stops, messages = {"stop": [given.pop("stop")] * 2}, [{"role": "user", "content": given.pop("message")}] * 2
        server.derive("m", "tiny", parameters=stops, messages=messages, **given)
        show = server.show("m")
        assert content(modelfile.shown(show["modelfile"])) == served(show), repr(text)


PIECES = (
    *(
        "a",
        "b c",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        '"',
        '"""',
        '"""\n',
        '"\n',
        "#",
        "'",
        "\\n",
        "é",
        "\u200d",
        "\u00a0",
    ),
    *("😀", "\nSYSTEM x\n", "\nLICENSE y\n", "\nPARAMETER stop z\n", "\nMESSAGE user w\n", "\n# c\n", ": "),
)
BEGINNINGS = (
    "SYSTEM",
    "system",
    "TEMPLATE",
    "LICENSE",
    "PARAMETER stop",
    "MESSAGE user",
    "Message assistant",
    "SYSTEN",
)
BEGINNING_ODDS = (6, 2, 6, 4, 6, 6, 2, 1)


def random_modelfile(dice: random.Random) -> str:
    """Return a Modelfile that is more often right than not."""
    lines = ["FROM tiny"]
    for _command in range(dice.randint(1, 4)):
        (beginning,) = dice.choices(BEGINNINGS, BEGINNING_ODDS)
        quotes = dice.choice(("", '"', '"""', '"""'))
        pieces = dice.choices(PIECES, k=dice.randint(0, 6)) if quotes else dice.choices(PIECES[:5], k=3)
        lines.append(f"{beginning}{dice.choice((' ', ' ', ' ', chr(9)))}{quotes}{''.join(pieces)}{quotes}")
    dice.shuffle(lines)
    return dice.choice(("\n", "\n", "\r\n")).join(lines) + dice.choice(("", "\n", " \n"))


def test_random_modelfiles_are_read_and_refused_as_by_the_cli(container: str, server: Ollama) -> None:
    dice = random.Random(SEED)
    texts = {f"m{index:03}": random_modelfile(dice) for index in range(FUZZED)}
    answers = create(container, {name: text.encode() for name, text in texts.items()})
    made = sum(answers.values())
    assert FUZZED / 4 < made < FUZZED * 0.95
    for name, text in texts.items():
        read = read_or_none(text)
        assert (read is not None) == answers[name], text
        if read is not None:
            show = server.show(name)
            assert content(read) == served(show), text
