"""Requests from outside as values: one JSON object a line, as `enactor predict` takes them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, ValidationError

from enactor.prompt import result_message, tool_call
from enactor.trace import Message, ToolResult

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Point = Annotated[list[int], Field(min_length=2, max_length=3)]


class _Call(BaseModel):
    tool: StrictStr
    args: dict[str, Any] = Field(default_factory=dict)


def _text(value: Any) -> Any:
    """Content as text: nothing is empty, and a tool's result may be an object."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


class _Turn(BaseModel):
    role: StrictStr = Field(pattern="^(system|user|assistant|tool)$")
    content: Annotated[StrictStr, BeforeValidator(_text)] = ""
    tool_calls: list[_Call] | None = None


class _State(BaseModel):
    """The keys whose form is fixed; a scenario may have more, which the simulator reads."""

    model_config = ConfigDict(extra="allow")

    location: Point | None = None
    health: Pair | None = None
    inventory: list[StrictStr] | dict[str, int] | None = None
    bank: list[StrictStr] | dict[str, int] | None = None
    equipment: list[StrictStr] | dict[str, Any] | None = None
    skills: dict[str, int] | None = None
    in_combat: StrictStr | bool | None = None
    client_running: bool | None = None


class _Case(BaseModel):
    id: Any = None
    message: StrictStr
    history: list[_Turn] | None = None
    state: _State | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One case. `state` goes to the simulator as it is; `history` is as the model sees it. A case that could
    not be read has the reason in `problem`, and nothing of it is run."""

    line: int
    id: Any
    message: str = ""
    history: tuple[Message, ...] = ()
    state: Mapping[str, Any] | None = None
    problem: str | None = None


def read_requests(lines: Iterable[bytes]) -> Iterator[Request]:
    """One request for each line that is not blank, in order; the line numbers begin at 1."""
    for number, raw in enumerate(lines, 1):
        if raw.strip(b" \t\r\n\xef\xbb\xbf"):
            yield _read(number, raw)


def _read(number: int, raw: bytes) -> Request:
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Request(number, None, problem=f"not UTF-8: {error.reason} at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Request(number, None, problem=f"not JSON: {error}")
    if not isinstance(data, dict):
        return Request(number, None, problem=f"not an object but {type(data).__name__}")
    identity = data.get("id")
    try:
        case = _Case.model_validate(data)
    except ValidationError as error:
        return Request(number, identity, problem="; ".join(map(_problem, error.errors())))
    state = None if data.get("state") is None else {k: v for k, v in data["state"].items() if v is not None}
    return Request(number, identity, case.message, _history(case.history or []), state)


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _history(turns: list[_Turn]) -> tuple[Message, ...]:
    """Earlier turns as the controller keeps its own: calls with a short result after each. What the assistant
    said beside its calls is left out, and results that the record lacks are taken as having gone well."""
    messages: list[Message] = []
    for index, turn in enumerate(turns):
        if turn.role == "system":
            continue
        calls = tuple(tool_call(call.tool, call.args) for call in turn.tool_calls or ())
        if turn.role != "assistant" or not calls:
            messages.append(Message(turn.role, turn.content))  # type: ignore[arg-type]
            continue
        messages.append(Message("assistant", "", calls))
        if index + 1 == len(turns) or turns[index + 1].role != "tool":
            for call in calls:
                line = (call.parsed or {}).get("command")
                lowered = str(line) if call.tool == "send_command" and line is not None else None
                messages.append(result_message(ToolResult("ok", {}, lowered)))
    return tuple(messages)
