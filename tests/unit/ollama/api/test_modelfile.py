"""Modelfiles: what a person writes, and what the server prints.

That this is how the real CLI reads them is proven in tests/integration/ollama/test_ollama_modelfile_cli.py.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api import modelfile, parameters
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.modelfile import Modelfile

COMPLETE = '''\
# An assistant.
FROM llama3.2:3b
from ./projector.gguf
ADAPTER ./one.gguf
Adapter "two three.gguf"
DRAFT ./draft.gguf
REQUIRES v0.14.0

PARAMETER temperature 0.7
PARAMETER stop "<|eot|>"
PARAMETER stop END
PARAMETER temperature 0.9
TEMPLATE """{{ .System }}
{{ .Prompt }}"""
SYSTEM You are "brief".
LICENSE MIT
LICENSE """
Ours.
"""
MESSAGE user How much: is 1 + 1?
MESSAGE assistant """2"""
RENDERER qwen3
PARSER qwen3
'''


def test_every_command_is_read() -> None:
    assert modelfile.parse(COMPLETE) == Modelfile(
        from_=("llama3.2:3b", "./projector.gguf"),
        adapters=("./one.gguf", "two three.gguf"),
        drafts=("./draft.gguf",),
        parameters={"temperature": "0.9", "stop": ["<|eot|>", "END"]},
        template="{{ .System }}\n{{ .Prompt }}",
        system='You are "brief".',
        license=("MIT", "\nOurs.\n"),
        messages=({"role": "user", "content": "How much: is 1 + 1?"}, {"role": "assistant", "content": "2"}),
        requires="0.14.0",
        renderer="qwen3",
        parser="qwen3",
    )


def test_what_is_not_said_is_not_there() -> None:
    assert modelfile.parse("FROM x") == Modelfile(from_=("x",))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("one", "one"),
        (" \t one  two \t", "one  two"),
        ("one # two", "one # two"),
        ('"one"', "one"),
        ('" one "', " one "),
        ("'one'", "'one'"),
        ('one "two"', 'one "two"'),
        ('"one" and "two"', 'one" and "two'),
        ("one\\ntwo", "one\\ntwo"),
        ("", ""),
        ('""', ""),
        ('""""""', ""),
        ('"""one"""', "one"),
        ('""""one""""', '"one"'),
        ('"""\none\n"""', "\none\n"),
        ('""" \none \n\t""" \t', " \none \n\t"),
        ('"""one\r\ntwo\rthree"""', "one\r\ntwo\rthree"),
        ('"one\n\n"two" three\n"', 'one\n\n"two" three\n'),
        ('"""one""" two\n"""', 'one""" two\n'),
        ('""""\n"""', '"\n'),
        ('"""\n# one\nFROM two\n"""', "\n# one\nFROM two\n"),
        ("a\u00a0b\u200dc\u3000d\x00e\ufefff", "abcdef"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\U0001f680"),
        # No Python has a name for this one yet; a newer one may.
        ("a\U0001faffb", "a\U0001faffb"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n# end\n"])
def test_a_value_is_kept_as_the_cli_keeps_it(written: str, value: str, end: str) -> None:
    assert modelfile.parse(f"FROM x\nSYSTEM {written}{end}") == Modelfile(from_=("x",), system=value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no FROM; add a line with FROM"),
        ("SYSTEM one\n# FROM x\n", "has no FROM"),
        ("FROM x\n\nSYTEM one\n", "Line 3 of the Modelfile begins with 'SYTEM', which is no command"),
        ("FROM x\nSYTEM one\n", "did you mean SYSTEM"),
        ("FROM x\r\nparam one\r\n", "Line 2 of the Modelfile begins with 'param'"),
        ("FROM x\rFROM: y\r", "Line 2 of the Modelfile begins with 'FROM:'"),
        ('FROM x\nSYSTEM """\none\n""" two\nPARAMETER', "Line 2 of the Modelfile opens a text with"),
        (
            'FROM x\nSYSTEM """one\n',
            'opens a text with """ that nothing closes; put """ at the end of the text\'s last',
        ),
        ('FROM x\nSYSTEM "one\ntwo" \' \n', 'opens a text with " that nothing closes'),
        ("FROM x\nSYSTEM one\ntwo\n", "Line 3 of the Modelfile begins with 'two'"),
        ("FROM x\nSYSTEM one\n1234 5\n", 'put a text of several lines between """ and """'),
        ("FROM x\nSYSTEM\n", "Line 2 of the Modelfile has nothing after SYSTEM; write its value on the same line"),
        ("FROM \n", "Line 1 of the Modelfile has nothing after FROM"),
        ('ADAPTER ""\n', "has nothing after ADAPTER"),
        ("DRAFT\t\n", "has nothing after DRAFT"),
        ("PARAMETER\n", "has nothing after PARAMETER"),
        ("PARAMETER \n", "has nothing after PARAMETER"),
        ("PARAMETER top_k\n", "has nothing after PARAMETER top_k"),
        ("PARAMETER  top_k 5\n", "more than one blank after PARAMETER, which the Ollama CLI does not read; leave one"),
        ("PARAMETER top-k 5\n", "has the PARAMETER 'top-k'; write a name of letters, digits and '_'"),
        ("MESSAGE user\n", "has nothing after MESSAGE user"),
        ("MESSAGE User one\n", "a MESSAGE of 'User'; its role must be system, user or assistant, in small letters"),
        ("MESSAGE tool\n", "a MESSAGE of 'tool'"),
        ("MESSAGE \t user one\n", "more than one blank after MESSAGE"),
        ("REQUIRES soon\n", "has REQUIRES 'soon', which is no version; write it like 0.14.0"),
        ("REQUIRES \n", "has REQUIRES ''"),
        ("\u200b# one\n", "begins with '#'"),
        ("\u200b\n", "begins with '\\u200b'"),
        ("x" * 1000, f"begins with '{'x' * 40}...'"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(Failure) as error:
        modelfile.parse(text)
    assert words in error.value.message
    assert error.value.message.count(". ") == 0
    assert error.value.message.endswith(".")


@pytest.mark.parametrize(
    ("written", "version"),
    [("0.14.0", "0.14.0"), ("v0.14", "0.14"), ("1", "1"), ("v1.2.3-rc.1+b.01", "1.2.3-rc.1+b.01"), ('"0.9"', "0.9")],
)
def test_a_version_is_sent_without_its_v(written: str, version: str) -> None:
    assert modelfile.parse(f"FROM x\nREQUIRES {written}\n").requires == version


@pytest.mark.parametrize("written", ["01.2", "1.2.3.4", "1.2-rc", "1.2.3-", "1.2.3-01", "vv1", "1.2.3+", "latest"])
def test_what_is_no_version_is_refused(written: str) -> None:
    with pytest.raises(Failure, match="is no version"):
        modelfile.parse(f"FROM x\nREQUIRES {written}\n")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        *((value, True) for value in (".", "./x", "../x/y.gguf", "~", "~/x", "~other/x", "/x", "/blobs/sha256-0")),
        *((value, True) for value in ("x.gguf", "dir/x.Q4_K_M.GGUF", "model.safetensors", "pytorch_model.bin")),
        *(
            (value, False)
            for value in ("x", "x:8b", "ns/x", "hf.co/user/Some-GGUF:Q4_0", "x.gguf:latest", "a.b", "hf.co/u/R:x.gguf")
        ),
        *((value, True) for value in ("C:\\x.gguf", "a:b/x.gguf", "./a:b.gguf")),
    ],
)
def test_a_path_is_told_from_a_name_by_its_form(value: str, path: bool) -> None:
    assert modelfile.is_path(value) is path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bytes_become_text(encoding: str) -> None:
    assert modelfile.decode("FROM x\r\nSYSTEM ü😀".encode(encoding)) == "FROM x\r\nSYSTEM ü😀"


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"FROM x\nSYSTEM \xfc", "no text in UTF-8 (see byte 14)"), (b"\xff\xfeF\0\x00\xd8", "no text in UTF-16")],
)
def test_bytes_that_are_no_text_are_refused(raw: bytes, words: str) -> None:
    with pytest.raises(Failure) as error:
        modelfile.decode(raw)
    assert words in error.value.message


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("temperature", "0.7", 0.7),
        ("temperature", '"1e-1"', 0.1),
        ("num_ctx", "4096", 4096),
        ("num_predict", "+5", 5),
        ("seed", "-1", -1),
        ("use_mmap", "true", True),
        ("use_mmap", "0", False),
        ("stop", '"<|eot|>"', ["<|eot|>"]),
    ],
)
def test_the_texts_of_parameters_are_those_that_are_typed_later(name: str, written: str, value: Any) -> None:
    read = modelfile.parse(f"FROM x\nPARAMETER {name} {written}\n")
    assert parameters.checked("m", read.parameters) == {name: value}


