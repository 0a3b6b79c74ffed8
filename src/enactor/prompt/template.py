"""The chat template that ships in the GGUF and in exported tokenizers.

The jinja text stands in `data/chat_template.jinja`; the system text and the tool wording are put in from the
constants of `render.py`, so that each is written once. llama.cpp takes its Hermes 2 Pro reading of calls from
the `<tool_call>` blocks in it.
"""

from importlib import resources

from enactor.prompt.render import SYSTEM, TOOLS_HEAD, TOOLS_TAIL


def _quoted(text: str) -> str:
    """Text as the inside of a single-quoted jinja string."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def _load() -> str:
    source = (
        resources.files("enactor.prompt").joinpath("data/chat_template.jinja").read_text(encoding="utf-8")
    )
    for mark, text in (("@SYSTEM@", SYSTEM), ("@TOOLS_HEAD@", TOOLS_HEAD), ("@TOOLS_TAIL@", TOOLS_TAIL)):
        source = source.replace(mark, _quoted(text))
    return source.rstrip("\n")


CHAT_TEMPLATE: str = _load()
