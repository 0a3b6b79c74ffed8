"""A data set becomes an adapter.

In: a `Recipe` (a YAML file, or `load_recipe("demo")`) and rows, rendered by `enactor.prompt.render_row` or
in a file of `enactor.curate`. Out: a folder with the adapter in PEFT's layout, its provenance and curves
(`train`), and from that a merged model as GGUF by llama.cpp's own converter (`export_gguf`). TRL and PEFT
train; the step is our own where that is faster. Importing this package imports no torch.
"""

from enactor.train.adapter import Adapter, BaseIdentity
from enactor.train.export import ExportError, export_gguf
from enactor.train.methods import train
from enactor.train.plans import DataPlan
from enactor.train.recipe import Recipe, RecipeError, load_recipe, recipe_names
from enactor.train.rows import Example, Examples, RowsError, encode, encode_rows
from enactor.train.sft import supervised

__all__ = [
    "Adapter",
    "BaseIdentity",
    "DataPlan",
    "Example",
    "Examples",
    "ExportError",
    "Recipe",
    "RecipeError",
    "RowsError",
    "encode",
    "encode_rows",
    "export_gguf",
    "load_recipe",
    "recipe_names",
    "supervised",
    "train",
]