def written(text: str) -> str:
    return f'"""{text}"""'


PIECES = (*"ab\"'#\\ \t\u00e9\U0001f600\n", "\r\n", "FROM x", '""', "\nSYSTEM ")
LINES = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
NAMES = st.from_regex(r"[a-z][a-z0-9_./:-]{0,8}", fullmatch=True)
MODELFILES = st.builds(
    Modelfile,
    from_=st.lists(NAMES, min_size=1, max_size=2).map(tuple),
    adapters=st.lists(NAMES, max_size=2).map(tuple),
    parameters=st.fixed_dictionaries(
        {}, optional={"stop": st.lists(LINES, min_size=1, max_size=3), "temperature": st.floats(0, 2).map(str)}
    ),
    template=st.none() | LINES,
    system=st.none() | LINES,
    license=st.lists(LINES, max_size=2).map(tuple),
    messages=st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(modelfile.ROLES), "content": LINES}), max_size=3
    ).map(tuple),
    requires=st.none() | st.sampled_from(("0.14.0", "1.2")),
    renderer=st.none() | NAMES,
    parser=st.none() | NAMES,
)


def commands(desired: Modelfile) -> list[tuple[str, str]]:
    """Return the commands of a Modelfile in the order in which the server prints them."""
    texts = [
        ("TEMPLATE", desired.template),
        ("SYSTEM", desired.system),
        ("RENDERER", desired.renderer),
        ("PARSER", desired.parser),
    ]
    return [
        *(("FROM", value) for value in desired.from_),
        *(("ADAPTER", value) for value in desired.adapters),
        *((name, value) for name, value in [*texts, ("REQUIRES", desired.requires)] if value is not None),
        *(
            (f"PARAMETER {name}", value)
            for name, given in desired.parameters.items()
            for value in (given if isinstance(given, list) else [given])
        ),
        *(("LICENSE", value) for value in desired.license),
        *((f"MESSAGE {message['role']}", message["content"]) for message in desired.messages),
    ]


