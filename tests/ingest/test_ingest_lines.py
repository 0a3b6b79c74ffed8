"""What a file may have gone through: every kind of damage is told, and the rest is read."""

import contextlib
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enactor.cli import main
from enactor.ingest import lines as lines_module
from enactor.ingest.lines import Lines, Unreadable, decode

CHAT = {
    "messages": [
        {"role": "user", "content": "walk north"},
        {
            "role": "assistant",
            "content": "Walking.",
            "tool_calls": [
                {
                    "id": "1",
                    "type": "function",
                    "function": {"name": "send_command", "arguments": '{"command": "GOTO 1 2 0"}'},
                }
            ],
        },
    ]
}


def chat(message: str) -> bytes:
    text = json.dumps(CHAT, ensure_ascii=False).replace("walk north", message)
    return text.encode()


@pytest.mark.parametrize(
    "content",
    [
        chat("café"),
        b"\xef\xbb\xbf" + chat("café") + b"\n",
        chat("café") + b"\r\n\r\n",
        b"\n\n  " + chat("café") + b"  \n",
        chat("café") + b"\n" + b"\0" * 4096,
        gzip.compress(chat("café") + b"\n"),
        chat("café").decode().encode("utf-16"),
        (chat("café").decode() + "\r\n").encode("utf-16"),
    ],
    ids=["bare", "bom", "crlf", "blanks", "nuls", "gzip", "utf-16", "utf-16 crlf"],
)
def test_the_same_turn_whatever_the_file_went_through(desk: Any, content: bytes) -> None:
    desk.write("x.jsonl", content)
    report = desk.ingest()
    assert (report.lines, report.added, report.refused) == (1, 1, {})
    assert desk.only().message == "café"


def test_damaged_lines_are_counted_and_the_others_read(desk: Any) -> None:
    good, latin = chat("one"), chat("café").decode().encode("latin-1")
    parts = [good, chat("two")[:-30], latin, b"[1]", b"null", b'{"a": NaN}', chat("three"), chat("four")[:50]]
    desk.write("x.jsonl", b"\n".join(parts))
    report = desk.ingest()
    assert report.refused == {"not JSON, or torn": 3, "no object": 2, "not UTF-8": 1}
    assert (report.lines, report.added) == (8, 2)
    assert [(line, reason) for _, line, reason in report.refusals][:2] == [
        (2, "not JSON, or torn"),
        (3, "not UTF-8"),
    ]


def test_a_huge_line_is_passed_over(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST", 5000)
    desk.write("x.jsonl", b"\n".join([chat("one"), chat("x" * 20_000), chat("two"), chat("y" * 9_000)]))
    report = desk.ingest()
    assert (report.lines, report.added, report.refused) == (4, 2, {"line too long": 2})
    assert sorted(line for _, line, _ in report.refusals) == [2, 4]


def test_a_long_line_is_read(desk: Any) -> None:
    desk.write("x.jsonl", chat("x" * 5_000_000))
    assert desk.ingest().added == 1


def test_a_torn_archive_gives_what_it_still_holds(desk: Any) -> None:
    packed = gzip.compress(b"".join(chat(f"{n} {hash(n) ** 3}") + b"\n" for n in range(4000)))
    desk.write("x.jsonl.gz", packed[: len(packed) // 2])
    report = desk.ingest()
    assert report.added > 100
    assert report.refused["torn archive"] == 1


def test_half_characters_survive(desk: Any) -> None:
    desk.write("x.jsonl", json.dumps(CHAT).replace("walk north", "cut \\ud83d").encode())
    assert desk.ingest().added == 1
    assert desk.only().message == "cut \ud83d"
    assert desk.ingest().known == 1


def test_numbers_that_json_cannot_hold_are_refused(desk: Any) -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": '{"hp": 1e999}'}
    messages = [*CHAT["messages"], result]
    desk.write("x.jsonl", json.dumps({"messages": messages}) + '\n{"messages": [1e999]}')
    assert desk.ingest().refused == {"not JSON, or torn": 1}
    assert desk.only().steps[0].result.content == {"text": '{"hp": 1e999}'}


def test_a_name_that_is_no_text(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"caf\xe9.jsonl")
    desk.write(name, chat("one") + b"\n{torn")
    assert main(["ingest", str(desk.folder), "--store", str(desk.store), "--list-refused"]) == 0
    assert "caf\\udce9.jsonl:2: not JSON, or torn" in capsys.readouterr().out
    assert desk.only().meta["origin"]["file"].endswith("caf\\udce9.jsonl")


PIECES = ["{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "d83d", "\\ud83d\\ude00", '"k":', "null", "true"]
PIECES += ["1e5", "1e999", "-0", "9" * 25, "0.1", ".", "e", "NaN", " ", "\n", "\x01", "é", "😀", "\ufeff"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.binary(max_size=1))
@example('"half \\ud83d"', b"")
@example("9" * 25, b"")
@example("1e999", b"")
def test_the_fast_decoder_reads_what_the_library_reads(text: str, torn: bytes) -> None:
    for line in (text.encode() + torn, b'{"a":' + text.encode() + b"}", b'["' + text.encode() + b'"]'):
        try:
            want = repr(json.loads(line.decode(), parse_constant=_refuse))
        except ValueError:
            want = None
        try:
            got = repr(decode(line))
        except Unreadable:
            got = None
        assert got == (None if want is not None and re.search(r"\binf\b", want) else want)


def _refuse(name: str) -> None:
    raise ValueError(name)


def test_latin_text_alone_is_refused_for_what_it_is(desk: Any) -> None:
    desk.write("x.jsonl", chat("café").decode().encode("latin-1"))
    assert desk.ingest().refused == {"not UTF-8": 1}


def test_deep_nesting_is_refused(desk: Any) -> None:
    desk.write("x.jsonl", chat("one") + b"\n" + b"[" * 100_000)
    assert desk.ingest().refused == {"not JSON, or torn": 1}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\0\0"])
def test_an_empty_file_is_no_error(desk: Any, content: bytes) -> None:
    desk.write("x.jsonl", content)
    assert desk.ingest().record() == {
        "files": 1,
        "lines": 0,
        "turns": 0,
        "added": 0,
        "known": 0,
        "refused": {},
    }


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=8))
def test_any_bytes_are_lines(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    path: Path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(b"\n".join(parts))
    for _, line in Lines(path):
        with contextlib.suppress(Unreadable):
            decode(line)
