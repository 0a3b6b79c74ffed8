"""What Ollama is told of a model: its template, its stop tokens, its parameters.

The template says in Go what `prompt.CHAT_TEMPLATE` says in jinja: a test renders both with their own engines.
Ollama takes a model for one that can call tools when its template names `.Tools`, and finds the tag of a call
in what the template writes first for `.ToolCalls`. A tuned model knows its tools, so `.Tools` writes nothing.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from enactor.prompt import STOP_TOKENS, SYSTEM

LICENCE = "Apache-2.0"

PARAMETERS: Mapping[str, Any] = {
    "stop": list(STOP_TOKENS),
    "temperature": 0.0,
    "num_ctx": 2048,
    "num_predict": 192,
    "repeat_penalty": 1.0,  # Ollama's 1.1 would change greedy calls
}


def ollama_template() -> str:
    """The Go template. Arguments are written as `{"key": value}`, sorted by key; Go escapes `>` and `&` in
    values too, and writes lists without spaces: there alone it differs from what training showed."""
    return files("enactor.deploy").joinpath("data/ollama.gotmpl").read_text("utf-8").rstrip("\n")


def modelfile(gguf: Path) -> str:
    """The Modelfile for a GGUF that lies beside it."""
    lines = [f"FROM ./{gguf.name}", f'TEMPLATE """{ollama_template()}"""', f'SYSTEM """{SYSTEM}"""']
    for name, value in PARAMETERS.items():
        for one in value if isinstance(value, list) else [value]:
            lines.append(f'PARAMETER {name} "{one}"' if isinstance(one, str) else f"PARAMETER {name} {one}")
    return "\n".join([*lines, f'LICENSE "{LICENCE}"', ""])
