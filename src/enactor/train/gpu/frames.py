"""Rows between a base's own marks.

Each base has special tokens of its own around turns: ChatML in Qwen2.5, headers in Llama 3, `[INST]` in
Mistral. No tokens are added to any of them, so a row takes the base's frame. Inside it a call stands as in
every other row, in the `hermes` dialect, and a result in a turn of the user: Llama-3.1's own form has room
for one call in a turn, Mistral's wants an identifier for each, and one dialect keeps one parser, one grammar
and one ledger. The template of a frame is the same rendering for runtimes; a test compares the two token by
token.

Sources of the frames: Meta's "Llama 3.1 model cards and prompt formats"; Mistral's cookbook, "Tokenization",
V3 (messages of the user that follow each other are joined by an empty line). Mistral's own code puts the
system turn before the last words of the user. Here it stands before the first, so that a conversation keeps
its prefix; where there is one turn the two are the same.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from enactor.prompt import (
    CHAT_TEMPLATE,
    DIALECTS,
    END,
    SYSTEM,
    Dialect,
    Segment,
    escape,
    render_row,
    render_turn,
)
from enactor.trace.values import Message
from enactor.train.gpu.plan import FrameName

Render = Callable[[Sequence[Message], Dialect, Collection[int]], Iterator[Segment]]


@dataclass(frozen=True, slots=True)
class Frame:
    """`marks` are the special tokens that it needs, `end` the one that ends the model's turn, `pad` one that
    occurs in no row."""

    marks: tuple[str, ...]
    end: str
    pad: str
    render: Render

    def segments(
        self,
        messages: Sequence[Message],
        *,
        dialect: Dialect = DIALECTS["hermes"],
        masked: Collection[int] = (),
    ) -> list[Segment]:
        """A whole conversation with its loss mask, as `prompt.render_row` gives it for ChatML. `SYSTEM` is
        put in front where no system turn stands."""
        shift = 0
        if not messages or messages[0].role != "system":
            messages, shift = [Message("system", SYSTEM), *messages], 1
        merged: list[Segment] = []
        for segment in self.render(messages, dialect, {index + shift for index in masked}):
            if merged and merged[-1].train == segment.train:
                merged[-1] = Segment(merged[-1].text + segment.text, segment.train)
            elif segment.text:
                merged.append(segment)
        return merged


def _chatml(messages: Sequence[Message], dialect: Dialect, masked: Collection[int]) -> Iterator[Segment]:
    return iter(render_row(messages, dialect=dialect, masked=masked))


def _llama3(messages: Sequence[Message], dialect: Dialect, masked: Collection[int]) -> Iterator[Segment]:
    yield Segment("<|begin_of_text|>", False)
    for index, message in enumerate(messages):
        if message.role == "assistant":
            yield Segment(_header("assistant"), False)
            yield Segment(_answer(message, dialect) + "<|eot_id|>", index not in masked)
        elif message.role == "tool":
            opens = index == 0 or messages[index - 1].role != "tool"
            closes = index + 1 == len(messages) or messages[index + 1].role != "tool"
            head = _header("user") if opens else "\n"
            yield Segment(head + _result(message) + ("<|eot_id|>" if closes else ""), False)
        else:
            yield Segment(f"{_header(message.role)}{_said(message)}<|eot_id|>", False)


def _mistral(messages: Sequence[Message], dialect: Dialect, masked: Collection[int]) -> Iterator[Segment]:
    system, *turns = messages
    opens = [
        message.role != "assistant" and (index == 0 or turns[index - 1].role == "assistant")
        for index, message in enumerate(turns)
    ]
    yield Segment("<s>", False)
    for index, message in enumerate(turns):
        if message.role == "assistant":
            yield Segment(f" {_answer(message, dialect)}</s>", index + 1 not in masked)
            continue
        before = "\n" if message.role == "tool" and turns[index - 1].role == "tool" else "\n\n"
        if opens[index]:
            before = "[INST] " + (f"{system.content}\n\n" if index == 0 else "")
        closes = index + 1 == len(turns) or turns[index + 1].role == "assistant"
        body = _result(message) if message.role == "tool" else _said(message)
        yield Segment(before + body + ("[/INST]" if closes else ""), False)


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


def _said(message: Message) -> str:
    return message.content if message.role == "system" else escape(message.content).strip()


def _answer(message: Message, dialect: Dialect) -> str:
    return render_turn(escape(message.content), message.tool_calls, dialect)


def _result(message: Message) -> str:
    return f"<tool_response>\n{escape(message.content).strip()}\n</tool_response>"


FRAMES: Mapping[FrameName, Frame] = {
    "chatml": Frame(("<|im_start|>", END), END, "<|endoftext|>", _chatml),
    "llama3": Frame(
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|eot_id|>",
        "<|finetune_right_pad_id|>",
        _llama3,
    ),
    "mistral": Frame(("<s>", "</s>", "[INST]", "[/INST]"), "</s>", "<unk>", _mistral),
}


@cache
def frame_template(name: FrameName) -> str:
    """The jinja template that ships with a model of that frame. Tools are not described: a tuned model was
    trained without."""
    if name == "chatml":
        return CHAT_TEMPLATE
    folder = resources.files("enactor.train.gpu").joinpath("templates")
    source = folder.joinpath(f"{name}.jinja").read_text(encoding="utf-8")
    answer = folder.joinpath("answer.jinja").read_text(encoding="utf-8").strip()
    system = SYSTEM.replace("\\", "\\\\").replace("'", "\\'")
    return source.replace("@SYSTEM@", system).replace("@ANSWER@", answer).rstrip("\n")
