"""Memory and disk: what a run will need, said before it starts; and freed memory kept for the next step."""

import ctypes
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # malloc.h of glibc
_MMAP_MAX = 65536  # glibc's default
_MB = 2**20
_CHECKPOINTS = 3  # two are kept while the third is written
_ACTIVATIONS = 20
"""Values of the model's width that a token keeps for the backward pass of a layer, adapter included: an
estimate, with which the 135M at 8 rows of 510 tokens comes to what it was seen at (docs/training.md)."""


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed blocks; whether it was told (it is glibc).

    By default every block over 32 MB is mapped anew and given back when freed. A step makes and frees
    gigabytes of them, and where a page fault is dear (a virtual machine) the kernel then takes more time than
    the arithmetic.
    """
    mallopt = _mallopt()
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 256 << 20), (_M_ARENA_MAX, 1))
    return bool(sum(mallopt(name, value) for name, value in settings) == len(settings))


@contextmanager
def growing_blocks(kept: bool) -> Iterator[None]:
    """Large blocks are mapped anew and given back again, where freed memory is `kept`. Decoding makes each
    cache a little larger at every token: no freed block fits the next one, and kept ones would pile up."""
    mallopt = _mallopt() if kept else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, _MMAP_MAX)
    try:
        yield
    finally:
        if mallopt is not None:
            mallopt(_M_MMAP_MAX, 0)


def _mallopt() -> Any:
    """glibc's function; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return None


def weights_bytes(source: Path) -> int:
    """Bytes that the weights of a GGUF or of a folder of transformers take as float32."""
    if source.is_dir():
        return 4 * sum(_parameters(path) for path in source.glob("*.safetensors"))
    from enactor.models import check_gguf

    check_gguf(source)
    from gguf import GGUFReader

    return 4 * sum(int(tensor.n_elements) for tensor in GGUFReader(source).tensors)


def _parameters(path: Path) -> int:
    import json
    import struct

    with path.open("rb") as file:
        try:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        except (struct.error, ValueError) as error:
            raise EnactorError(f"{path} is damaged or cut off ({error}): fetch it again") from error
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def step_bytes(model: Any, lengths: Sequence[int], rows: int) -> int:
    """Bytes that a step adds to the weights: gradients and two moments of what is trained, and the
    activations of the `rows` longest rows."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    config = model.config
    tokens = sum(sorted(lengths)[-rows:])
    width = config.hidden_size + config.intermediate_size / 4
    scores = sum(n * n for n in sorted(lengths)[-rows:]) * config.num_attention_heads
    item = model.dtype.itemsize
    activations = config.num_hidden_layers * item * (_ACTIVATIONS * tokens * width + 2 * scores)
    return int(12 * trained + activations + 2 * 4 * 256 * config.vocab_size)


def need_memory(wanted: int, what: str) -> None:
    """Raise `EnactorError` when less than `wanted` bytes are free."""
    free = available()
    if wanted > free:
        raise EnactorError(
            f"{what} need about {wanted // _MB} MB of memory and {free // _MB} MB are free. Close other "
            f"programs, or set a smaller micro_batch or max_length in the recipe"
        )


def available() -> int:
    """Bytes that this process may still take: of the machine, or of its control group."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
        free = min(free, max(0, int(limit) - used)) if limit != "max" else free
    except (OSError, ValueError):
        pass  # no such control group; the machine's own figure holds
    return free


def need_space(out: Path, model: Any) -> None:
    """Raise `EnactorError` when checkpoints and adapter would not fit on the disk of `out`."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # Each checkpoint has the adapter in float32 and both moments; the best one is kept beside them.
    wanted = (_CHECKPOINTS * 12 + 4 + 2) * trained + 10 * _MB
    free = shutil.disk_usage(out).free
    if free < wanted:
        raise EnactorError(
            f"{out} has {free // _MB} MB free; checkpoints and adapter need {wanted // _MB} MB. Make "
            f"room or name a folder on another disk"
        )
