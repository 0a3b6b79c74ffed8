"""Fit the offers to the phrasebook: one embedding table and one linear layer a fold, by softmax regression.

A row's target is spread evenly over the commands of its right answer; a phrasing that no call answers has
the target `reply`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enactor.curate.synthesize import Funnel, make_row
from enactor.trace import content_hash
from enactor.world.cards import BUCKETS, FOLDS, REPLY, Offers, features, fold_of
from enactor.world.phrasebook import Template, slots, templates

SPOKEN_OF = frozenset({"order", "doing", "call"})


@dataclass(frozen=True, slots=True)
class OffersRecipe:
    """How the layers are fitted. `fillings`: messages drawn from each phrasing, `varied` times as many where
    what fills it is a whole order that is only spoken of; `width`: the length of an embedding; `passes` over
    the messages in steps of `batch` with Adam, its rate falling to zero."""

    fillings: int = 2
    varied: int = 8
    width: int = 32
    passes: int = 4
    batch: int = 256
    learning_rate: float = 0.02
    seed: int = 0


def fit_offers(found: Sequence[Template], recipe: OffersRecipe | None = None) -> Offers:
    """Layers fitted to the phrasings: `fillings` messages of each, drawn with noise as rows are. The
    25,073 of the book took 27 s of one core. Held-out phrasings are the caller's to leave out."""
    import torch

    recipe = recipe or OffersRecipe()
    rng = random.Random(f"offers {recipe.seed}")
    messages: list[NDArray[np.int64]] = []
    owners: list[Template] = []
    for template in found:
        spoken_of = SPOKEN_OF.intersection(slot for slot, _ in slots(template.text))
        for _ in range(recipe.fillings * (recipe.varied if spoken_of else 1)):
            row = make_row(template, rng, Funnel(), offer=False)
            if row is not None:
                messages.append(features(row.message))
                owners.append(template)
    names = tuple(sorted({name for template in found for name in called(template)}))
    targets = np.zeros((len(owners), len(names)), dtype=np.float32)
    for index, template in enumerate(owners):
        right = called(template)
        for name in right:
            targets[index, names.index(name)] = 1 / len(right)
    folds = np.array([fold_of(template.key) for template in owners])
    fitted = []
    with torch.random.fork_rng():
        for fold in range(FOLDS):
            kept = np.flatnonzero(folds != fold)
            fitted.append(_fit([messages[i] for i in kept], targets[kept], recipe))
    scale = np.array([np.abs(table).max() / 127 for table, _, _ in fitted], dtype=np.float32)
    return Offers(
        names=names,
        tables=np.stack([np.rint(t / s).astype(np.int8) for (t, _, _), s in zip(fitted, scale, strict=True)]),
        scale=scale,
        heads=np.stack([head for _, head, _ in fitted]),
        biases=np.stack([bias for _, _, bias in fitted]),
        phrasings=phrasings_hash(found),
    )


def training_phrasings() -> list[Template]:
    """The phrasings that the shipped layers are fitted to."""
    return [template for template in templates() if not template.held_out]


def phrasings_hash(found: Sequence[Template]) -> str:
    """Identity of a list of phrasings with their commands."""
    return content_hash([[template.key, *called(template)] for template in found])


def called(template: Template) -> tuple[str, ...]:
    """The verbs and tools of a phrasing's right answer, each once; `reply` where it has none."""
    lines = (line.removeprefix("@").split()[0] for line in template.group.do)
    return tuple(dict.fromkeys(lines)) or (REPLY,)


def _fit(
    messages: Sequence[NDArray[np.int64]], targets: NDArray[np.float32], recipe: OffersRecipe
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(table: `BUCKETS` × width, head: width × names, bias: names)."""
    import torch
    from torch.nn.functional import embedding_bag, log_softmax

    torch.manual_seed(recipe.seed)
    order = np.random.default_rng(recipe.seed)
    table = torch.nn.Parameter(torch.randn(BUCKETS, recipe.width) * 0.05)
    head = torch.nn.Parameter(torch.randn(recipe.width, targets.shape[1]) * 0.1)
    bias = torch.nn.Parameter(torch.zeros(targets.shape[1]))
    adam = torch.optim.Adam([table, head, bias], lr=recipe.learning_rate)
    steps = recipe.passes * -(-len(messages) // recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - step / steps)
    for _ in range(recipe.passes):
        shuffled = order.permutation(len(messages))
        for at in range(0, len(shuffled), recipe.batch):
            taken = shuffled[at : at + recipe.batch]
            lengths = np.array([len(messages[i]) for i in taken])
            hidden = embedding_bag(
                torch.from_numpy(np.concatenate([messages[i] for i in taken])),
                table,
                torch.from_numpy(np.cumsum(lengths) - lengths),
                mode="sum",
                per_sample_weights=torch.from_numpy(np.repeat(lengths**-0.5, lengths).astype(np.float32)),
            )
            loss = -(torch.from_numpy(targets[taken]) * log_softmax(hidden @ head + bias, 1)).sum(1).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return table.detach().numpy(), head.detach().numpy(), bias.detach().numpy()
