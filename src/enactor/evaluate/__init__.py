"""A suite, a policy, a verdict.

In: a `Suite` (data with a version and a hash: `Case`s, each a request in a state with the calls that are
right, and `Scenario`s, each a task with goals) and a `Policy` (an engine and how it is let play). Out: a
`Play` for each, with every prompt, answer and call, judged by the end state; from plays the `figures`, each
with its n and 95% interval, the `comparisons` of policies, a report and a log for Inspect's viewer.

`evaluate` is the short way, without files: cases in, a `Report` of rates out. Every case is played in a fresh
simulator beside one in which the right calls are carried out.
"""

from enactor.evaluate.cases import Case, cases_of, suite_hash
from enactor.evaluate.metrics import Comparison, Figure, comparisons, figures
from enactor.evaluate.plays import Play, play_item
from enactor.evaluate.run import Policy, Report, by, evaluate, summarize
from enactor.evaluate.scenarios import Scenario, Verdict, play_scenario, scenarios
from enactor.evaluate.score import Score, play, score
from enactor.evaluate.stats import Rate, quantile, rate
from enactor.evaluate.suite import SUITES, Suite, load_suite

__all__ = [
    "SUITES",
    "Case",
    "Comparison",
    "Figure",
    "Play",
    "Policy",
    "Rate",
    "Report",
    "Scenario",
    "Score",
    "Suite",
    "Verdict",
    "by",
    "cases_of",
    "comparisons",
    "evaluate",
    "figures",
    "load_suite",
    "play",
    "play_item",
    "play_scenario",
    "quantile",
    "rate",
    "scenarios",
    "score",
    "suite_hash",
    "summarize",
]
