"""Cases, a policy, a verdict.

In: `Case`s (a request in a state with the calls that are right) and a `Policy` (an engine with its system
turn). Out: a `Report` of rates, each with its n and 95% Wilson interval, and the scores behind them. Every
case is played in a fresh simulator beside one in which the right calls are carried out. A `Scenario` is
judged by its end state instead (`play_scenario`).
"""

from enactor.evaluate.cases import Case, cases_of, suite_hash
from enactor.evaluate.run import Policy, Report, by, evaluate, summarize
from enactor.evaluate.scenarios import Scenario, Verdict, play_scenario, scenarios
from enactor.evaluate.score import Score, play, score
from enactor.evaluate.stats import Rate, quantile, rate

__all__ = [
    "Case",
    "Policy",
    "Rate",
    "Report",
    "Scenario",
    "Score",
    "Verdict",
    "by",
    "cases_of",
    "evaluate",
    "play",
    "play_scenario",
    "quantile",
    "rate",
    "scenarios",
    "score",
    "suite_hash",
    "summarize",
]
