"""The parity matrix of a model: trained weights, merged, each quantization, each engine.

    python benchmarks/parity.py                                    # 5 minutes: 20 prompts, no torch
    python benchmarks/parity.py --prompts 200 --trained --endpoint   # some 40 minutes on one core

Ways: `trained` is torch on base and adapter, `f16` the merge, `q8_0` and `q4_k_m` its quantizations by
llama.cpp in this process, `converter` llama.cpp's own converter on PEFT's merge (with --trained), `endpoint`
the Q8_0 file in llama.cpp's server over OpenAI's API with messages and tools, as Ollama and vLLM are asked.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from enactor.deploy import check, held_out_prompts, make_files
from enactor.deploy.gate import HEAD, Decoder, embedded, through, trained
from enactor.models import default_adapter
from enactor.models.engine import Engine


@contextmanager
def server(gguf: Path) -> Iterator[Engine]:
    """The file in llama.cpp's server, asked over HTTP."""
    import xllamacpp

    from enactor.models import open_remote

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.port, params.verbosity = 2048, 1, 0, -1
    params.use_jinja, params.warmup = True, False
    running = xllamacpp.Server(params)
    with open_remote(f"llama-server:{gguf.stem}", url=f"{running.listening_address}/v1") as engine:
        yield engine


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, help="without it: the shipped one")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--trained", action="store_true", help="torch and the converter too")
    parser.add_argument("--endpoint", action="store_true")
    parser.add_argument("--out", type=Path, help="keep the files here")
    args = parser.parse_args()
    started = time.perf_counter()
    with ExitStack() as stack:
        out = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = make_files(args.adapter or default_adapter(), out, "parity")
        print(f"files: {time.perf_counter() - started:.0f} s")
        prompts = held_out_prompts(args.prompts)
        ways: dict[str, Decoder] = {}
        if args.trained:
            from enactor.train.export import export_gguf

            ways["trained"] = trained(made.base, made.adapter)
            ways["converter"] = embedded(export_gguf(made.base, made.adapter, out / "parity-converter.gguf"))
        ways |= {name: embedded(path) for name, path in made.files.items()}
        if args.endpoint:
            ways["endpoint"] = through(stack.enter_context(server(made.files["q8_0"])))
        clock: dict[str, float] = {}

        def timed(name: str, decode: Decoder) -> Decoder:
            def run(texts, step):
                begun = time.perf_counter()
                said = decode(texts, step)
                clock[name] = time.perf_counter() - begun
                return said

            return run

        matrix = check({name: timed(name, decode) for name, decode in ways.items()}, prompts)
    print(f"{matrix.n} prompts in held-out phrasings, against {matrix.reference}\n")
    print("| " + " | ".join((*HEAD, "s")) + " |\n|" + "---|" * (len(HEAD) + 1))
    for row in matrix.rows():
        print("| " + " | ".join((*row, f"{clock[row[0]]:.0f}")) + " |")
    for way in matrix.ways:
        gate = matrix.gate(way)
        print(f"\n{'passed' if gate.passed else 'REFUSED'}: {gate.reason}", end="")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"\n\n{(time.perf_counter() - started) / 60:.1f} minutes, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
