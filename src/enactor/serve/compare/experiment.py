"""One comparison of a candidate with the model in use: what was agreed, what was seen, how it ended.

`ab/current.json` in the registry's folder holds the comparison that runs or ended last; `ab/<id>.jsonl` has a
line a pair. Pairs are appended under a lock, one line at once, so that a stop at any moment loses none.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from enactor.deploy.sequential import Pairs, Plan, Verdict
from enactor.errors import EnactorError
from enactor.models import Registry
from enactor.models.cache import writing
from enactor.trace.files import append_line, parse, set_torn_aside
from enactor.trace.lock import locked

Mode = Literal["shadow", "split"]


class ComparisonError(EnactorError):
    """A comparison that cannot be begun, read or ended."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """`candidate` is a model's name as for `--model`, `incumbent` the engine's name in the records. In a
    shadow the candidate decodes what the incumbent answered; in a split it plays for the `share` of players
    whose hash says so. `verdict` is empty while it runs, "stopped" when a person ended it."""

    id: str
    mode: Mode
    candidate: str
    incumbent: str
    started: str
    plan: Plan = field(default_factory=Plan)
    share: float = 0.5
    promote: bool = False
    verdict: Verdict | Literal["", "stopped"] = ""
    ended: str = ""
    reason: str = ""

    @property
    def running(self) -> bool:
        return not self.verdict


@dataclass(frozen=True, slots=True)
class Pair:
    """One request judged twice (a split: one of each side). `trace` is the hash of the record that was played
    again, in a split both hashes; `same` says that the calls were equal."""

    trace: str
    candidate: bool
    incumbent: bool
    outcomes: tuple[str, str] = ("", "")
    same: bool = False
    latency_ms: float = 0.0


class Comparisons:
    """The comparisons kept in the registry's folder."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or Registry()
        self.folder = self.registry.folder / "ab"

    def current(self) -> Experiment | None:
        """The comparison that runs or ended last; None where there never was one."""
        path = self.folder / "current.json"
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            return Experiment(**{**value, "plan": Plan(**value["plan"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComparisonError(f"{path} cannot be read ({error}): delete it to begin anew") from error

    def running(self) -> Experiment | None:
        """The comparison that runs."""
        found = self.current()
        return found if found is not None and found.running else None

    def start(
        self,
        candidate: str,
        incumbent: str,
        *,
        mode: Mode = "shadow",
        plan: Plan | None = None,
        share: float = 0.5,
        promote: bool = False,
    ) -> Experiment:
        """Begin one. Raises `ComparisonError` while another one runs, or when both are the same model."""
        if candidate in (incumbent, "default"):
            raise ComparisonError(f"{candidate} is the model in use: name another one to compare it with")
        if promote and candidate not in self.registry:
            raise ComparisonError(f"{candidate} is not in the registry: only what is there can be promoted")
        with self.lock():
            if (other := self.running()) is not None:
                raise ComparisonError(
                    f"{other.candidate} is being compared since {other.started}: see `enactor ab status`, "
                    "end it with `enactor ab stop`"
                )
            started = _now()
            name = f"{started[:10]}-{secrets.token_hex(3)}"
            made = Experiment(name, mode, candidate, incumbent, started, plan or Plan(), share, promote)
            self.write(made)
        return made

    def end(self, experiment: Experiment, verdict: Verdict | Literal["stopped"], reason: str) -> Experiment:
        """Write the end of a comparison down; one that has ended already stays as it is."""
        with self.lock():
            now = self.current()
            if now is None or now.id != experiment.id or not now.running:
                return now or experiment
            done = replace(now, verdict=verdict, ended=_now(), reason=reason)
            self.write(done)
        return done

    def pairs(self, experiment: Experiment) -> Iterator[Pair]:
        """The pairs so far, in order."""
        path = self._file(experiment)
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                row = parse(line)
                if row is not None and line.endswith(b"\n"):
                    yield Pair(**{**row, "outcomes": tuple(row["outcomes"])})

    def append(self, experiment: Experiment, pairs: Iterable[Pair]) -> int:
        """Keep pairs whose record is not there yet; how many were new."""
        with self.lock():
            set_torn_aside(self._file(experiment))
            known = {pair.trace for pair in self.pairs(experiment)}
            fresh = [pair for pair in pairs if pair.trace not in known]
            for pair in fresh:
                append_line(self._file(experiment), (json.dumps(asdict(pair)) + "\n").encode())
        return len(fresh)

    def counts(self, experiment: Experiment) -> Pairs:
        """Wins, losses and ties so far."""
        counted = Pairs()
        for pair in self.pairs(experiment):
            counted = counted.with_pair(pair.candidate, pair.incumbent)
        return counted

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock"):
            yield

    def write(self, experiment: Experiment) -> None:
        """Put the comparison's file in place, whole; under `lock`."""
        value: dict[str, Any] = asdict(experiment)
        with writing(self.folder / "current.json") as partial, partial.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    def _file(self, experiment: Experiment) -> Path:
        return self.folder / f"{experiment.id}.jsonl"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
