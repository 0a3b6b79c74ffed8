"""Files read by several processes, their batches gathered in one."""

import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.ingest.files import Source
from enactor.ingest.kinds import Kind
from enactor.ingest.read import Batch, read_source
from enactor.trace import TraceStore

SMALL = 16 << 20
"""Bytes under which one process is done before others would have begun."""

_WAITING = 4
"""Batches that may wait for the writer, for each process: more would only cost memory."""


def batches_of_processes(
    sources: Sequence[Source], folder: Path, kind: Kind | None, known: set[bytes], processes: int
) -> Iterator[Batch]:
    """The batches of all sources, the largest files first. Raises EnactorError where a process ends early."""
    # Forked children share what is known without a copy; elsewhere forking is not safe.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    tasks, done = context.SimpleQueue(), context.Queue(_WAITING * processes)
    workers = [
        context.Process(target=_work, args=(tasks, done, folder, kind, known), daemon=True)
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    feeder = iter(sorted(sources, key=lambda source: -source.size))
    left = len(sources)
    try:
        for source in itertools.islice(feeder, 2 * processes):
            tasks.put(source)
        while left:
            batch = _next(done, workers)
            if isinstance(batch, str):
                raise EnactorError(batch)
            if batch.last:
                left -= 1
                for source in itertools.islice(feeder, 1):
                    tasks.put(source)
            yield batch
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
        done.close()


def _next(done: Any, workers: Sequence[Any]) -> Batch | str:
    while True:
        try:
            found: Batch | str = done.get(timeout=1.0)
        except queue.Empty:
            if all(worker.is_alive() for worker in workers):
                continue
            return (
                "a process ended while it read (was it killed, out of memory?): run again with "
                "`--processes 1`; what was stored is known already"
            )
        return found


def _work(tasks: Any, done: Any, folder: Path, kind: Kind | None, known: set[bytes]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    store = TraceStore(folder)
    while True:
        source: Source = tasks.get()
        try:
            for batch in read_source(source, kind, store, known):
                done.put(batch)
        except EnactorError as error:
            done.put(str(error))


def _end_with_parent() -> None:
    """A killed parent cannot end its children, and they would wait for it to take their batches for ever."""
    if (parent := multiprocessing.parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
