"""The forms in the trainers' own code, and the reader of vLLM in its own.

These tools want gigabytes of CUDA when they are installed whole. Their data code does not:
`ENACTOR_TRAINERS` names a folder with the bare packages, and `docs/exports.md` says how to fill it. What is
not there is skipped.
"""

import importlib
import importlib.util
import json
import os
import sys
import types
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import yaml
from export_rows import PLAYABLE, ROWS, byte_tokenizer, hermes_calls, openai_calls, said
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.curate.conformance import VllmStream, VllmWhole
from enactor.curate.conformance.reading import Reading, pieces, reading
from enactor.curate.export import FORMS, export
from enactor.curate.rows import Row, write_rows
from enactor.prompt import DIALECTS, tool_call

pytestmark = [pytest.mark.slow, pytest.mark.train]
FOLDER = Path(os.environ.get("ENACTOR_TRAINERS") or "absent")


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    """The folder, importable; what is installed comes first."""
    if not FOLDER.is_dir():
        pytest.skip("ENACTOR_TRAINERS names no folder: see docs/exports.md")
    sys.path.append(str(FOLDER))
    yield FOLDER
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    write_rows(folder / "train.jsonl", PLAYABLE)
    for form in FORMS:
        if form != "dpo":
            export(form, [folder / "train.jsonl"], folder / form, operands="said")
    return folder


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return byte_tokenizer()


def trained(tokenizer: Any, labels: list[int]) -> str:
    return str(tokenizer.decode([label for label in labels if label != -100]))


def whole(made: Row) -> str:
    return "".join(segment.text for segment in made.segments())


def answer(made: Row) -> str:
    return next(segment.text for segment in made.segments() if segment.train)


def module(packages: Path, name: str) -> Any:
    if not (packages / name.partition(".")[0]).is_dir():
        pytest.skip(f"{name.partition('.')[0]} is not in {packages}")
    return importlib.import_module(name)


