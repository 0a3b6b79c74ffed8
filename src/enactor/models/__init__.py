"""Engines behind one protocol, and the weights that they run.

In: a rendered prompt. Out: a `Completion`. `load_engine("default")` fetches the base (`pull`), merges the
shipped adapter into it once (`merged_model`) and decodes with llama.cpp in this process (`LlamaEngine`);
where a model is promoted in the `Registry` it runs that one.
`ScriptedEngine` says what it is told. `load_engine("ollama:qwen2.5:14b")` asks a server (`remote`). Heavy
imports happen when an engine or a merge is made, or with the first request to a server.
"""

from enactor.models.adapter import AdapterError, adapter_hash
from enactor.models.cache import CacheError, cache_folder, known_sha256
from enactor.models.engine import (
    Completion,
    Engine,
    EngineError,
    EngineUnavailable,
    OnText,
    Options,
    PromptTooLong,
    Request,
)
from enactor.models.fetch import FetchError, Progress
from enactor.models.gguf_file import ModelFileError, check_gguf
from enactor.models.llama import LlamaEngine
from enactor.models.load import default_adapter, load_engine, model_file
from enactor.models.merge import merge, merged_model
from enactor.models.promoted import PromotedEngine
from enactor.models.registry import Card, Gate, Registry, RegistryError, current
from enactor.models.remote import FailoverEngine, HttpEngine, is_remote, open_remote
from enactor.models.scripted import ScriptedEngine
from enactor.models.weights import BASES, Base, WeightsError, base_path, find_base, pull

__all__ = [
    "BASES",
    "AdapterError",
    "Base",
    "CacheError",
    "Card",
    "Completion",
    "Engine",
    "EngineError",
    "EngineUnavailable",
    "FailoverEngine",
    "FetchError",
    "Gate",
    "HttpEngine",
    "LlamaEngine",
    "ModelFileError",
    "OnText",
    "Options",
    "Progress",
    "PromotedEngine",
    "PromptTooLong",
    "Registry",
    "RegistryError",
    "Request",
    "ScriptedEngine",
    "WeightsError",
    "adapter_hash",
    "base_path",
    "cache_folder",
    "check_gguf",
    "current",
    "default_adapter",
    "find_base",
    "is_remote",
    "known_sha256",
    "load_engine",
    "merge",
    "merged_model",
    "model_file",
    "open_remote",
    "pull",
]
