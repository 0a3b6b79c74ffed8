"""The part of a recipe that only a GPU run has."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Quantize = Literal["none", "nf4"]
Optimizer = Literal["adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"]
FrameName = Literal["chatml", "llama3", "mistral"]


class GpuPlan(BaseModel):
    """QLoRA on one card [Dettmers et al. 2023]: the frozen weights in four bits, the adapter beside them in
    full precision. The same settings run on a CPU, slowly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_gb: float = Field(24.0, gt=0, description="memory of the card the recipe is made for, in GiB")
    quantize: Quantize = Field("nf4", description="how the frozen weights are held; needs bitsandbytes")
    double_quantize: bool = Field(True, description="the scales of the four-bit blocks in eight bits too")
    optimizer: Optimizer = Field("paged_adamw_8bit", description="paged: its state may move to the host")
    checkpointing: bool = Field(True, description="keep a layer's input alone, compute the rest again")
    frame: FrameName = Field("chatml", description="the base's own marks around turns")
    operands: Literal["said", "lowered"] = Field(
        "lowered", description="operands as the plugin takes them, or in the player's words"
    )
