"""Teach a small local model to act through tools, and run it.

Stages, each a package that imports only the ones before it: `trace` and `world`, `prompt`, `sim`, `models`,
`agent`, `curate`, `evaluate`, `train`, `deploy`, `serve`. Importing `enactor` imports none of them.
"""

__version__ = "0.1.0"
