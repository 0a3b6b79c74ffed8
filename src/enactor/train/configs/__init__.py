"""The same recipe and the same rows for another trainer.

In: a `Recipe` with a section `gpu` and files of rows. Out: a folder with the data in that trainer's form and
the configuration that trains on it (`emit`). `docs/gpu.md` says what each trainer's own parser made of them,
and what a trainer cannot say.
"""

from enactor.train.configs.write import TRAINERS, Emitted, Trainer, TrainerName, emit

__all__ = ["TRAINERS", "Emitted", "Trainer", "TrainerName", "emit"]
