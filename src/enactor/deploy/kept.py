"""Greedy turns that are kept as they come, so that a parity check that was stopped goes on where it was."""

import json
from collections.abc import Sequence
from pathlib import Path

from enactor.deploy.gate import Decoder, Step
from enactor.trace import content_hash

CHUNK = 20
"""Prompts that are decoded between two writes: what is lost by a stop. The model is loaded again for each."""


def kept(decode: Decoder, path: Path, *, of: str, chunk: int = CHUNK) -> Decoder:
    """`decode`, with its turns in the file at `path`, by prompt. `of` identifies what decodes (the hash of
    its weights): turns of another are dropped. A torn last line is decoded again. Raises what `decode`
    raises."""

    def run(prompts: Sequence[str], step: Step) -> list[str]:
        known = _read(path, of)
        missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in known]
        for _ in range(len(prompts) - len(missing)):
            step()
        for at in range(0, len(missing), chunk):
            part = missing[at : at + chunk]
            said = decode(part, step)
            known |= zip(part, said, strict=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(_line(*pair) for pair in zip(part, said, strict=True))
        return [known[prompt] for prompt in prompts]

    return run


def _read(path: Path, of: str) -> dict[str, str]:
    """The turns in the file; begins it anew where it is of something else or cannot be read."""
    head = json.dumps({"of": content_hash(of)}) + "\n"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if not whole.startswith(head):
        whole = head
    if whole != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(whole, encoding="utf-8")
    return dict(json.loads(line) for line in whole.splitlines()[1:])


def _line(prompt: str, said: str) -> str:
    return json.dumps([prompt, said]) + "\n"
