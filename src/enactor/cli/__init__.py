"""The command line. In: `enactor COMMAND …`. Out: an exit code, after the command's module has run.

0 done, 1 an error with its cure on stderr, 2 bad usage, 130 interrupted. Nothing but this file is imported
before the command is known, so that `enactor --help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from enactor import __version__
from enactor.errors import EnactorError

COMMANDS = {
    "demo": ("enactor.cli.demo", "the whole loop, small: build, train, export, compare, play"),
    "chat": ("enactor.cli.chat", "play: talk to the controller in the terminal"),
    "predict": ("enactor.cli.predict", "run the controller over a file of requests"),
    "sim": ("enactor.cli.sim", "play the plugin's side of its files with the simulator"),
    "serve": ("enactor.cli.serve", "offer the tools or the model to other programs"),
    "commands": ("enactor.cli.commands", "what the game can be told: all commands, or one"),
    "build": ("enactor.cli.build", "make a data set from records and the phrasebook"),
    "pairs": ("enactor.cli.pairs", "make preference pairs: right answers and wrong ones"),
    "export": ("enactor.cli.export", "write a data set in a trainer's form"),
    "conformance": ("enactor.cli.conformance", "read rows back as each runtime reads them"),
    "offers": ("enactor.cli.offers", "fit the offered commands to the phrasebook"),
    "train": ("enactor.cli.train", "train an adapter by a recipe"),
    "eval": ("enactor.cli.eval", "compare models on held-out requests"),
    "deploy": ("enactor.cli.deploy", "ship an adapter: files, Ollama, this installation, vLLM"),
    "models": ("enactor.cli.models", "fetch and list weights; promote a model, or go back"),
    "ab": ("enactor.cli.ab", "compare a candidate with the model in use, on live requests"),
    "status": ("enactor.cli.status", "how it does: outcomes, alarm, engine, comparison, metrics"),
    "flywheel": ("enactor.cli.flywheel", "turn what was recorded into a better model, gate by gate"),
    "traces": ("enactor.cli.traces", "count, list, show, draw and forget the recorded requests"),
    "label": ("enactor.cli.label", "judge and correct recorded requests on a local page"),
    "ingest": ("enactor.cli.ingest", "import other records: bot logs, sessions, command logs, chats"),
    "migrate": ("enactor.cli.migrate", "take over an existing training log"),
    "scenarios": ("enactor.cli.scenarios", "list, show and check the simulated tasks of the evaluation"),
    "doctor": ("enactor.cli.doctor", "check the installation and say what is missing"),
}
"""Name -> module with a `COMMAND`, and what it does in a line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Raises nothing that a user can cause."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except EnactorError as error:
        return _complain(str(error))
    except BrokenPipeError:  # the reader, `head` for one, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}")
    except KeyboardInterrupt:
        print("\nenactor: interrupted", file=sys.stderr)
        return 130
    except SystemExit as end:  # argparse
        return end.code if isinstance(end.code, int) else 1
    return code


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"enactor {__version__}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean `enactor {near[0]}`?" if near else "see `enactor --help`"
        print(f"enactor: no command {name!r}: {hint}", file=sys.stderr)
        return 2
    module = import_module(COMMANDS[name][0])
    return int(module.COMMAND(name, arguments[1:]))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        (
            "usage: enactor COMMAND [options]",
            "",
            "A small local model that does what you say in the game.",
            "",
            *lines,
            "",
            "`enactor COMMAND --help` tells a command's options.",
        )
    )


def _complain(message: str) -> int:
    print(f"enactor: {message}", file=sys.stderr)
    return 1
