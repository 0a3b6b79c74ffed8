"""What the page may send, each a type of its own: checked here, described in the OpenAPI page."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from enactor.agent import MAX_MESSAGE_CHARS

Choice = Literal["first", "second", "tie"]
Text = Annotated[str, Field(max_length=4000)]
Id = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Refused(ValueError):
    """What was sent cannot be taken; the message is for the person. `status` is the answer's."""

    def __init__(self, message: str, status: int = 422, retry_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_s = retry_s


class Form(BaseModel):
    """A body. Unknown keys are refused, and so is a number written as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Form):
    """No keys."""


class Say(Form):
    """A request in the player's words, or a command in capitals."""

    message: str = Field(max_length=2 * MAX_MESSAGE_CHARS)


class Answer(Form):
    """Yes or no to the open question of a request."""

    request: Id
    yes: bool


class OfRequest(Form):
    """One request."""

    request: Id


class ChooseModel(Form):
    """One of the models that the session lists."""

    model: Name


class ChooseSpeed(Form):
    """Seconds of game time in a real one; 0 is as fast as can be computed."""

    speed: float = Field(ge=0, le=1000, allow_inf_nan=False)


class ChooseScenario(Form):
    """A scenario by its name; empty is a fresh world."""

    scenario: str = Field("", max_length=80)


class Rate(Form):
    """1 (bad) to 5 (good)."""

    trace: Id
    rating: int = Field(ge=1, le=5)


class Check(Form):
    """Corrected calls, a call a line, to be judged by the grammar."""

    trace: Id
    text: Text
    reply: str = Field("", max_length=1000)


class Complete(Form):
    """A line of corrected calls up to the cursor."""

    trace: Id
    line: Text


class Correct(Form):
    """The right calls, a call a line; empty where no call was due, with the right reply."""

    trace: Id
    calls: Text
    reply: str = Field("", max_length=1000)


class Compare(Form):
    """One request to two models."""

    message: str = Field(min_length=1, max_length=MAX_MESSAGE_CHARS)
    a: Name
    b: Name
    blind: bool = True


class Vote(Form):
    """Which side of a comparison was better."""

    comparison: Id
    choice: Choice


class Atlas(BaseModel):
    """A part of the map: the tile in its middle, the floor, and how far it reaches in tiles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: int = Field(ge=0, le=16_383)
    y: int = Field(ge=0, le=16_383)
    plane: int = Field(0, ge=0, le=3)
    radius: int = Field(64, ge=1, le=200)
