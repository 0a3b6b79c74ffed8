"""What tuning cost: base against tuned on what has nothing to do with the game.

    python benchmarks/forgetting.py                            # 100 + 100 tasks, 20 texts
    python benchmarks/forgetting.py --form hermes --texts 0    # the tasks in the form of the tuned calls

Calls: the sets "simple_python" and "irrelevance" of the Berkeley Function Calling Leaderboard (Apache-2.0) as
the wheel `bfcl-eval` carries them; only the wheel is fetched, nothing of it is installed or run. Both models
get the same prompt: the functions of the task and no other, no command of the game, and no word of it. The
form is the one that the makers of SmolLM2 give their larger models, a list of functions and a list of calls
(`list`; the words around it are ours), or Hermes' (`hermes`). The score is ours, to the set's own rules: one
call, its name, each argument among the values that are allowed, none that is unknown; for irrelevance no
call. Text: the perplexity of Python's own language reference (`pydoc_data.topics`, which Python ships), in
pieces of 512 tokens. What is decoded is kept in OUT, and a run that was stopped goes on.
"""

import argparse
import json
import math
import random
import re
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from enactor.deploy.gate import Decoder, Step
from enactor.deploy.kept import kept
from enactor.evaluate.paired import bootstrap_mean, mcnemar
from enactor.evaluate.stats import rate
from enactor.models import LlamaEngine, cache_folder, default_adapter, known_sha256, merged_model, pull
from enactor.models.load import BASE
from enactor.prompt import system_with_tools

WHEEL = "bfcl-eval==2026.3.23"
SETS = {"simple": "BFCL_v4_simple_python.json", "irrelevance": "BFCL_v4_irrelevance.json"}
SYSTEM = "You are a helpful assistant."
PIECE = 512
SLOTS = 4
TOKENS = 128
"""The longest answer; the right calls take 30 to 80."""
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


