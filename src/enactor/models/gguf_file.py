"""Whether a file is a whole GGUF, told from its header without reading the tensors.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from enactor.models.engine import EngineError

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each metadata value type; 8 is a string and 9 an array."""

# (values per block, bytes per block) by tensor type; the types that a file we load or write can have.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 30: (1, 2),
}  # fmt: skip

_ALIGNMENT = 32


class ModelFileError(EngineError):
    """A file of weights that is missing, cut off, or not what it should be."""


def check_gguf(path: Path) -> None:
    """Read the header of the GGUF at `path` and compare what it promises with the file's size.

    Raises `ModelFileError`: no such file, not a GGUF, a damaged header, or cut off.
    """
    if not os.path.isfile(path):
        raise ModelFileError(f"no model file at {path}: fetch one with `enactor models pull smollm2-135m`")
    size = path.stat().st_size
    if not os.access(path, os.R_OK):
        raise ModelFileError(f"may not read {path}: change its permissions")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelFileError(
                f"{path} is not a GGUF file: point at a .gguf, or fetch one with `enactor models pull`"
            )
        try:
            end = _promised_end(file, size)
        except (struct.error, EOFError, OverflowError, KeyError, ValueError) as error:
            raise ModelFileError(
                f"{path} is a damaged or cut-off GGUF file: delete it and fetch it again"
            ) from error
    if end > size:
        raise ModelFileError(
            f"{path} is cut off ({size:,} of at least {end:,} bytes): delete it and fetch it again"
        )


def _promised_end(file: BinaryIO, size: int) -> int:
    """Offset of the last tensor's last byte. Types we do not know count as one byte."""
    version = _number(file, "<I")
    if version not in (2, 3):
        raise ValueError(f"version {version}")
    tensors, pairs = _number(file, "<Q"), _number(file, "<Q")
    if tensors > size or pairs > size:
        raise ValueError("counts beyond the file")
    alignment = _ALIGNMENT
    for _ in range(pairs):
        key = _string(file, size)
        kind = _number(file, "<I")
        if key == b"general.alignment" and kind == 4:
            alignment = _number(file, "<I")
        else:
            _skip(file, kind, size)
    if alignment < 1:
        raise ValueError("alignment")
    ends = [0]
    for _ in range(tensors):
        _string(file, size)
        values = 1
        for _ in range(_dimensions(file)):
            values *= _number(file, "<Q")
        kind, offset = _number(file, "<I"), _number(file, "<Q")
        per_block, block = _BLOCKS.get(kind, (max(values, 1), 1))
        ends.append(offset + values // per_block * block)
    return -(-file.tell() // alignment) * alignment + max(ends)


def _dimensions(file: BinaryIO) -> int:
    count = _number(file, "<I")
    if count > 8:
        raise ValueError("dimensions")
    return count


def _number(file: BinaryIO, layout: str) -> int:
    return int(struct.unpack(layout, file.read(struct.calcsize(layout)))[0])


def _string(file: BinaryIO, size: int) -> bytes:
    length = _number(file, "<Q")
    if length > size:
        raise ValueError("string beyond the file")
    text = file.read(length)
    if len(text) < length:
        raise EOFError
    return text


def _skip(file: BinaryIO, kind: int, size: int) -> None:
    if kind == 8:
        _string(file, size)
    elif kind == 9:
        item, count = _number(file, "<I"), _number(file, "<Q")
        if count > size:
            raise ValueError("array beyond the file")
        if item in _SCALARS:
            file.seek(_SCALARS[item] * count, 1)
        else:
            for _ in range(count):
                _skip(file, item, size)
    else:
        file.seek(_SCALARS[kind], 1)
