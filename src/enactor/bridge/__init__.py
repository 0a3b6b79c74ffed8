"""The live RuneLite plugin, reached over its files.

In: command lines in lowered form. Out: the plugin's responses and its state. `LiveBackend` implements
`enactor.world.Backend`; `BridgeConfig` holds its settings. The plugin's side of the same files, for trying
without a game, is `enactor.sim.plugin_files`.
"""

from enactor.bridge.config import BridgeConfig
from enactor.bridge.live import LiveBackend

__all__ = ["BridgeConfig", "LiveBackend"]
