"""Scenarios as requests to sample on: judged by how they end."""

from collections.abc import Iterable, Sequence

from enactor.agent import Toolbox
from enactor.curate.rows import Row
from enactor.errors import EnactorError
from enactor.evaluate import Scenario, play_scenario, scenarios
from enactor.trace.values import Step, Trace
from enactor.train.judge import Judged, Reward, answered, calls_of
from enactor.world import offers


class ScenarioJudge:
    """Judges first turns of the model at a scenario. The reward is the goal's alone: a scenario has many
    right ways."""

    def __init__(self, scenario: Scenario, row: Row) -> None:
        self.scenario, self.row = scenario, row

    def __call__(self, text: str) -> Judged:
        """Play the scenario with that answer."""
        trace, passed = _play(self.scenario, text)
        return Judged(text, calls_of(trace), passed, Reward(0.0, 0.0, 0.0, float(passed)))


def scenario_rows(families: Sequence[str]) -> Iterable[tuple[Scenario, Row]]:
    """The scenarios of the families, each as the row that the model sees. Raises `EnactorError` for a family
    that there is none of."""
    known = {one.family for one in scenarios().values()}
    if unknown := sorted(set(families) - known):
        raise EnactorError(
            f"no scenarios of {', '.join(unknown)}: the families are {', '.join(sorted(known))}"
        )
    for one in scenarios().values():
        if one.family in families:
            trace, _ = _play(one, "")
            yield (
                one,
                Row(
                    message=one.say,
                    kind="multi",
                    family=one.family,
                    group=f"scenario.{one.id}",
                    template=f"scenario.{one.id}",
                    state=trace.state_before or {},
                    offered=offers().offer(one.say),
                    meta={"scenario": one.id},
                ),
            )


def _play(scenario: Scenario, text: str) -> tuple[Trace, bool]:
    seen: list[Trace] = []

    def player(say: str, toolbox: Toolbox, solution: object) -> Sequence[Step]:
        seen.append(answered(text, toolbox, say))
        return seen[0].steps

    verdict = play_scenario(scenario, player)
    return seen[0], verdict.passed
