"""How often the sequential test is wrong, and how many requests it takes.

    python benchmarks/ab.py --runs 200           # half a minute: the figures of docs/deploy.md
    python benchmarks/ab.py --runs 4000 --grid   # some ten minutes, more shares of discordant requests

Simulated pairs: `discordant` is the share of requests where just one of the two models is right, `difference`
how much more of all the candidate gets right. Looked at after every single request, up to `--most`.
"""

import argparse
import math

import numpy as np

from enactor.deploy.drift import PageHinkley
from enactor.deploy.sequential import GRID, Plan


def logs_of(mean: float, cumulated: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """`log_capital` after each pair of each run [runs, pairs], over the cumulated counts."""
    wins, losses, ties = cumulated
    shares = (np.arange(GRID) + 0.5) / GRID / (1 + mean)
    total = np.full(wins.shape, -np.inf)
    for share in shares:
        log = wins * math.log1p(share * (1 - mean)) + losses * math.log1p(-share * (1 + mean))
        total = np.logaddexp(total, log + ties * math.log1p(-share * mean))
    return total - math.log(GRID)


def first(passed: np.ndarray) -> np.ndarray:
    """Index of the first True of each row, the row's length where there is none."""
    return np.where(passed.any(1), passed.argmax(1), passed.shape[1])


def simulate(
    plan: Plan, discordant: float, difference: float, runs: int, rng: np.random.Generator
) -> tuple[dict[str, float], np.ndarray]:
    """Shares of the verdicts, and the number of pairs that each run took."""
    up, down = (discordant + difference) / 2, (discordant - difference) / 2
    draws = rng.random((runs, plan.most), dtype=np.float32)
    wins = (draws < up).cumsum(1)
    losses = ((draws >= up) & (draws < up + down)).cumsum(1)
    ties = np.arange(1, plan.most + 1) - wins - losses
    enough = -math.log(plan.alpha)
    never = np.full(runs, plan.most)
    at = {
        "better": first(logs_of(0.0, (wins, losses, ties)) >= enough),
        "worse": first(logs_of(0.0, (losses, wins, ties)) >= enough),
        "not worse": first(logs_of(-plan.margin, (wins, losses, ties)) >= enough)
        if plan.goal == "not worse"
        else never,
    }
    names = list(at)
    order = np.stack([at[name] for name in names])
    which, when = order.argmin(0), order.min(0)
    decided = when < plan.most
    shares = {name: float(((which == index) & decided).mean()) for index, name in enumerate(names)}
    return {**shares, "no decision": float((~decided).mean())}, np.minimum(when + 1, plan.most)


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


def drift(args: argparse.Namespace) -> None:
    """The alarm of `enactor status`: false alarms in quiet times, delay after a change."""
    rng = np.random.default_rng(1)
    print(f"\nPage-Hinkley with the default settings, {args.runs // 4} runs a line")
    print("| failing before | after request 300 | alarm in the first 300 | in 2,000 | delay p50 / p90 |")
    print("|---|---|---|---|---|")
    for before in (0.05, 0.1, 0.2):
        for after in (before, before + 0.1, before + 0.2):
            early, late, delays = 0, 0, []
            for _ in range(args.runs // 4):
                test, alarm = PageHinkley(), None
                flags = np.concatenate([rng.random(300) < before, rng.random(1700) < after])
                for index, flag in enumerate(flags):
                    test = test.seen(bool(flag))
                    if test.alarm:
                        alarm = index
                        break
                early += alarm is not None and alarm < 300
                late += alarm is not None
                if alarm is not None and alarm >= 300:
                    delays.append(alarm - 300)
            runs = args.runs // 4
            shown = f"{np.quantile(delays, 0.5):.0f} / {np.quantile(delays, 0.9):.0f}" if delays else "–"
            print(f"| {before:.0%} | {after:.0%} | {early / runs:.1%} | {late / runs:.1%} | {shown} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("--grid", action="store_true", help="more shares of discordant requests")
    given = parser.parse_args()
    compare(given)
    drift(given)
