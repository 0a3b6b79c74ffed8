"""What each method needs beside what all share: a section of the recipe under the method's name."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from enactor.curate.rename import SHARE


class DataPlan(BaseModel):
    """The rows to build where none are given: `curate.BuildConfig` without its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=4000, ge=10, description="training rows")
    test_rows: int = Field(default=400, ge=10, description="rows of held-out phrasings")
    seed: int = 0
    renamed: float = Field(
        default=SHARE, ge=0, le=1, description="share of the rows whose commands bear made-up names"
    )
    leave_out: tuple[str, ...] = Field(
        default=(), description="families of the phrasebook to hold out entirely"
    )


class PreferencePlan(BaseModel):
    """DPO [Rafailov et al. 2023] on pairs, with the supervised loss on the right answers as anchor, without
    which the likelihood of both answers falls together. A step's `batch` counts pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loss: Literal["sigmoid", "ipo", "hinge", "apo_zero", "sigmoid_norm"] = Field(
        default="sigmoid", description="TRL's name of the loss; `sigmoid` is DPO"
    )
    beta: float = Field(default=0.1, gt=0, description="the larger, the nearer to the adapter it starts from")
    anchor: float = Field(default=1.0, ge=0, description="weight of the supervised loss on the right answers")


class RejectionPlan(BaseModel):
    """Sample, execute in the simulator, keep what reached the goal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(default=400, ge=1, description="requests that are sampled")
    samples: int = Field(default=6, ge=1, le=64, description="answers for each request")
    temperature: float = Field(default=0.8, gt=0, le=2)
    max_tokens: int = Field(default=128, ge=8)
    keep: int = Field(default=1, ge=1, description="answers kept of a request, the shortest first")
    unsolved: Literal["drop", "answer"] = Field(
        default="drop", description="requests that no sample solved: leave them out, or take the known answer"
    )
    scenarios: tuple[str, ...] = Field(
        default=(),
        description="families of scenarios to sample too; they are no test for this adapter any more",
    )


class RewardWeights(BaseModel):
    """What the parts of the reward count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: float = Field(
        default=0.5, ge=0, description="a call where one is due, none where none is; see Reward"
    )
    verb: float = Field(default=0.5, ge=0)
    operands: float = Field(default=1.0, ge=0)
    goal: float = Field(default=1.0, ge=0)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any((self.format, self.verb, self.operands, self.goal)):
            raise ValueError("all weights are 0: nothing would be rewarded")
        return self


class GrpoPlan(BaseModel):
    """GRPO [Shao et al. 2024] with the simulator as environment. A step's `batch` counts answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(default=16, ge=1, description="requests to practise on")
    group: int = Field(default=8, ge=2, description="answers of a request that are compared with each other")
    steps: int = Field(default=20, ge=1)
    temperature: float = Field(default=1.0, gt=0, le=2)
    max_tokens: int = Field(default=64, ge=8)
    beta: float = Field(
        default=0.0, ge=0, description="weight of the distance to where it started; costs a pass"
    )
    rewards: RewardWeights = RewardWeights()
