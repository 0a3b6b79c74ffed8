"""The web console: one page on which a player talks, watches the simulated world, judges and compares.

In: a `core.Service` with one account. Out: an ASGI application (`app.make_app`) over `console.Console`, which
is all of it without HTTP. `Config`, `SETTINGS` and `run` make it a service of `enactor serve`.
"""

from enactor.serve.web.config import SETTINGS, Config, run

__all__ = ["SETTINGS", "Config", "run"]
