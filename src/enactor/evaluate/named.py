"""Policies by name: a model, and how it is let play.

`MODEL` plays as the controller runs it: the short system turn (the tool description for a base), the repair
ladder, one more try after a refusal. Words after a `+` change that; `rules` is the parser without a model.
"""

from dataclasses import dataclass

from enactor.errors import EnactorError

VARIANTS = {
    "raw": "what the strict parser takes and no more: no ladder, no second try",
    "once": "no second try after the game refused",
    "grammar": "every answer is forced to be calls; counted as forced",
    "described": "the system turn describes all tools, as for a base",
}
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Named:
    """A policy's name taken apart."""

    name: str
    model: str
    variants: tuple[str, ...] = ()

    @property
    def ladder(self) -> bool:
        return "raw" not in self.variants

    @property
    def recover(self) -> bool:
        return not {"raw", "once"} & set(self.variants)

    @property
    def grammar(self) -> bool:
        return "grammar" in self.variants

    @property
    def described(self) -> bool:
        return "described" in self.variants


def parse_policy(text: str) -> Named:
    """`default`, `base+raw`, `runs/mine/adapter+once`, `ollama:qwen2.5:14b`, `rules`. Only known words after
    a `+` are taken off, so that a path may have one. Raises `EnactorError` for a name that cannot be meant.
    """
    model, variants = text.strip(), []
    while "+" in model and model.rpartition("+")[2] in VARIANTS:
        model, _, word = model.rpartition("+")
        variants.append(word)
    if not model:
        raise EnactorError(
            f"{text!r} names no model: write default, base, rules or another model, and after it "
            f"+{', +'.join(VARIANTS)} where wanted"
        )
    if model == RULES and variants:
        raise EnactorError("`rules` has no model to change: write it alone")
    return Named(text.strip(), model, tuple(reversed(variants)))
