"""Who may do what, by Discord's ids; by default nobody but the owner."""

from collections.abc import Collection
from dataclasses import dataclass, field

from enactor.serve.core.events import Access, Caller


@dataclass(frozen=True, slots=True)
class People:
    """Ids as Discord writes them. `users` and `roles` may act, `watchers` (users or roles) may only look.
    Messages in a server are heard in `channels` alone, and there only where the bot is mentioned."""

    owner: str = ""
    users: Collection[str] = field(default_factory=frozenset)
    roles: Collection[str] = field(default_factory=frozenset)
    watchers: Collection[str] = field(default_factory=frozenset)
    channels: Collection[str] = field(default_factory=frozenset)

    def access(self, caller: Caller, account: str) -> Access:
        """See `Permit`. A task for later runs with the rights of who asked for it."""
        if not caller.player:
            return "none"
        if caller.player == self.owner or caller.player in self.users:
            return "act"
        if not caller.roles.isdisjoint(self.roles):
            return "act"
        if caller.player in self.watchers or not caller.roles.isdisjoint(self.watchers):
            return "look"
        return "none"

    def hears(self, channel: str, parent: str = "") -> bool:
        """Whether messages of a server's channel, or of a thread in it, are taken."""
        return channel in self.channels or (parent != "" and parent in self.channels)
