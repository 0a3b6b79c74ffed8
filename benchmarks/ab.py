"""How often the sequential test is wrong, and how many requests it takes.

    python benchmarks/ab.py --runs 2000          # the figures of docs/deploy.md
    python benchmarks/ab.py --runs 4000 --grid   # more shares of discordant requests

Simulated pairs: `discordant` is the share of requests where just one of the two models is right, `difference`
how much more of all the candidate gets right. Looked at after every single request, up to `--most`.
"""

import argparse
import time

import numpy as np

from enactor.deploy.drift import PageHinkley
from enactor.deploy.sequential import GRID, Plan


def first(mean: float, outcomes: np.ndarray, alpha: float) -> np.ndarray:
    """After how many pairs each run rejects "the mean difference is at most `mean`", one more than there are
    where it never does. `outcomes` [runs, pairs]: 0 for a win, 1 for a loss, 2 for a tie.

    It is `enactor.deploy.sequential.log_capital` for all runs at once: the capital of each share that is bet
    is multiplied from pair to pair.
    """
    shares = (np.arange(GRID) + 0.5) / GRID / (1 + mean)
    factors = np.stack([1 + shares * (1 - mean), 1 - shares * (1 + mean), 1 - shares * mean])
    capital = np.ones((len(outcomes), GRID))
    found = np.full(len(outcomes), outcomes.shape[1] + 1)
    open_runs = np.arange(len(outcomes))
    for n, column in enumerate(outcomes.T, 1):
        capital *= factors[column[open_runs]]
        rejects = capital.mean(1) >= 1 / alpha
        if rejects.any():
            found[open_runs[rejects]] = n
            open_runs, capital = open_runs[~rejects], capital[~rejects]
    return found


TURNED = np.array([1, 0, 2])
"""Outcomes from the other side."""


def simulate(
    plan: Plan, discordant: float, difference: float, runs: int, rng: np.random.Generator
) -> tuple[dict[str, float], np.ndarray]:
    """Shares of the verdicts, and the number of pairs that each run took."""
    up, down = (discordant + difference) / 2, (discordant - difference) / 2
    outcomes = rng.choice(3, (runs, plan.most), p=(up, down, 1 - up - down))
    at = {
        "better": first(0.0, outcomes, plan.alpha),
        "worse": first(0.0, TURNED[outcomes], plan.alpha),
    }
    if plan.goal == "not worse":
        at["not worse"] = first(-plan.margin, outcomes, plan.alpha)
    order = np.stack(list(at.values()))
    which, when = order.argmin(0), order.min(0)
    decided = when <= plan.most
    shares = {name: float(((which == index) & decided).mean()) for index, name in enumerate(at)}
    return {"not worse": 0.0, **shares, "no decision": float((~decided).mean())}, np.minimum(when, plan.most)


def compare(args: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    print(
        f"{args.runs} comparisons a line, up to {args.most} requests, looked at after each; alpha 5% each way"
    )
    print("| goal | discordant | difference | better | not worse | worse | none | requests p10 / p50 / p90 |")
    print("|---|---|---|---|---|---|---|---|")
    discordants = (0.05, 0.1, 0.2) if args.grid else (0.1,)
    differences = (-0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1)
    for goal in ("better", "not worse"):
        for discordant in discordants:
            for difference in differences:
                if abs(difference) > discordant:
                    continue
                plan = Plan(goal=goal, most=args.most)
                shares, took = simulate(plan, discordant, difference, args.runs, rng)
                p10, p50, p90 = np.quantile(took, (0.1, 0.5, 0.9))
                line = " | ".join(
                    f"{shares[name]:.1%}" for name in ("better", "not worse", "worse", "no decision")
                )
                print(
                    f"| {goal} | {discordant:.0%} | {100 * difference:+.0f} points | {line} "
                    f"| {p10:.0f} / {p50:.0f} / {p90:.0f} |"
                )


def alarms(test: PageHinkley, failed: np.ndarray) -> np.ndarray:
    """Index of the request at which each run raises the alarm first, the number of requests where it never
    does. `failed` [runs, requests]. It is `PageHinkley.seen` for all runs at once."""
    total = lowest = wrong = np.zeros(len(failed))
    found = np.full(len(failed), failed.shape[1])
    for index, column in enumerate(failed.T):
        wrong = wrong + column
        total = total + column - wrong / (index + 1) - test.slack
        lowest = np.minimum(lowest, total)
        raised = (total - lowest > test.threshold) & (index + 1 >= test.least)
        found[raised] = np.minimum(found[raised], index)
    return found


def drift(args: argparse.Namespace) -> None:
    """The alarm of `enactor status`: false alarms in quiet times, delay after a change."""
    rng = np.random.default_rng(1)
    usual = PageHinkley().threshold
    print(f"\nPage-Hinkley with the default settings but for the threshold, {args.runs} runs a line")
    print("| threshold | failing before | after request 300 | alarm before | in 2,000 | delay p50 / p90 |")
    print("|---|---|---|---|---|---|")
    for threshold in (usual, 1.5 * usual):
        for before in (0.05, 0.1, 0.2):
            for after in (before, before + 0.1, before + 0.2):
                chance = np.where(np.arange(2000) < 300, before, after)
                at = alarms(PageHinkley(threshold=threshold), rng.random((args.runs, 2000)) < chance)
                delays = at[(at >= 300) & (at < 2000)] - 300
                seen = len(delays) and after > before
                shown = f"{np.quantile(delays, 0.5):.0f} / {np.quantile(delays, 0.9):.0f}" if seen else "–"
                print(
                    f"| {threshold:g} | {before:.0%} | {after:.0%} | {(at < 300).mean():.1%} "
                    f"| {(at < 2000).mean():.1%} | {shown} |"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("--grid", action="store_true", help="more shares of discordant requests")
    given = parser.parse_args()
    started = time.process_time()
    compare(given)
    drift(given)
    print(f"\n{time.process_time() - started:.0f} s of processor")
