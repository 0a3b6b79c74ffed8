"""The servers by name: where they listen, where their key is, and what they do otherwise than OpenAI.

A quirk stands here with its reason; the rest of the package asks for the property and never for the name.
"""

from dataclasses import dataclass
from typing import Literal

from enactor.models.engine import EngineError

Forcing = Literal["grammar", "required", "none"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of server.

    `url` is its base, up to and with `/v1`; empty where it has to be given. `key_variable` names the
    environment variable of the key; `key_needed` says that nothing works without. `forcing` is how a call can
    be forced: by a GBNF `grammar`, by `tool_choice: required`, or not at all. `seed`: whether it takes one.
    `least_tokens` is the smallest limit of an answer: models that think do so within it, and would come to no
    answer in the 192 tokens that a tuned one needs. `signature` is put beside each
    earlier call. `start` and `fetch` are the cures when nothing listens and when the model is missing.
    """

    name: str
    url: str
    start: str
    fetch: str
    key_variable: str | None = None
    key_needed: bool = False
    forcing: Forcing = "required"
    seed: bool = True
    least_tokens: int = 1024
    signature: str | None = None


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "ollama",
            "http://127.0.0.1:11434/v1",
            start="start it with `ollama serve`",
            fetch="fetch it with `ollama pull {model}`",
            key_variable="OLLAMA_API_KEY",
            forcing="none",  # `tool_choice` is ignored, and a `format` switches the tools off
        ),
        Preset(
            "llama-server",
            "http://127.0.0.1:8080/v1",
            start="start it with `llama-server --jinja -m FILE.gguf`",
            fetch="start llama-server with that model",
            key_variable="LLAMA_API_KEY",
            forcing="grammar",
        ),
        Preset(
            "vllm",
            "http://127.0.0.1:8000/v1",
            start="start it with `vllm serve MODEL --enable-auto-tool-choice --tool-call-parser hermes`",
            fetch="start vLLM with that model, or name the one it serves",
            key_variable="VLLM_API_KEY",
        ),
        Preset(
            "lmstudio",
            "http://127.0.0.1:1234/v1",
            start="start its server on the Developer page, or with `lms server start`",
            fetch="fetch it with `lms get {model}`",
        ),
        Preset(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            start="check the network",
            fetch="see https://ai.google.dev/gemini-api/docs/models for the names",
            key_variable="GEMINI_API_KEY",
            key_needed=True,
            seed=False,  # an unknown field is a 400
            least_tokens=2048,
            # Gemini 3 refuses an earlier call without its signature. Records keep none; this stands for "made
            # elsewhere": https://ai.google.dev/gemini-api/docs/thought-signatures
            signature="skip_thought_signature_validator",
        ),
        Preset(
            "enactor",
            "http://127.0.0.1:11435/v1",
            start="start it with `enactor serve model`",
            fetch="name the one that `enactor serve model` was started with",
            key_variable="MODEL_API_KEY",
            least_tokens=0,
        ),
        Preset(
            "http",
            "",
            start="check the setting `endpoint`",
            fetch="ask the server for its models at {url}/models",
            key_variable="MODEL_API_KEY",
        ),
    )
}


def is_remote(name: str) -> bool:
    """Whether a model's name stands for one behind an address: `ollama:qwen2.5:14b`."""
    preset, colon, model = name.partition(":")
    return preset in PRESETS and bool(colon and model)


def split_name(name: str) -> tuple[Preset, str]:
    """`ollama:qwen2.5:14b` -> Ollama's preset and `qwen2.5:14b`. Raises `EngineError` for another name."""
    preset, _, model = name.partition(":")
    if preset not in PRESETS or not model:
        raise EngineError(f"no remote model {name!r}: write {', '.join(PRESETS)}, a colon, its model")
    return PRESETS[preset], model
