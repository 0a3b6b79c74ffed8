"""The embedded model for other programs, on OpenAI's and on Ollama's endpoints.

In: `/v1/chat/completions`, `/v1/models`; `/api/chat`, `/api/tags`, `/api/show`, `/api/version`. Out: the
model's text, its calls as structured `tool_calls`. `enactor serve model` runs it (`Config`, `SETTINGS`,
`run`); it needs the extra `serve`. It decodes and nothing else: no call is carried out here, and no game is
touched.
"""

from enactor.serve.model.config import SETTINGS as SETTINGS
from enactor.serve.model.config import Config as Config
from enactor.serve.model.config import run as run
