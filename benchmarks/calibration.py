"""Which of the model's probabilities tells best when a call is wrong? Of the plays of one policy.

    python benchmarks/calibration.py runs/full/core default

Three are compared: of the whole turn, of a token of it on average, and of the beginning up to the end of the
verb (or the tool's name). For each the area under the risk-coverage curve, less is better, with what chance
and the best order give, and with its interval.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from enactor.agent.weigh import head_logprob
from enactor.evaluate.calibration import calibrate
from enactor.evaluate.folder import read_head, read_plays, slug
from enactor.evaluate.paired import bootstrap
from enactor.evaluate.plays import Play
from enactor.models.engine import Completion


def turn_of(play: Play) -> Mapping[str, Any]:
    """The completion that the first decision was made of."""
    return next((one for one in play.asked if one["logprob"] == play.logprob), play.asked[0])


def whole(play: Play) -> float:
    return float(play.logprob or 0.0)


def a_token(play: Play) -> float:
    return whole(play) / max(1, turn_of(play)["completion_tokens"])


def verb(play: Play) -> float:
    one, step = turn_of(play), play.steps[0]
    tool = step["tool"]
    name = play.got[0].split()[0] if tool == "send_command" and play.got else tool
    tokens = tuple((text, logprob) for text, logprob in one["tokens"])
    return head_logprob(Completion(one["text"], tokens=tokens), name if name in one["text"] else tool)


WAYS: Mapping[str, Callable[[Play], float]] = {"whole turn": whole, "a token": a_token, "verb": verb}


def main(run: Path, policy: str) -> None:
    read_head(run)
    plays = [
        play
        for play in read_plays(run / "plays" / f"{slug(policy)}.jsonl")
        if play.trial == 0 and play.logprob is not None and play.origins
    ]
    print(f"{len(plays)} plays with a call, {sum(play.passed for play in plays)} of them right\n")
    print("| probability of | area | by chance | at best |\n|---|---|---|---|")
    for name, way in WAYS.items():
        known = [(way(play), play.passed) for play in plays]
        made = calibrate(known)
        low, high = bootstrap(known, lambda sample: calibrate(sample).area)
        print(f"| {name} | {made.area:.3f} [{low:.3f}, {high:.3f}] | {made.chance:.3f} | {made.best:.3f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
