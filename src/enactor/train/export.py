"""An adapter becomes a GGUF by the long road: PEFT merges, llama.cpp's own converter writes.

`enactor.models.merge` does the same in seconds without torch and is what the controller uses; this is
the road that everybody else takes, and the two are compared call by call before anything is promoted.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models import check_gguf, known_sha256
from enactor.models.adapter import AdapterError, read_adapter
from enactor.prompt import CHAT_TEMPLATE

CONVERTER = "convert_hf_to_gguf"
"""llama.cpp's converter, from the project of that name on the package index (in the train extra)."""


class ExportError(EnactorError):
    """The converter is missing or refused the model."""


def merge_to_folder(base_gguf: Path, adapter: Path, out: Path) -> Path:
    """Write `base + adapter` in float32 as a folder of transformers, with tokenizer and `CHAT_TEMPLATE`.

    Raises `AdapterError` when the adapter was trained on other weights.
    """
    from peft import PeftModel

    from enactor.train.base import load_base

    note = read_adapter(adapter)
    if note.base_sha256 not in (None, known_sha256(base_gguf)):
        raise AdapterError(f"{adapter} was trained on {note.base_name}, which {base_gguf.name} is not")
    model, tokenizer = load_base(base_gguf, check=False)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    merged.save_pretrained(out)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(out)
    return out


def convert(folder: Path, out: Path, outtype: str = "q8_0") -> Path:
    """Run llama.cpp's converter on a folder of transformers; `outtype` is one of its own.

    `out` appears whole. Raises `ExportError` with the converter's last lines.
    """
    if find_spec(CONVERTER) is None:
        raise ExportError("the converter is not installed: `pip install 'enactor[train]'`")
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    command = [sys.executable, "-m", CONVERTER, str(folder), "--outfile", str(partial), "--outtype", outtype]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not partial.is_file():
        partial.unlink(missing_ok=True)
        raise ExportError(f"the converter failed: {_last_words(done.stderr)}")
    check_gguf(partial)
    os.replace(partial, out)
    return out


def export_gguf(base_gguf: Path, adapter: Path, out: Path, *, keep: Path | None = None) -> Path:
    """`base + adapter` as a Q8_0 GGUF at `out`. `keep` keeps the merged folder of transformers there (540 MB
    for the 135M) for other tools."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = keep or Path(tempfile.mkdtemp(dir=out.parent, prefix="merged-"))
    try:
        merge_to_folder(base_gguf, adapter, folder)
        return convert(folder, out)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _last_words(text: Any, lines: int = 5) -> str:
    return "\n".join(str(text).strip().splitlines()[-lines:]) or "it said nothing"
