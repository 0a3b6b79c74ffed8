"""From the name of a model to an engine that runs it."""

from importlib.resources import files
from pathlib import Path

from enactor.models.adapter import FILES, AdapterError
from enactor.models.llama import LlamaEngine
from enactor.models.merge import merged_model
from enactor.models.promoted import PromotedEngine
from enactor.models.registry import Registry
from enactor.models.remote import HttpEngine, is_remote, open_remote
from enactor.models.weights import WeightsError, find_base, pull

BASE = "smollm2-135m"
"""The base of the shipped adapter."""


def default_adapter() -> Path:
    """Folder of the adapter that ships with the package. Raises `AdapterError` where it is missing."""
    folder = Path(str(files("enactor.models"))) / "adapters" / "enactor-135m"
    if not any((folder / name).is_file() for name in FILES):
        raise AdapterError(
            f"the default adapter is not installed (nothing at {folder}): reinstall enactor, or train one "
            f"with `enactor train` and name its folder, or use the model `base`"
        )
    return folder


def model_file(name: str) -> Path:
    """The GGUF that `name` stands for, fetched and merged on the first call.

    `default` is the promoted model, or where none is the shipped adapter on its base; `shipped` is always
    that; `base` the base without an adapter; otherwise the name of a base or of a model in the registry, the
    path of a GGUF (taken as it is) or of an adapter's folder. Raises `EnactorError`.
    """
    registry = Registry()
    if name == "default" and (promoted := registry.current()) is not None:
        return registry.file(promoted.name)
    if name in ("default", "shipped"):
        return merged_model(pull(BASE), default_adapter())
    if name == "base":
        return merged_model(pull(BASE), None)
    path = Path(name).expanduser()
    if path.is_dir():
        return merged_model(pull(BASE), path)
    if path.suffix == ".gguf" or path.is_file():
        return path
    if name in registry:
        return registry.file(name)
    try:
        base = find_base(name)
    except WeightsError as error:
        raise WeightsError(
            f"no model named {name!r}: use `default`, `base`, one of `enactor models list`, a .gguf file, "
            f"the folder of an adapter, or a remote one such as `ollama:qwen2.5:14b`"
        ) from error
    return merged_model(pull(base.name), None)


def load_engine(
    name: str = "default",
    *,
    slots: int = 1,
    threads: int | None = None,
    context: int = 2048,
    warm: str | None = None,
    follow: bool = False,
) -> LlamaEngine | HttpEngine | PromotedEngine:
    """An engine for `model_file(name)`; the other parameters are `LlamaEngine`'s. A name such as
    `ollama:qwen2.5:14b` stands for a model behind an address, to which they mean nothing (`open_remote`).

    With `follow` the engine of `default` goes over to another model when that is promoted, between two
    completions; without it stays what it is, as a comparison needs."""
    if is_remote(name):
        return open_remote(name)

    def load() -> LlamaEngine:
        return LlamaEngine(
            model_file(name),
            slots=slots,
            threads=threads,
            context=context,
            warm=warm,
            name=engine_name(name),
        )

    return PromotedEngine(load, Registry().stamp) if follow and name == "default" else load()


def recorded_name(name: str) -> str:
    """What stands in the records for the engine of a model's name, a remote one's too."""
    return name if is_remote(name) else engine_name(name) or model_file(name).stem


def engine_name(name: str) -> str | None:
    """What the records call the engine of a model's name: of a promoted model its own; None leaves it to the
    file's."""
    registry = Registry()
    if name == "default":
        promoted = registry.current()
        return promoted.name if promoted else name
    return name if name in ("base", "shipped") or name in registry else None