def test_axolotl(packages: Path, exported: Path, tokenizer: Any) -> None:
    """Its strategy for `chat_template`, set up from the configuration that stands beside the data."""
    strategies = module(packages, "axolotl.prompt_strategies.chat_template")
    config = yaml.safe_load((exported / "axolotl" / "axolotl.yaml").read_text(encoding="utf-8"))
    from axolotl.utils.dict import DictDefault

    config["sequence_len"] = 4096
    [data] = config["datasets"]
    strategy = strategies.load(tokenizer, DictDefault(config), DictDefault(data))
    lines = (exported / "axolotl" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    for made, line in zip(PLAYABLE, lines, strict=True):
        result = strategy.tokenize_prompt(json.loads(line))
        assert tokenizer.decode(result["input_ids"]) == whole(made)
        assert trained(tokenizer, result["labels"]).strip() == answer(made)
        assert hermes_calls(trained(tokenizer, result["labels"])) == said(made)


def test_axolotl_takes_the_configuration(packages: Path, exported: Path) -> None:
    """The part of a recipe that is written fits Axolotl's own type of a data set."""
    datasets = module(packages, "axolotl.utils.schemas.datasets")
    config = yaml.safe_load((exported / "axolotl" / "axolotl.yaml").read_text(encoding="utf-8"))
    [data] = config["datasets"]
    taken = datasets.SFTDataset.model_validate(data)
    assert taken.message_field_training == "train"
    assert {key for key in data if not hasattr(taken, key)} == set()


def test_llama_factory(packages: Path, exported: Path, tokenizer: Any) -> None:
    """From `dataset_info.json` to labels, with its template for Qwen and `mask_history`."""
    audio = types.ModuleType("torchaudio")  # its plug-in for sound asks for it; there is no sound here
    audio.__spec__ = ModuleSpec("torchaudio", None)
    sys.modules.setdefault("torchaudio", audio)
    parser = module(packages, "llamafactory.data.parser")
    converter = importlib.import_module("llamafactory.data.converter")
    templates = importlib.import_module("llamafactory.data.template")
    processor = importlib.import_module("llamafactory.data.processor.supervised")
    declared = _alone("llama_factory_arguments", packages / "llamafactory" / "hparams" / "data_args.py")
    arguments = declared.DataArguments(
        template="qwen",
        dataset_dir=str(exported / "llamafactory"),
        mask_history=True,
        overwrite_cache=True,
        cutoff_len=16384,  # a token is a byte here
    )
    [attributes] = parser.get_dataset_list(["enactor_train"], str(exported / "llamafactory"))
    from datasets import load_dataset

    path = exported / "llamafactory" / attributes.dataset_name
    data = load_dataset("json", data_files=str(path), split="train", cache_dir=str(exported / "cache"))
    once = types.SimpleNamespace(local_process_index=0)
    aligned = converter.align_dataset(data, attributes, arguments, once)
    template = templates.get_template_and_fix_tokenizer(tokenizer, arguments)
    worker = processor.SupervisedDatasetProcessor(template, tokenizer, None, arguments)
    batch = worker.preprocess_dataset(aligned.to_dict())
    assert len(batch["labels"]) == len(PLAYABLE)
    for made, ids, labels in zip(PLAYABLE, batch["input_ids"], batch["labels"], strict=True):
        # What it puts between a result and the next words is not in our text; nothing else differs.
        text = tokenizer.decode(ids)
        between = "<|im_start|>assistant\nDone.<|im_end|>\n"
        assert text.replace(between, "") == whole(made)
        assert trained(tokenizer, labels).strip() == answer(made)
        read = template.format_tools.extract(trained(tokenizer, labels).strip().removesuffix("<|im_end|>"))
        calls = [] if isinstance(read, str) else [(c.name, json.loads(c.arguments)) for c in read]
        assert calls == said(made)


def test_openai(packages: Path, exported: Path) -> None:
    """The types that its own client sends."""
    chat = module(packages, "openai.types.chat")
    from openai.types.chat import completion_create_params
    from pydantic import TypeAdapter

    request = TypeAdapter(completion_create_params.CompletionCreateParamsNonStreaming)
    for made, line in zip(PLAYABLE, _lines(exported / "openai"), strict=True):
        request.validate_python({"model": "any", **line})
        answered = {k: v for k, v in line["messages"][-1].items() if k != "weight"}
        message = chat.ChatCompletionMessage.model_validate(answered)
        calls = [c.function for c in message.tool_calls or ()]
        assert [(f.name, json.loads(f.arguments)) for f in calls] == said(made)
        assert openai_calls(line["messages"][-1]) == said(made)


def test_unsloth(packages: Path, exported: Path, tokenizer: Any) -> None:
    """Its masking of ChatML text, from its module alone: the package itself wants an accelerator."""
    path = packages / "unsloth_zoo" / "dataset_utils.py"
    if not path.is_file():
        pytest.skip(f"unsloth_zoo is not in {packages}")
    utils = _alone("unsloth_dataset_utils", path)
    mask = utils.train_on_responses_only(
        None,
        instruction_part="<|im_start|>user\n",
        response_part="<|im_start|>assistant\n",
        tokenizer=tokenizer,
        return_function=True,
        last_response_only=True,
    )
    for made, line in zip(PLAYABLE, _lines(exported / "chatml"), strict=True):
        labels = mask({"input_ids": [tokenizer(line["text"])["input_ids"]]})["labels"][0]
        turn = DIALECTS["compact"].parse(trained(tokenizer, labels).strip().removesuffix("<|im_end|>"))
        assert [(c.tool, c.parsed) for c in turn.calls] == said(made)


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "train.jsonl").read_text("utf-8").splitlines()]


