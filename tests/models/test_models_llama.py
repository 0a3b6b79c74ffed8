"""llama.cpp in process, on the real base."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enactor.models import EngineError, LlamaEngine, ModelFileError, ScriptedEngine
from enactor.world import COMMANDS, turn_gbnf, words_gbnf

pytestmark = pytest.mark.model

PREFIX = (
    "<|im_start|>system\nYou control a character in a game. Be brief and exact.<|im_end|>\n<|im_start|>user\n"
)


def ask(text: str) -> str:
    return f"{PREFIX}{text}<|im_end|>\n<|im_start|>assistant\n"


def test_models_llama_greedy_is_deterministic_and_warm(engine: LlamaEngine) -> None:
    first = engine.complete(ask("What is two plus two?"), max_tokens=24)
    again = engine.complete(ask("What is two plus two?"), max_tokens=24)
    assert first.text == again.text
    assert first.text
    assert "<|im_end|>" not in first.text
    assert again.cached_tokens >= again.prompt_tokens - 1
    assert 0 < again.first_token_seconds <= again.seconds


def test_models_llama_stops_or_says_that_it_was_cut(engine: LlamaEngine) -> None:
    cut = engine.complete(ask("Tell a long story."), max_tokens=5)
    assert not cut.stopped
    assert not cut.cancelled
    assert cut.completion_tokens == 5
    done = engine.complete(ask("Say yes or no."), grammar='root ::= "yes" | "no"', max_tokens=9)
    assert done.stopped
    assert done.text in ("yes", "no")


def test_models_llama_hands_out_the_text_as_it_comes(engine: LlamaEngine) -> None:
    heard: list[str] = []
    whole = engine.complete(
        ask("Count to ten."), max_tokens=12, on_text=lambda text: bool(heard.append(text))
    )
    assert "".join(heard) == whole.text
    assert len([text for text in heard if text]) > 3
    heard.clear()

    def until_three(text: str) -> bool:
        heard.append(text)
        return len("".join(heard)) >= 3

    ended = engine.complete(ask("Count to ten."), max_tokens=200, on_text=until_three)
    assert (ended.cancelled, ended.stopped) == (True, False)
    assert ended.text == "".join(heard)
    assert len(ended.text) < len(whole.text)


def test_models_llama_seed_decides_above_zero(engine: LlamaEngine) -> None:
    def sample(seed: int) -> str:
        return engine.complete(ask("Name an animal."), max_tokens=12, temperature=1.5, seed=seed).text

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(6)}) > 1


def test_models_llama_slots_answer_many_threads(engine: LlamaEngine) -> None:
    prompts = [ask(f"Repeat the number {n}.") for n in range(6)]
    alone = [engine.complete(prompt, max_tokens=8).text for prompt in prompts]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda prompt: engine.complete(prompt, max_tokens=8).text, prompts))
    assert len(together) == 6
    # Batches of another size round differently: nearly always the same words, not by guarantee.
    assert sum(a == b for a, b in zip(alone, together, strict=True)) >= 4


def test_models_llama_cancel_ends_what_is_under_way(engine: LlamaEngine) -> None:
    def cancel_soon() -> None:
        time.sleep(0.3)
        engine.cancel()

    thread = threading.Thread(target=cancel_soon)
    thread.start()
    started = time.perf_counter()
    grammar = 'root ::= [a-z ]+ "."{900}'  # would go on to the end of the context
    result = engine.complete(ask("Tell a story."), grammar=grammar, max_tokens=400)
    thread.join()
    assert result.cancelled
    assert not result.stopped
    assert result.completion_tokens < 400
    assert time.perf_counter() - started < 5
    assert engine.complete(ask("Hi"), max_tokens=3).completion_tokens == 3


@pytest.mark.parametrize(
    ("prompt", "grammar", "said"),
    [
        ("", None, "empty"),
        ("frog " * 700, None, "70[0-9] tokens"),
        ("hi", "root ::= nothing", "refused"),
        ("hi", "root = (", "refused"),
    ],
)
def test_models_llama_refusals_are_engine_errors(
    engine: LlamaEngine, prompt: str, grammar: str | None, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        engine.complete(prompt, grammar=grammar)
    assert engine.complete(ask("Hi"), max_tokens=2).text


def test_models_llama_tokenize_parses_special_tokens(engine: LlamaEngine) -> None:
    assert engine.tokenize("<|im_start|>")[0] == 1
    assert len(engine.tokenize("<|im_start|>")) == 1
    assert len(engine.tokenize("<|im_start|>", special=False)) > 1


def test_models_llama_logprob_and_close(base: Path) -> None:
    engine = LlamaEngine(base, context=256, logprobs=True, warm=PREFIX)
    result = engine.complete(ask("Hi"), max_tokens=4)
    assert result.logprob is not None
    assert result.logprob < 0
    assert result.cached_tokens > 10
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.complete("hi")
    with pytest.raises(EngineError, match="closed"):
        engine.tokenize("hi")


def test_models_llama_tokens_are_rated_before_the_grammar(engine: LlamaEngine) -> None:
    free = engine.complete(ask("Hi"), max_tokens=8)
    forced = engine.complete(ask("Hi"), max_tokens=8, grammar='root ::= "zebra crossing"')
    for result in (free, forced):
        assert "".join(text for text, _ in result.tokens) == result.text
        assert result.logprob == pytest.approx(sum(logprob for _, logprob in result.tokens))
    assert forced.text == "zebra crossing"
    assert (forced.logprob or 0) < -5


@pytest.mark.parametrize("first", ["FISH", "KILL_LOOP", "STOP", "get_game_state", "defer"])
def test_models_llama_begins_a_turn_as_it_is_told(engine: LlamaEngine, first: str) -> None:
    done = engine.complete(ask("Hi"), grammar=turn_gbnf(first=first), max_tokens=80)
    head = '"send_command", "arguments": {"command": "' if first in COMMANDS else '"'
    assert done.text.startswith(f'<tool_call>\n{{"name": {head}{first}')


def test_models_llama_answers_in_words_when_told(engine: LlamaEngine) -> None:
    assert engine.complete(ask("Hi"), grammar=words_gbnf(), max_tokens=8).text[:1] not in ("", "<", "{")


def test_models_llama_closes_under_way(base: Path) -> None:
    engine = LlamaEngine(base, context=512)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.complete, ask("Tell a long story."), max_tokens=400)
        time.sleep(0.3)
        engine.close()
        assert running.result(timeout=5).cancelled


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_models_llama_ctrl_c_while_it_loads_ends_it(base: Path) -> None:
    """Freed before its loop ran, llama.cpp's server was waited for without end."""
    code = (
        "import os, signal, sys, threading; from enactor.models import LlamaEngine\n"
        "LlamaEngine(sys.argv[1], context=256).close()\n"
        "threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: LlamaEngine(sys.argv[1], context=256).close()\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(base)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_models_llama_says_nothing_on_stderr(base: Path) -> None:
    code = (
        "import sys; from enactor.models import LlamaEngine\n"
        "with LlamaEngine(sys.argv[1], context=256) as engine:\n"
        "    print(engine.complete('Hi', max_tokens=2).text)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(base)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) <= 3


def test_models_llama_bad_files(tmp_path: Path, base: Path, tiny: Path) -> None:
    with pytest.raises(ModelFileError, match="no model file"):
        LlamaEngine(tmp_path / "missing.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("not a model")
    with pytest.raises(ModelFileError, match="not a GGUF"):
        LlamaEngine(text)
    short = tmp_path / "short.gguf"
    short.write_bytes(base.read_bytes()[:50_000_000])
    with pytest.raises(ModelFileError, match="cut off"):
        LlamaEngine(short)
    with pytest.raises(EngineError, match="could not load"):
        LlamaEngine(tiny)  # a whole file, but no whole model
    with pytest.raises(EngineError, match="slots=0"):
        LlamaEngine(base, slots=0)


def test_models_scripted() -> None:
    engine = ScriptedEngine(["one two three", "four"])
    assert engine.complete("a", max_tokens=2).text == "one two"
    assert engine.complete("b").stopped
    with pytest.raises(EngineError, match="ended after 2"):
        engine.complete("c")
    assert engine.prompts == ["a", "b", "c"]
    assert ScriptedEngine(str.upper).complete("hi").text == "HI"
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.complete("d")
