"""Other records become traces.

In: files of five kinds (bot conversations, training logs, raw command logs, coding-agent sessions, OpenAI
chats). Out: judged traces in a store, each with its origin, and an account in which every turn that was found
is added, known already, or refused with a reason. A second run adds nothing.
"""

from enactor.ingest.files import Source, default_paths, sources
from enactor.ingest.found import Found, Importer, Ready, Refused, Turn
from enactor.ingest.kinds import IMPORTERS, KINDS, Kind, kind_of
from enactor.ingest.run import Report, ingest

__all__ = [
    "IMPORTERS",
    "KINDS",
    "Found",
    "Importer",
    "Kind",
    "Ready",
    "Refused",
    "Report",
    "Source",
    "Turn",
    "default_paths",
    "ingest",
    "kind_of",
    "sources",
]