@given(MODELFILES, st.sampled_from(("\n", "\r\n", "\r")), st.randoms(use_true_random=False))
def test_what_is_written_is_read(desired: Modelfile, end: str, dice: Any) -> None:
    lines = []
    for name, value in commands(desired):
        # Three quotes at a line's end close a text, so such a text cannot be written.
        ended = [line for line in value.splitlines(keepends=True) if line[-1] in "\r\n"]
        assume(not any(line.rstrip().endswith('"""') for line in ended))
        word, space, key = name.partition(" ")
        lines.append(f"{dice.choice((word, word.lower()))}{space}{key}{dice.choice(' 	')}{written(value)}")
        lines += dice.choice(([], ["# SYSTEM no"], ["", " \t"]))
    assert modelfile.parse(end.join(lines)) == desired


def printed(text: str) -> str:
    """Put quotes around a text as the server does."""
    if "\n" in text or text != text.strip(" "):
        return f'"""{text}"""' if '"' in text else f'"{text}"'
    return text


def in_print(desired: Modelfile) -> str:
    head = '# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n'
    lines = [f"{name} {value if name == 'FROM' else printed(value)}\n" for name, value in commands(desired)]
    return f"{head}# FROM m:latest\n\n{''.join(lines)}"


def ambiguous(text: str) -> bool:
    # One that looks as if the server had put its quotes, or could end before it does: after its first quote, too.
    early = '"""' in text or '"\n' in text or text.startswith("\nSYSTEM ")
    return early or (printed(text) == text and text.startswith('"'))


