"""The game's tools for any MCP client, over stdio or streamable HTTP.

In: `tools/call`, `resources/read`, `prompts/get` of the Model Context Protocol. Out: the `Toolbox`'s results
as structured content; the gate stands behind every call. `enactor serve mcp` runs it (`Config`, `SETTINGS`,
`run`); it needs the extra `mcp`. What a tool brings back is never read for calls.
"""

from enactor.serve.mcp.config import SETTINGS as SETTINGS
from enactor.serve.mcp.config import Config as Config
from enactor.serve.mcp.config import run as run
