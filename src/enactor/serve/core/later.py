"""Tasks for later: who asked for them, and their way into the queue when their time has come."""

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
        self._asked = {ticket.request: ticket for ticket in journal.found.deferred}

    def of(self, account: str) -> tuple[Deferred, ...]:
        """What is to be done on the account."""
        held = self._accounts[account]
        with held.tasks_lock:
            return tuple(held.tasks)

    def ask(self, caller: Caller, account: str, text: str, place: str) -> Deferred:
        """Keep `CONDITION do COMMAND`. Raises `CommandError` for what cannot be kept."""
        held = self._accounts[account]
        with held.tasks_lock:
            task = held.tasks.ask(text, held.now())
        ticket = Ticket(_id(account, task), caller, account, task.command, place, deferred=task.number)
        self._journal.write(ticket, "deferred")
        self._asked[ticket.request] = ticket
        return task

    def forget(self, account: str, number: int) -> Deferred | None:
        """Do not do it after all; None when there is no task of that number."""
        held = self._accounts[account]
        with held.tasks_lock:
            task = held.tasks.cancel(number)
        if task is not None and self._asked.pop(_id(account, task), None) is not None:
            self._journal.done(_id(account, task), "cancelled")
        return task

    def attend(self) -> None:
        """Take up the tasks whose time has come."""
        for account in self._accounts.values():
            tasks = self.of(account.name)
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
        ticket = self._asked.pop(request, None)
        if ticket is None:
            ticket = Ticket(request, Caller("later", "", "a task for later"), account.name, task.command)
        ticket = replace(ticket, message=task.command, deferred=task.number, at=time.time())
        if not self._journal.taken_up(request):
            self._journal.write(ticket, "accepted")
            self._put(ticket)
        with account.tasks_lock:
            account.tasks.cancel(task.number)


def _id(account: str, task: Deferred) -> str:
    return f"later-{account}-{task.number}"
