"""The line that serves a deployed model with vLLM.

vLLM reads a folder of transformers; of GGUF files it reads single ones of some architectures, slowly, and
wants the tokenizer from elsewhere. So the line is for the folder that `train.export.merge_to_folder` writes.
"""

import shlex
from pathlib import Path

CONTEXT = 2048


def launch_line(folder: Path, name: str, *, template: Path) -> str:
    """The command for a merged folder; calls come back as `tool_calls` by the Hermes parser."""
    words = [
        "vllm", "serve", str(folder), "--served-model-name", name, "--chat-template", str(template),
        "--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--max-model-len", str(CONTEXT),
        "--generation-config", "vllm", "--enable-prefix-caching",
    ]  # fmt: skip
    return shlex.join(words)
