"""Do the rows survive the runtimes that they are meant for?

In: conversations, the right answer last (`Row.messages()`). Out: for each runtime a `Tally` of the turns
that came back with equal calls and equal text. llama.cpp's template engine and parser are the real ones;
vLLM's and Ollama's are written to their behaviour; ours is ours. `docs/exports.md` has the matrix.
"""

from enactor.curate.conformance.llama_cpp import LlamaCpp
from enactor.curate.conformance.matrix import Tally, check, expect, failing
from enactor.curate.conformance.ollama import Ollama
from enactor.curate.conformance.reading import RUNTIMES, TEMPLATE, Reading, Runtime
from enactor.curate.conformance.strict import Strict
from enactor.curate.conformance.vllm import VllmStream, VllmWhole

__all__ = [
    "RUNTIMES",
    "TEMPLATE",
    "LlamaCpp",
    "Ollama",
    "Reading",
    "Runtime",
    "Strict",
    "Tally",
    "VllmStream",
    "VllmWhole",
    "check",
    "expect",
    "failing",
]
