"""The parity matrix of a model: trained weights, merged, each quantization, each engine.

    python benchmarks/parity.py                  # 200 prompts in five ways
    python benchmarks/parity.py --prompts 20     # a look

Ways: `trained` is torch on base and adapter, `f16` the merge, `q8_0` and `q4_k_m` its quantizations by
llama.cpp in this process, `endpoint` the Q8_0 file in llama.cpp's server over OpenAI's API with messages and
tools, as Ollama and vLLM are asked; with --converter llama.cpp's own converter on PEFT's merge too. Files and
turns are kept in OUT: stopped, it goes on where it was.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from enactor.deploy import PROMPTS, check, held_out_prompts, make_files
from enactor.deploy.gate import HEAD, Decoder, Step, embedded, through, trained
from enactor.deploy.kept import CHUNK, kept
from enactor.models import adapter_hash, default_adapter, known_sha256, open_remote


def served(gguf: Path) -> Decoder:
    """The file in llama.cpp's server, asked over HTTP."""

    def decode(texts: Sequence[str], step: Step) -> list[str]:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.port, params.verbosity = 2048, 1, 0, -1
        params.use_jinja, params.warmup = True, False
        running = xllamacpp.Server(params)
        with open_remote(f"llama-server:{gguf.stem}", url=f"{running.listening_address}/v1") as engine:
            return through(engine)(texts, step)

    return decode


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, help="without it: the shipped one")
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--no-trained", action="store_true", help="without torch")
    parser.add_argument("--no-endpoint", action="store_true", help="without the server")
    parser.add_argument("--converter", action="store_true", help="llama.cpp's own converter too; needs torch")
    parser.add_argument("--out", type=Path, default=Path("runs/parity"))
    args = parser.parse_args()
    adapter = args.adapter or default_adapter()
    weights = adapter_hash(adapter)
    out = args.out / weights[:8]
    started = time.perf_counter()
    made = make_files(adapter, out, "parity")
    print(f"files: {time.perf_counter() - started:.0f} s", flush=True)
    prompts = held_out_prompts(args.prompts)
    ways: dict[str, Decoder] = {}
    hashes = {name: known_sha256(path) for name, path in made.files.items()}
    if not args.no_trained:
        ways["trained"] = trained(made.base, made.adapter)
        hashes["trained"] = known_sha256(made.base) + weights
    if args.converter:
        from enactor.train.export import export_gguf

        file = export_gguf(made.base, made.adapter, out / "parity-converter.gguf")
        ways["converter"], hashes["converter"] = embedded(file), known_sha256(file)
    ways |= {name: embedded(path) for name, path in made.files.items()}
    if not args.no_endpoint:
        ways["endpoint"] = served(made.files["q8_0"])
        hashes["endpoint"] = hashes["q8_0"]
    clock: dict[str, float] = {}

    def timed(name: str, decode: Decoder) -> Decoder:
        # The trained weights are loaded by torch, which takes longer than a few prompts.
        chunk = 100 if name == "trained" else CHUNK
        resumed = kept(decode, out / f"{name}.jsonl", of=hashes[name], chunk=chunk)

        def run(texts, step):
            begun = time.perf_counter()
            said = resumed(texts, step)
            clock[name] = time.perf_counter() - begun
            print(f"{name}: {clock[name]:.0f} s", flush=True)
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