@given(MODELFILES)
@example(Modelfile(from_=("x",), system='"one\n" ', template="\n"))
def test_what_the_server_prints_is_read_to_the_byte(desired: Modelfile) -> None:
    assume(not any(ambiguous(value) for _name, value in commands(desired)))
    assert modelfile.shown(in_print(desired)) == desired


SAID = Modelfile(from_=("/b/sha256-0",), template="t", parameters={"stop": ["s"]}, license=("l",))


@pytest.mark.parametrize(
    "text",
    [
        *('"', '"one', '"one"', '"""', '"""one"""', '"one" and "two"', 'one"""\ntwo', '\n"""one"""\n', '"\none"\n'),
        'Write so:\nSYSTEM """\none\n"""\nPARAMETER top_k 5\n',
        'Write so:\n"""\nPARAMETER top_k 5\nMESSAGE user """\ntwo\n"""\nno more',
    ],
)
def test_a_text_with_quotes_ends_where_the_rest_is_commands(text: str) -> None:
    desired = Modelfile(**{**SAID.__dict__, "system": text})
    assert modelfile.shown(in_print(desired)) == desired


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", Modelfile()),
        ("\n\n", Modelfile()),
        ("# only\n# comments", Modelfile()),
        ("nonsense\nFROM x\nmore\nSYSTEM y", Modelfile(from_=("x",), system="y")),
        (
            "MESSAGE user a\nSYSTEM y\nFROM x\n",
            Modelfile(("x",), system="y", messages=({"role": "user", "content": "a"},)),
        ),
        ('FROM x\nSYSTEM """a\nb\n', Modelfile(from_=("x",), system='"""a')),
        (
            "FROM tiny:latest\nTEMPLATE \nPARAMETER odd <nil>\n",
            Modelfile(("tiny:latest",), template="", parameters={"odd": "<nil>"}),
        ),
        ("FROM x\nPARAMETER odd 1\nPARAMETER odd 2\n", Modelfile(("x",), parameters={"odd": ["1", "2"]})),
        ("FROM x\nMESSAGE tool a: b\n", Modelfile(("x",), messages=({"role": "tool", "content": "a: b"},))),
        ("FROM a b \nFROM p\n", Modelfile(("a b ", "p"))),
    ],
)
def test_what_no_server_prints_is_read_as_far_as_it_goes(text: str, read: Modelfile) -> None:
    assert modelfile.shown(text) == read


CHAOS = (*'FROM SYSTEM"\n #a', '"""', '"""\n', "\nMESSAGE user ", "\nPARAMETER a ", "\nTEMPLATE ")


@given(st.lists(st.sampled_from(CHAOS)).map("".join))
def test_reading_a_print_never_fails(text: str) -> None:
    assert isinstance(modelfile.shown(text), Modelfile)


def test_a_long_text_is_read_in_no_time() -> None:
    licence = 'It is "as is".\n' * 50_000
    desired = Modelfile(from_=("x",), license=(licence, licence), system=licence)
    began = time.monotonic()
    assert modelfile.shown(in_print(desired)) == desired
    assert modelfile.parse("".join(f"{name} {written(value)}\n" for name, value in commands(desired))) == desired
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "line", ['PARAMETER a """\n', 'PARAMETER a """x\n', 'PARAMETER a "\n', 'MESSAGE user """a"\n"""\n']
)
def test_a_print_that_can_be_read_in_many_ways_takes_no_longer(line: str) -> None:
    began = time.monotonic()
    modelfile.shown(f"FROM x\n{line * 20_000}no command\n")
    assert time.monotonic() - began < 10
