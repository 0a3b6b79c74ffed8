"""Which models can answer: opened by name, and the one that is promoted now."""

from collections.abc import Callable
from dataclasses import dataclass

from enactor.serve.core.desk import Model


@dataclass(frozen=True, slots=True)
class Models:
    """`open` gives a model by its name (as in the setting `model`; it fetches and merges if need be, and
    raises `EnactorError`). `names` are those that a person may choose from. `promoted` gives the name of the
    one that should answer, None where that does not change by itself; the service asks every few seconds."""

    open: Callable[[str], Model]
    names: Callable[[], tuple[str, ...]] = lambda: ()
    promoted: Callable[[], str | None] = lambda: None

    def changed(self, name: str) -> Model | None:
        """The promoted model, opened, where it is not the one of that name."""
        wanted = self.promoted()
        return self.open(wanted) if wanted is not None and wanted != name else None
