"""What can be said to the game, and what it means.

A line becomes a `Command` (`parse`), the command is lowered on a `GameState` to what the plugin takes
(`lower`), and `check_needs` tells which prerequisites are missing. Names resolve through `resolve_…`. The
declarations (`COMMANDS`, `TOOLS`) also give JSON Schemas, tool lists and grammars. The game itself is behind
`Backend`.
"""

from enactor.world.backend import Backend as Backend
from enactor.world.cards import card as card
from enactor.world.cards import offers as offers
from enactor.world.catalogue import BARS as BARS
from enactor.world.catalogue import CREATURES as CREATURES
from enactor.world.catalogue import FISH as FISH
from enactor.world.catalogue import ITEMS as ITEMS
from enactor.world.catalogue import OBJECTS as OBJECTS
from enactor.world.catalogue import ORES as ORES
from enactor.world.catalogue import SPELLS as SPELLS
from enactor.world.catalogue import TREES as TREES
from enactor.world.commands import COMMANDS as COMMANDS
from enactor.world.commands import FORMER_VERBS as FORMER_VERBS
from enactor.world.conditions import Condition as Condition
from enactor.world.conditions import parse_condition as parse_condition
from enactor.world.declared import world_hash as world_hash
from enactor.world.gbnf import gbnf as gbnf
from enactor.world.gbnf import turn_gbnf as turn_gbnf
from enactor.world.gbnf import words_gbnf as words_gbnf
from enactor.world.grammar import nearest_verbs as nearest_verbs
from enactor.world.grammar import parse as parse
from enactor.world.grammar import usage as usage
from enactor.world.lower import lower as lower
from enactor.world.names import Match as Match
from enactor.world.names import resolve_bar as resolve_bar
from enactor.world.names import resolve_bones as resolve_bones
from enactor.world.names import resolve_fish as resolve_fish
from enactor.world.names import resolve_food as resolve_food
from enactor.world.names import resolve_item as resolve_item
from enactor.world.names import resolve_logs as resolve_logs
from enactor.world.names import resolve_npc as resolve_npc
from enactor.world.names import resolve_object as resolve_object
from enactor.world.names import resolve_ore as resolve_ore
from enactor.world.names import resolve_raw as resolve_raw
from enactor.world.names import resolve_spell as resolve_spell
from enactor.world.names import resolve_tree as resolve_tree
from enactor.world.needs import check_needs as check_needs
from enactor.world.places import PLACES as PLACES
from enactor.world.places import resolve_place as resolve_place
from enactor.world.prefer import preferred as preferred
from enactor.world.schema import describe as describe
from enactor.world.schema import json_schema as json_schema
from enactor.world.schema import mcp_tools as mcp_tools
from enactor.world.schema import openai_tools as openai_tools
from enactor.world.spec import Command as Command
from enactor.world.spec import CommandError as CommandError
from enactor.world.spec import CommandSpec as CommandSpec
from enactor.world.spec import Missing as Missing
from enactor.world.spec import Need as Need
from enactor.world.spec import Operand as Operand
from enactor.world.spec import ToolSpec as ToolSpec
from enactor.world.state import GameState as GameState
from enactor.world.state import Stack as Stack
from enactor.world.state import Tile as Tile
from enactor.world.tools import TOOLS as TOOLS
from enactor.world.words import parse_count as parse_count
from enactor.world.words import parse_direction as parse_direction
from enactor.world.words import parse_distance as parse_distance
from enactor.world.words import parse_duration as parse_duration
