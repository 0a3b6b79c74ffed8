"""Models behind an address: one client for all OpenAI-compatible servers, and a stand-in for when it fails.

In: a rendered prompt, as every engine gets it. Out: a `Completion` whose `calls` are the server's. The names
of `PRESETS` say which server (`ollama:qwen2.5:14b`). httpx is imported with the first request.
"""

from enactor.models.remote.endpoint import Endpoint
from enactor.models.remote.engine import HttpEngine, open_remote
from enactor.models.remote.failover import FailoverEngine
from enactor.models.remote.keys import Key, find_key
from enactor.models.remote.patience import Patience
from enactor.models.remote.presets import PRESETS, Preset, is_remote, split_name

__all__ = [
    "PRESETS",
    "Endpoint",
    "FailoverEngine",
    "HttpEngine",
    "Key",
    "Patience",
    "Preset",
    "find_key",
    "is_remote",
    "open_remote",
    "split_name",
]