def _alone(name: str, path: Path) -> Any:
    """A file as a module of its own, without the package around it."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def vllm_parser(packages: Path) -> Any:
    """vLLM's module with bare values in the place of its server's types."""
    path = packages / "vllm" / "tool_parsers" / "hermes_tool_parser.py"
    if not path.is_file():
        pytest.skip(f"vllm's hermes_tool_parser.py is not in {packages}")

    class Value(types.SimpleNamespace):
        def model_dump(self, **_: Any) -> dict[str, Any]:
            return vars(self)

    class ToolParser:
        def __init__(self, tokenizer: Any, tools: Any = None) -> None:
            self.model_tokenizer = tokenizer
            self.prev_tool_call_arr: list[dict[str, Any]] = []
            self.streamed_args_for_tool: list[str] = []

    def complete(text: str) -> bool:
        try:
            json.loads(text)
        except json.JSONDecodeError:
            return False
        return True

    def overlap(text: str, tag: str) -> int:
        return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)

    class Logger:
        def exception(self, *_: Any) -> None: ...

    names: dict[str, dict[str, Any]] = {
        "entrypoints.generate.base.protocol": dict.fromkeys(
            (
                "DeltaFunctionCall",
                "DeltaMessage",
                "DeltaToolCall",
                "ExtractedToolCallInformation",
                "FunctionCall",
                "ToolCall",
            ),
            Value,
        ),
        "entrypoints.openai.chat_completion.protocol": {"ChatCompletionRequest": Value},
        "entrypoints.openai.responses.protocol": {"ResponsesRequest": Value},
        "logger": {"init_logger": lambda _: Logger()},
        "renderers.chat_utils": {"make_tool_call_id": lambda: "id"},
        "tokenizers": {"TokenizerLike": object},
        "tool_parsers.abstract_tool_parser": {"Tool": object, "ToolParser": ToolParser},
        "tool_parsers.utils": {"is_complete_json": complete, "partial_tag_overlap": overlap},
        "utils.mistral": {"is_mistral_tokenizer": lambda _: False},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, members in names.items():
            parts = f"vllm.{name}".split(".")
            for depth in range(1, len(parts) + 1):
                full = ".".join(parts[:depth])
                if full not in sys.modules:
                    patch.setitem(sys.modules, full, types.ModuleType(full))
            vars(sys.modules[f"vllm.{name}"]).update(members)
        yield _alone("vllm_hermes", path).Hermes2ProToolParser


def _vllm_whole(parser: Any, turn: str) -> Reading:
    got = parser("tokenizer").extract_tool_calls(turn, None)
    calls = [(c.function.name, json.loads(c.function.arguments)) for c in got.tool_calls]
    return reading(got.content or "", calls)


def _vllm_stream(parser: Any, parts: list[str]) -> Reading:
    running, before, text = parser("tokenizer"), "", ""
    calls: list[list[str]] = []
    for part in parts:
        delta = running.extract_tool_calls_streaming(before, before + part, part, [], [], [], None)
        before += part
        if delta is None:
            continue
        text += delta.content or ""
        for call in delta.tool_calls:
            function = call.function
            while len(calls) <= call.index:
                calls.append(["", ""])
            calls[call.index][0] += function.get("name") or ""
            calls[call.index][1] += function.get("arguments") or ""
    try:
        return reading(text, [(name, json.loads(arguments)) for name, arguments in calls])
    except (ValueError, RecursionError) as error:
        return Reading(before, problem=str(error))


BITS = (
    *("<tool_call>", "</tool_call>", "<tool_call>\n", "\n</tool_call>", "{", "}", '"', "\\", "\n", "<", " "),
    *(
        '{"name": "send_command", "arguments": {"command": "STOP"}}',
        '{"name": "a", "arguments": ',
        "{}}",
        "x",
    ),
    *('"name": "b"', '"arguments": 1', ", ", "null", "[1]", '"'),
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from(BITS), max_size=10).map("".join))
def test_vllm_reads_as_we_say(vllm_parser: Any, turn: str) -> None:
    assert _vllm_whole(vllm_parser, turn).same(VllmWhole().read(turn)) or "NaN" in turn
    theirs, ours = _vllm_stream(vllm_parser, pieces(turn)), VllmStream().read(turn)
    assert bool(theirs.problem) == bool(ours.problem)
    assert theirs.problem or theirs.same(ours)


def test_vllm_reads_the_rows(vllm_parser: Any) -> None:
    for made in ROWS:
        turn = DIALECTS["hermes"].render_calls(tool_call(a.tool, a.args) for a in made.say)
        if made.say:
            assert _vllm_whole(vllm_parser, turn).same(reading("", said(made)))
            assert _vllm_stream(vllm_parser, pieces(turn)).same(reading("", said(made)))
