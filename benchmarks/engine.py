"""What the embedded engine costs on this machine: load, first token, prompt and decode speed, memory.

    python benchmarks/engine.py [--model NAME] [--threads N ...]

Prints one line of JSON for each thread count, each measured in a process of its own so that peak memory is
the engine's. Figures of a busy machine say little: the load average is printed with them.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

RULES = "You play a character by calling tools, briefly and exactly. " * 8
SYSTEM = f"<|im_start|>system\n{RULES}<|im_end|>\n"
REQUESTS = (
    "kill 300 giant frogs",
    "go to the draybir bank and put all my feathers in",
    "how much health do i have left",
    "chop some oaks till i'm full then burn them",
    "eat a tuna and switch to strength pls",
    "walk south a bit",
)


def prompt(request: str) -> str:
    state = "[hp 12/35 | inv 9/28: Tuna x4]"
    return f"{SYSTEM}<|im_start|>user\n{state}\n{request}<|im_end|>\n<|im_start|>assistant\n"


def measure(model: str, threads: int) -> dict[str, float | int | str]:
    from enactor.models import LlamaEngine, model_file

    path = model_file(model)
    started = time.perf_counter()
    engine = LlamaEngine(path, threads=threads, warm=SYSTEM)
    loaded = time.perf_counter() - started
    first, decode, whole = [], [], []
    for request in REQUESTS:
        forced = engine.complete(prompt(request), grammar="root ::= [a-z ]*", max_tokens=32)
        plain = engine.complete(prompt(request + " now"), max_tokens=32)
        first.append(plain.first_token_seconds)
        whole.append(forced.seconds)
        if plain.completion_tokens > 1:
            decode.append((plain.completion_tokens - 1) / (plain.seconds - plain.first_token_seconds))
    long = engine.complete("frog spawn and tuna, " * 150, max_tokens=1)
    fresh = long.prompt_tokens - long.cached_tokens
    engine.close()
    return {
        "model": path.name,
        "threads": threads,
        "load_and_warm_s": round(loaded, 3),
        "first_token_warm_ms": round(1000 * statistics.median(first), 1),
        "decode_tokens_per_s": round(statistics.median(decode), 1),
        "prefill_tokens_per_s": round(fresh / long.first_token_seconds, 1),
        "grammar_32_tokens_s": round(statistics.median(whole), 3),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.model, options.threads[0])))
        return
    for threads in options.threads:
        command = [sys.executable, __file__, "--one", "--model", options.model, "--threads", str(threads)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
