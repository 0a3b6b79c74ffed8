"""A data set in a trainer's form, on disk."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enactor.curate.export.axolotl import Axolotl
from enactor.curate.export.chatml import ChatML
from enactor.curate.export.example import Operands
from enactor.curate.export.form import Form
from enactor.curate.export.hermes import Hermes
from enactor.curate.export.llamafactory import LlamaFactory
from enactor.curate.export.openai import OpenAI
from enactor.curate.export.read import read_examples
from enactor.curate.export.trl import Dpo, Kto, Trl
from enactor.curate.export.unfit import Unfit
from enactor.curate.files import replaced_together
from enactor.errors import EnactorError
from enactor.world import openai_tools, world_hash

FORMS: dict[str, Form] = {
    "chatml": ChatML(),
    "hermes": Hermes(),
    "axolotl": Axolotl(),
    "llamafactory": LlamaFactory(),
    "openai": OpenAI(),
    "trl": Trl(),
    "dpo": Dpo(),
    "kto": Kto(),
}
"""Name -> form."""

MANIFEST = "export.json"


@dataclass(slots=True)
class Exported:
    """What became of one file: how many examples went in, how many lines came out, and why some did not."""

    examples: int = 0
    lines: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def export(
    name: str,
    sources: Sequence[Path],
    out: Path,
    *,
    operands: Operands | None = None,
    tools: bool | None = None,
) -> Mapping[str, Exported]:
    """Write each source to `out` in the form `name`: file name -> what became of it.

    `operands` and `tools` are the form's own where they are None. Beside the data stand the files that the
    trainer needs and `export.json`, which says what this is and what was left out. All files are replaced
    together, or none. Raises EnactorError for an unknown form, two sources of one name, a source that cannot
    be read or is its own target, and a file of which nothing fits the form.
    """
    if name not in FORMS:
        raise EnactorError(f"no form {name}: choose among {', '.join(FORMS)}")
    form = FORMS[name]
    operands = form.operands if operands is None else operands
    offered = openai_tools() if (form.tools if tools is None else tools) else []
    names = [f"{path.stem}.jsonl" for path in sources]
    if len({*names}) != len(names):
        raise EnactorError("two sources have one name: export them into folders of their own")
    for path, file in zip(sources, names, strict=True):
        if (out / file).resolve() == path.resolve():
            raise EnactorError(f"{path} would be overwritten by its own export: name another folder")
    with replaced_together() as beside:
        done = {
            file: _write(form, path, beside(out / file), operands, offered)
            for path, file in zip(sources, names, strict=True)
        }
        for file, text in form.beside(names).items():
            beside(out / file).write_text(text, encoding="utf-8")
        manifest = _manifest(name, operands, offered, done)
        beside(out / MANIFEST).write_text(manifest, encoding="utf-8")
    return done


def _manifest(name: str, operands: Operands, offered: Sequence[Any], done: Mapping[str, Exported]) -> str:
    manifest = {
        "form": name,
        "operands": operands,
        "tools": [tool["function"]["name"] for tool in offered],
        "world": world_hash(),
        "files": {
            file: {"examples": e.examples, "lines": e.lines, "left_out": dict(e.left_out)}
            for file, e in done.items()
        },
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _write(form: Form, source: Path, target: Path, operands: Operands, tools: list[Any]) -> Exported:
    done = Exported()
    examples = read_examples(source, operands)
    with target.open("w", encoding="utf-8") as file:
        for example in examples:
            done.examples += 1
            try:
                if isinstance(example, Unfit):
                    raise example
                lines = [json.dumps(line, ensure_ascii=False) for line in form.lines(example, tools)]
            except Unfit as unfit:
                done.left_out[unfit.reason] += 1
                continue
            file.writelines(line + "\n" for line in lines)
            done.lines += len(lines)
    if done.examples and not done.lines:
        reason = done.left_out.most_common(1)[0][0]
        raise EnactorError(f"nothing in {source} fits this form: {reason}")
    return done
