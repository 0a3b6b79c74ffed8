"""From an adapter to what is shipped, and whether it may be.

In: an adapter's folder. Out: GGUFs in several precisions with a Modelfile (`make_files`), a model on an
Ollama server (`create`), and the verdict whether their greedy calls are still those of the trained weights
(`compare` for two, `check` for every precision and engine).
"""

from enactor.deploy.files import PRECISIONS, Deployed, Precision, make_files, shipped
from enactor.deploy.gate import ALPHA, PROMPTS, Matrix, Prompts, check, held_out_prompts, prompts_of
from enactor.deploy.modelfile import modelfile, ollama_template
from enactor.deploy.ollama import OllamaError, create
from enactor.deploy.parity import Parity, compare
from enactor.deploy.quantize import QuantizeError, quantize

__all__ = [
    "ALPHA",
    "PRECISIONS",
    "PROMPTS",
    "Deployed",
    "Matrix",
    "OllamaError",
    "Parity",
    "Precision",
    "Prompts",
    "QuantizeError",
    "check",
    "compare",
    "create",
    "held_out_prompts",
    "make_files",
    "modelfile",
    "ollama_template",
    "prompts_of",
    "quantize",
    "shipped",
]
