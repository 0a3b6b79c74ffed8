"""Let policies play a suite into a run's folder: what is there already is not played again."""

import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enactor import __version__
from enactor.evaluate.cases import Case
from enactor.evaluate.folder import RunFolder
from enactor.evaluate.plays import play_item
from enactor.evaluate.run import Policy
from enactor.evaluate.scenarios import Scenario
from enactor.evaluate.suite import Suite
from enactor.world import world_hash

Job = tuple[Case | Scenario, int]


def head(
    suite: Suite, policies: Mapping[str, Mapping[str, Any]], standings: Mapping[str, str]
) -> dict[str, Any]:
    """What `run.json` says of a run; `policies` has what identifies each, `standings` whether its figures on
    this suite are certified."""
    return {
        "schema": 1,
        "suite": suite.name,
        "version": suite.version,
        "about": suite.about,
        "hash": suite.hash,
        "cases": len(suite.cases),
        "scenarios": len(suite.scenarios),
        "world": world_hash(),
        "enactor": __version__,
        "source": source_state(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "policies": {name: dict(found) for name, found in policies.items()},
        "standings": dict(standings),
    }


def todo(folder: RunFolder, policy: str, suite: Suite, trials: int) -> list[Job]:
    """What the policy has not played yet: every item greedily, then `trials` sampled rounds."""
    done = {(play.item, play.trial) for play in folder.plays(policy)}
    items: list[Case | Scenario] = [*suite.cases, *suite.scenarios]
    return [(item, trial) for trial in range(trials + 1) for item in items if (item.id, trial) not in done]


def drive(
    policy: Policy,
    jobs: list[Job],
    folder: RunFolder,
    *,
    slots: int = 1,
    progress: Callable[[], object] | None = None,
) -> None:
    """Play the jobs, `slots` side by side, each kept as it ends. Raises what the engine raises; Ctrl-C ends
    what is under way, and what was kept stays."""

    stopped = threading.Event()

    def one(job: Job) -> None:
        item, trial = job
        play = play_item(policy, item, trial)
        if stopped.is_set():  # its answer may have been broken off: it is played again
            return
        folder.keep(policy.name, play)
        if progress:
            progress()

    pool = ThreadPoolExecutor(max_workers=slots)
    try:
        under_way = [pool.submit(one, job) for job in jobs]
        for ended in wait(under_way, return_when=FIRST_EXCEPTION).done:
            ended.result()
    except BaseException:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        policy.engine.cancel()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def source_state() -> dict[str, Any] | None:
    """The commit that this code is of and whether it was changed since; None outside a clone."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
