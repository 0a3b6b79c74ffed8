"""TRL's GRPOTrainer on our prompts and rewards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from enactor.train.plans import GrpoPlan
from enactor.train.recipe import Recipe
from enactor.train.schedule import Schedule
from enactor.train.trainer import Sealed, common


class PracticeTrainer(Sealed, GRPOTrainer):  # type: ignore[misc]
    """`prompts` are rendered; `rewards` maps each part's name to its function."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        recipe: Recipe,
        plan: GrpoPlan,
        prompts: Sequence[str],
        rewards: Mapping[str, Callable[..., list[float]]],
        schedule: Schedule,
        folder: Path,
        run: Mapping[str, Any],
        callbacks: Sequence[Any],
    ) -> None:
        from datasets import Dataset

        self.into(folder, run, schedule)
        super().__init__(
            model=model,
            reward_funcs=list(rewards.values()),
            args=GRPOConfig(
                **common(recipe, plan.steps, folder),
                num_generations=plan.group,
                max_completion_length=plan.max_tokens,
                temperature=plan.temperature,
                beta=plan.beta,
                reward_weights=[getattr(plan.rewards, name) for name in rewards],
            ),
            train_dataset=Dataset.from_dict({"prompt": list(prompts), "number": list(range(len(prompts)))}),
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)  # prints each step; `Watch` shows a line
