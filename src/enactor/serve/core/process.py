"""What a process that only serves sets for itself, so that no request waits for the interpreter."""

import gc
import sys

SWITCH_S = 0.001
"""How long a thread computes while others wait for the interpreter. Python's own 5 ms are waited anew after
every write to the disk, by each of some ten steps of a request."""


def serve_promptly() -> None:
    """Call once, when all is open. What is there now (tables, models, games) stays for as long as the
    process, so the collector need not look through it again: with 200 accounts that stopped all threads for
    60 to 100 ms now and then (`benchmarks/load.py`)."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
