"""Lines of a record as bytes, whatever the file went through: gzip, byte order marks, CRLF, UTF-16, NULs."""

import codecs
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol

import msgspec

from enactor.trace.values import Json

LONGEST = 32 << 20
"""Bytes of a line. A longer one is passed over without being held in memory."""

_BUFFER = 1 << 20


class Unreadable(ValueError):
    """A line that is no JSON; the message is the reason."""


class Lines:
    """The lines of a file that are not blank, numbered from 1, without their ends.

    While iterating, `count` grows and `damaged` collects what could not be delivered: (line, reason). Raises
    OSError where the file cannot be opened or read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.damaged: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        with self.path.open("rb", buffering=_BUFFER) as raw:
            file = _plain(raw)
            try:
                while line := file.readline(LONGEST + 1):
                    number += 1
                    if number == 1:
                        line = line.removeprefix(codecs.BOM_UTF8)
                    if len(line) > LONGEST:
                        self.count += 1
                        self.damaged.append((number, "line too long"))
                        while line and not line.endswith(b"\n"):
                            line = file.readline(LONGEST)
                        continue
                    # A file that grew when the machine went down has NULs where its last lines should be.
                    if line := line.strip(b" \t\r\n\0"):
                        self.count += 1
                        yield number, line
            except (EOFError, gzip.BadGzipFile, zlib.error):
                self.damaged.append((number + 1, "torn archive"))
            except UnicodeError:
                self.damaged.append((number + 1, "not UTF-16"))


def decode(line: bytes) -> Json:
    """The JSON value of a line. Raises Unreadable."""
    try:
        return read_json(line)
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("not JSON, or torn") from None


def read_json(text: str | bytes) -> Json:
    """The value of a JSON text, of numbers only those that JSON can hold. Raises ValueError and
    RecursionError."""
    try:
        return _FAST.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        # Damage, or half of a surrogate pair, which only this one takes.
        return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))


def decode_object(line: bytes) -> dict[str, Json]:
    """The JSON object of a line. Raises Unreadable."""
    value = decode(line)
    if not isinstance(value, dict):
        raise Unreadable("no object")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_FAST: msgspec.json.Decoder[Json] = msgspec.json.Decoder()
_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


class _Readable(Protocol):
    """What is needed of a file."""

    def readline(self, limit: int, /) -> bytes: ...


def _plain(raw: BinaryIO) -> _Readable:
    """The file unpacked and in UTF-8."""
    head = raw.read(3)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Recoded(io.TextIOWrapper(raw, encoding="utf-16", newline="\n"))
    return raw


class _Recoded:
    """Lines of a text file as UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def readline(self, limit: int, /) -> bytes:
        return self._text.readline(limit).encode("utf-8", "surrogatepass")
