"""The Discord bot: a thin door to `serve.core`.

In: direct messages, mentions in allowed channels, slash commands, buttons. Out: one message for each request,
edited while it goes on. `enactor serve discord` runs it (`Config`, `SETTINGS`, `run`); it needs the extra
`discord`.
"""

from enactor.serve.discord.config import SETTINGS as SETTINGS
from enactor.serve.discord.config import Config as Config
from enactor.serve.discord.config import run as run
