"""Tasks for later: who asked for them, and their way into the queue when their time has come."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from enactor.agent import Deferred
from enactor.serve.core.account import Account
from enactor.serve.core.events import Caller
from enactor.serve.core.journal import Journal, Ticket


class Later:
    """The tasks of all accounts. `put` adds a ticket that is in the journal to its account's queue."""

    def __init__(
        self, accounts: Mapping[str, Account], journal: Journal, put: Callable[[Ticket], object]
    ) -> None:
        self._accounts, self._journal, self._put = accounts, journal, put
        self._lock = threading.Lock()
        self._asked = {ticket.request: ticket for ticket in journal.found.deferred}

    def of(self, account: str) -> tuple[Deferred, ...]:
        """What is to be done on the account."""
        return tuple(self._accounts[account].tasks)

    def ask(self, caller: Caller, account: str, text: str, place: str) -> Deferred:
        """Keep `CONDITION do COMMAND`. Raises `CommandError` for what cannot be kept."""
        held = self._accounts[account]
        task = held.tasks.ask(text, held.now())
        self.note(caller, held, place)
        return task

    def note(self, caller: Caller, account: Account, place: str) -> None:
        """Whatever tasks are there that nobody is known to have asked for: it was this caller."""
        with self._lock:
            for task in account.tasks:
                request = _id(account.name, task)
                if request not in self._asked:
                    ticket = Ticket(request, caller, account.name, task.typed, place, deferred=task.number)
                    self._journal.write(ticket, "deferred")
                    self._asked[request] = ticket

    def forget(self, account: str, number: int) -> Deferred | None:
        """Do not do it after all; None when there is no task of that number."""
        return self._accounts[account].tasks.cancel(number)

    def attend(self, name: str = "") -> None:
        """Take up the tasks whose time has come: on the account of that name, without one on all that are
        attended."""
        for account in self._accounts.values():
            if not (account.name == name if name else account.attended):
                continue
            tasks = self.of(account.name)
            self._drop_cancelled(account)
            if not tasks:
                continue
            state, now = account.observe(), account.now()
            for task in tasks:
                if task.due(state, now):
                    self._take_up(account, task)

    def _take_up(self, account: Account, task: Deferred) -> None:
        """It is in the journal before it leaves its file, under an id made of its number: a kill in between
        neither loses nor doubles it."""
        request = _id(account.name, task)
        with self._lock:
            ticket = self._asked.pop(request, None)
            if ticket is None:
                ticket = Ticket(request, Caller("later", "", "a task for later"), account.name, task.typed)
            ticket = replace(ticket, message=task.typed, deferred=task.number, at=time.time())
            taken = not self._journal.taken_up(request)
            if taken:
                self._journal.write(ticket, "accepted")
            if account.tasks.cancel(task.number) is None and taken:
                self._journal.done("cancelled", request)  # the player, or another process, was sooner
                taken = False
        if taken:
            self._put(ticket)

    def _drop_cancelled(self, account: Account) -> None:
        with self._lock:
            there = {_id(account.name, task) for task in account.tasks}
            gone = [t for t in self._asked.values() if t.account == account.name and t.request not in there]
            for ticket in gone:
                del self._asked[ticket.request]
                self._journal.done("cancelled", ticket.request)


def _id(account: str, task: Deferred) -> str:
    return f"later-{account}-{task.number}"
