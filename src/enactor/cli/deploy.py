"""`enactor deploy`: see `enactor.deploy`."""

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.deploy import Deployed, Matrix, Precision
    from enactor.deploy.gate import Decoder, Step


class Deploy(Config):
    """Turn an adapter into what is shipped: GGUFs with a Modelfile (files), a model on an Ollama server
    (ollama), the model of this installation (embedded), a folder for vLLM and the line that serves it (vllm).
    With check: compare the greedy calls of every precision and engine."""

    target: Literal["files", "ollama", "embedded", "vllm", "check"] = Field(
        "files", description="Where to.", json_schema_extra={"positional": True}
    )
    adapter: Path | None = Field(None, description="Folder of the adapter. Without it: the shipped one.")
    name: str | None = Field(None, description="Name of the model. Without it: that of the adapter's folder.")
    out: Path = Field(Path("runs/deploy"), description="Folder for the files, one folder a name in it.")
    base: Path | None = Field(None, description="The base as a GGUF, where it is not one of `models list`.")
    precision: tuple[Literal["f16", "q8_0", "q4_k_m"], ...] = Field(
        (), description="f16, q8_0 or q4_k_m; may be repeated. Without it: all; for embedded q8_0."
    )
    host: str | None = Field(None, description="Address of the Ollama server.")
    engine: tuple[str, ...] = Field(
        (), description="Another engine of the same model to check, such as ollama:NAME; may be repeated."
    )
    rows: Path | None = Field(
        None, description="Rows whose prompts are decoded. Without it: held-out phrasings of the phrasebook."
    )
    prompts: int = Field(200, ge=1, description="How many. Below 200 nothing is promoted.")
    trained: bool = Field(False, description="Compare with the trained weights themselves, by torch.")
    promote: bool = Field(False, description="With embedded: put the model to use if every gate is passed.")


def run(config: Deploy, settings: Settings) -> int:
    """0, or 1 when a gate was not passed."""
    from enactor.deploy import PRECISIONS, create, make_files, shipped
    from enactor.models import default_adapter

    adapter = config.adapter or default_adapter()
    name = config.name or _name_of(adapter)
    wanted = config.precision or (("q8_0",) if config.target in ("ollama", "embedded") else PRECISIONS)
    reference = ("f16",) if config.target in ("check", "embedded") and not config.trained else ()
    if config.target == "vllm":
        return _vllm(config, adapter, name)
    made = make_files(
        adapter,
        config.out / name,
        name,
        precisions=(*wanted, *reference),
        base=config.base,
        progress=_say,
    )
    if config.target == "files":
        for path in sorted(made.folder.iterdir()):
            if path.is_file() and path.suffix != ".json":
                print(f"{path.stat().st_size / 2**20:8.1f} MB  {path}")
    elif config.target == "ollama":
        digest = create(name, shipped(made), host=config.host, progress=_say)
        print(f"{name} is on the server ({digest[:19]}…): enactor chat --model ollama:{name}")
    else:
        matrix = _check(config, settings, made)
        _print(matrix)
        if config.target == "embedded":
            return _install(config, made, matrix, wanted[0])
        return 0 if all(matrix.gate(way).passed for way in matrix.ways) else 1
    return 0


def _name_of(adapter: Path) -> str:
    folder = adapter.resolve()
    stem = folder.parent.name if folder.name == "adapter" else folder.name
    return re.sub(r"[^a-z0-9._-]+", "-", stem.casefold()).strip("-.") or "model"


def _check(config: Deploy, settings: Settings, made: "Deployed") -> "Matrix":
    from enactor.curate import read_rows
    from enactor.deploy import check, held_out_prompts, prompts_of
    from enactor.deploy.gate import embedded, through, trained
    from enactor.deploy.kept import kept
    from enactor.models import adapter_hash, known_sha256
    from enactor.serve.opening import open_engine

    if config.rows:
        prompts = prompts_of(list(read_rows(config.rows))[: config.prompts])
    else:
        prompts = held_out_prompts(config.prompts)
    said = made.folder / "parity"
    ways: dict[str, Decoder] = {}
    if config.trained:
        weights = known_sha256(made.base) + adapter_hash(made.adapter)
        ways["trained"] = kept(
            trained(made.base, made.adapter), said / "trained.jsonl", of=weights, chunk=100
        )
    for precision, path in made.files.items():
        decode = embedded(path, threads=settings.threads)
        ways[precision] = kept(decode, said / f"{precision}.jsonl", of=known_sha256(path))
    with ExitStack() as open_:
        for name in config.engine:
            engine = open_engine(settings.model_copy(update={"model": name}))
            open_.callback(engine.close)
            ways[name] = through(engine)
        return check(ways, prompts, progress=_counter(len(prompts.texts)))


def _install(config: Deploy, made: "Deployed", matrix: "Matrix", precision: "Precision") -> int:
    from enactor.deploy.card import card_of
    from enactor.models import Registry

    registry = Registry()
    gate = matrix.gate(precision)
    card = card_of(made, precision, gates={"parity": gate})
    registry.add(made.files[precision], card, adapter=made.adapter)
    if not gate.passed:
        print(f"{made.name} is in the registry and not fit for use: {gate.reason}")
        return 1
    if config.promote:
        registry.promote(made.name, reason="deployed")
        print(f"{made.name} is in use")
    else:
        print(f"{made.name} is in the registry: put it to use with `enactor models promote {made.name}`")
    return 0


def _vllm(config: Deploy, adapter: Path, name: str) -> int:
    from enactor.deploy.files import base_of
    from enactor.deploy.vllm import launch_line
    from enactor.train.export import merge_to_folder

    folder = config.out / name / "merged"
    if not (folder / "config.json").is_file():
        _say(f"merging into {folder}")
        merge_to_folder(config.base or base_of(adapter), adapter, folder)
    template = folder / "chat_template.jinja"
    print(launch_line(folder, name, template=template))
    return 0


def _print(matrix: "Matrix") -> None:
    from rich.console import Console
    from rich.table import Table

    from enactor.deploy.gate import HEAD

    table = Table(title=f"Greedy calls on {matrix.n} prompts, against {matrix.reference}")
    for index, head in enumerate(HEAD):
        table.add_column(head, justify="left" if index == 0 else "right")
    for row in matrix.rows():
        table.add_row(*row)
    console = Console()
    console.print(table)
    for way in matrix.ways:
        gate = matrix.gate(way)
        console.print(f"{'passed' if gate.passed else 'REFUSED'}: {gate.reason}", highlight=False)


def _counter(total: int) -> Callable[[str], "Step"]:
    def begin(name: str) -> "Step":
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if sys.stderr.isatty() or done == total:
                end = "\n" if done == total else ""
                print(f"\r{name}: {done} of {total}", end=end, file=sys.stderr, flush=True)

        return step

    return begin


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


COMMAND = Command(
    Deploy, run, ("threads", "slots", "context", "endpoint", "key_file", "engine_timeout", "cache")
)