def wheel(given: Path | None) -> Path:
    """The wheel, fetched once by pip, without its dependencies."""
    if given:
        return given
    folder = cache_folder() / "bfcl"
    found = sorted(folder.glob("bfcl_eval-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), WHEEL]
        subprocess.run(command, check=True)
        found = sorted(folder.glob("bfcl_eval-*.whl"))
    return found[0]


def lines(archive: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    for line in archive.read(f"bfcl_eval/data/{name}").decode("utf-8").splitlines():
        yield json.loads(line)


def as_schema(value: Any) -> Any:
    """Their types in the names of JSON Schema."""
    if isinstance(value, dict):
        made = {key: as_schema(inner) for key, inner in value.items()}
        if isinstance(value.get("type"), str):
            made["type"] = TYPES.get(value["type"], value["type"])
        return made
    return [as_schema(inner) for inner in value] if isinstance(value, list) else value


def listed(tools: Sequence[dict[str, Any]]) -> str:
    """Functions as a list, and calls to be written as one."""
    return (
        "You answer a question by calling functions. You are given the question and the functions that there "
        "are. Call one or more of them where that answers it. Where none of them fits, or the question lacks "
        "what a function needs, say so and call nothing.\n\nThe functions:\n"
        f"<tools>{json.dumps(list(tools), ensure_ascii=False)}</tools>\n\n"
        "Write calls in this form and nothing else, values in the types that are asked for; an empty list "
        "for no call:\n<tool_call>[\n"
        '{"name": "func_name1", "arguments": {"argument1": "value1", "argument2": "value2"}}\n]</tool_call>'
    )


FORMS = {"list": listed, "hermes": lambda tools: system_with_tools(tools, SYSTEM)}


def prompt_of(task: dict[str, Any], form: str) -> str:
    tools = [as_schema(function) for function in task["function"]]
    if form == "hermes":
        tools = [{"type": "function", "function": tool} for tool in tools]
    turns = "".join(
        f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n"
        for turn in task["question"][0]
        if turn["role"] != "system"
    )
    return f"<|im_start|>system\n{FORMS[form](tools)}<|im_end|>\n{turns}<|im_start|>assistant\n"


def calls_in(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of the calls in a text, in either form; one that cannot be read has no name."""
    found: list[tuple[str, dict[str, Any]]] = []
    for body in re.findall(r"<tool_call>(.*?)(?:</tool_call>|$)", text, re.DOTALL):
        try:
            values = json.loads(body)
        except ValueError:
            values = [None]
        for value in values if isinstance(values, list) else [values]:
            good = isinstance(value, dict) and isinstance(value.get("arguments"), dict)
            found.append((str(value.get("name")), value["arguments"]) if good else ("", {}))
    return found


def alike(given: Any, allowed: Any) -> bool:
    """As the leaderboard compares: text without case, spaces and marks; numbers by value."""
    if isinstance(given, str) and isinstance(allowed, str):
        plain = [re.sub(r"[ ,./\-_*^()'\"]", "", text).casefold() for text in (given, allowed)]
        return plain[0] == plain[1]
    if isinstance(given, list) and isinstance(allowed, list):
        return len(given) == len(allowed) and all(map(alike, given, allowed))
    if isinstance(given, dict) and isinstance(allowed, dict):
        return given.keys() == allowed.keys() and all(
            any(alike(given[key], one) for one in (options if isinstance(options, list) else [options]))
            for key, options in allowed.items()
        )
    return type(given) in (int, float, bool) and given == allowed


def right_call(text: str, answer: dict[str, Any]) -> bool:
    calls = calls_in(text)
    if len(calls) != 1:
        return False
    ((name, wanted),) = answer["ground_truth"][0].items()
    called, given = calls[0]
    if called != name or set(given) - set(wanted):
        return False
    return all(
        any(alike(given[key], one) for one in options) if key in given else "" in options
        for key, options in wanted.items()
    )


def decoder(path: Path, threads: int) -> Decoder:
    """Greedy answers, four side by side: what decodes together shares the reading of the weights. One that
    begins a second block is known to be wrong and ends."""

    def answer(engine: LlamaEngine, prompt: str) -> str:
        said: list[str] = []

        def enough(text: str) -> bool:
            said.append(text)
            return "".join(said).count("<tool_call>") > 1

        return engine.complete(prompt, max_tokens=TOKENS, on_text=enough).text

    def decode(prompts: Sequence[str], step: Step) -> list[str]:
        with (
            LlamaEngine(path, slots=SLOTS, threads=threads, context=2048) as engine,
            ThreadPoolExecutor(SLOTS) as pool,
        ):
            return list(pool.map(lambda prompt: answer(engine, prompt), prompts))

    return decode


def texts(count: int, tokenizer: Any) -> list[list[int]]:
    """Pieces of the language reference, chosen by a fixed seed."""
    from pydoc_data.topics import topics

    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in topics.values()]
    pieces = [one[at : at + PIECE] for one in ids for at in range(0, len(one) - PIECE, PIECE)]
    return random.Random(0).sample(pieces, min(count, len(pieces)))


def losses(base: Path, adapter: Path | None, count: int) -> list[float]:
    """Mean negative log-likelihood of a token, in nats, for each piece."""
    import torch

    from enactor.train.base import load_base

    model, tokenizer = load_base(base, check=False)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    model.eval()
    found = []
    with torch.inference_mode():
        for piece in texts(count, tokenizer):
            ids = torch.tensor([piece])
            found.append(float(model(input_ids=ids, labels=ids).loss))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, help="without it: the shipped one")
    parser.add_argument("--wheel", type=Path, help="a wheel of bfcl-eval that is here already")
    parser.add_argument("--simple", type=int, default=100)
    parser.add_argument("--irrelevance", type=int, default=100)
    parser.add_argument("--texts", type=int, default=20, help="pieces of text; 0: none, and no torch")
    parser.add_argument("--form", choices=sorted(FORMS), default="list")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/forgetting"))
    args = parser.parse_args()
    adapter, base = args.adapter or default_adapter(), pull(BASE)
    files = {"base": merged_model(base, None), "tuned": merged_model(base, adapter)}
    started = time.perf_counter()
    with zipfile.ZipFile(wheel(args.wheel)) as archive:
        tasks = {name: list(lines(archive, file)) for name, file in SETS.items()}
        answers = {answer["id"]: answer for answer in lines(archive, f"possible_answer/{SETS['simple']}")}
    for name in tasks:
        random.Random(0).shuffle(tasks[name])
        tasks[name] = tasks[name][: getattr(args, name)]
    right: dict[str, dict[str, list[bool]]] = {}
    prompts = [prompt_of(task, args.form) for name in SETS for task in tasks[name]]
    for model, path in files.items():
        file = args.out / f"{model}-{args.form}.jsonl"
        said = kept(decoder(path, args.threads), file, of=known_sha256(path))(prompts, lambda: None)
        simple, quiet = said[: args.simple], said[args.simple :]
        asked = zip(simple, tasks["simple"], strict=True)
        right[model] = {
            "simple: the right call": [right_call(text, answers[task["id"]]) for text, task in asked],
            "simple: any call": [bool(calls_in(text)) for text in simple],
            "irrelevance: no call": [not calls_in(text) for text in quiet],
        }
    print("| | base | tuned | p (McNemar) |\n|---|---|---|---|")
    for measure, before in right["base"].items():
        after = right["tuned"][measure]
        lost = sum(a and not b for a, b in zip(before, after, strict=True))
        gained = sum(b and not a for a, b in zip(before, after, strict=True))
        print(
            f"| {measure}, n = {len(before)} | {rate(before)} | {rate(after)} | {mcnemar(lost, gained):.3g} |"
        )
    if args.texts:
        nats = {name: losses(base, used, args.texts) for name, used in (("base", None), ("tuned", adapter))}
        means = {name: sum(values) / len(values) for name, values in nats.items()}
        more = [b - a for a, b in zip(nats["base"], nats["tuned"], strict=True)]
        low, high = bootstrap_mean(more)
        print(
            f"| perplexity of Python's reference, {len(more)} pieces of {PIECE} tokens | "
            f"{math.exp(means['base']):.1f} | {math.exp(means['tuned']):.1f} | "
            f"{math.exp(means['tuned'] - means['base']):.2f} times "
            f"[{math.exp(low):.2f}, {math.exp(high):.2f}] |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"\n{(time.perf_counter() - started) / 60:.1f} minutes, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
