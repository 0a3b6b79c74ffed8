"""The chat template that ships in the GGUF and in exported tokenizers.

The jinja text stands in `data/chat_template.jinja`; the system text and the tool wording are put in from the
constants of `render.py`, so that each is written once. llama.cpp reads calls as Hermes does because of the
`<tool_call>` blocks that the template writes; a test proves it with the real server.
"""

from importlib import resources

from enactor.prompt.render import SYSTEM, TOOLS_HEAD, TOOLS_TAIL


def chat_template(describe_tools: bool = False) -> str:
    """The jinja template. Given `tools`, it writes their descriptions into the system turn only where
    `describe_tools` is on: a tuned model knows its tools and was trained without the description, a base or a
    model tuned with it needs them. A request can decide otherwise through the template variable of that name
    (`chat_template_kwargs` in llama.cpp and vLLM)."""
    source = (
        resources.files("enactor.prompt").joinpath("data/chat_template.jinja").read_text(encoding="utf-8")
    )
    fills = {
        "@SYSTEM@": _quoted(SYSTEM),
        "@TOOLS_HEAD@": _quoted(TOOLS_HEAD),
        "@TOOLS_TAIL@": _quoted(TOOLS_TAIL),
        "@DESCRIBE_TOOLS@": "true" if describe_tools else "false",
    }
    for mark, text in fills.items():
        source = source.replace(mark, text)
    return source.rstrip("\n")


def _quoted(text: str) -> str:
    """Text as the inside of a single-quoted jinja string."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


CHAT_TEMPLATE: str = chat_template()
