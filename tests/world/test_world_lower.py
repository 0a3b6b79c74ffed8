"""Lowering on a state, and the prerequisites that a state shows to be missing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.world import COMMANDS, Command, CommandError, GameState, check_needs, lower, parse
from enactor.world.catalogue import CREATURES, ITEMS, OBJECTS
from enactor.world.menu import resolve_style, weapon_kind

STATE = GameState.from_case(
    {
        "location": [3222, 3218, 0],
        "health": [12, 35],
        "inventory": ["Tuna x4", "Lobster", "Raw beef", "Raw shrimps", "Oak logs", "Bronze axe", "Big bones"],
        "bank": ["Feather x300", "Nature rune x20"],
        "equipment": {"weapon": "Iron scimitar"},
    }
)


def lowered(line: str, state: GameState = STATE) -> str:
    return lower(parse(line), state).render()


@pytest.mark.parametrize(
    ("line", "plugin"),
    [
        ("KILL_LOOP gaint_frogs none fifty", "KILL_LOOP Giant_frog none 50"),
        ("KILL_LOOP giant_frogs food 1k", "KILL_LOOP Giant_frog Lobster 1000"),
        ("GOTO south a_bit", "GOTO 3222 3211 0"),
        ("GOTO east", "GOTO 3242 3218 0"),
        ("GOTO east 20", "GOTO 3242 3218 0"),
        ("GOTO north_west far", "GOTO 3172 3268 0"),
        ("GOTO 3222,3230", "GOTO 3222 3230 0"),
        ("GOTO 3086 3125 0 exact", "GOTO 3086 3125 0 exact"),
        ("BANK_WITHDRAW feathers all", "BANK_WITHDRAW Feather 300"),
        ("BANK_WITHDRAW feathers half", "BANK_WITHDRAW Feather 150"),
        ("SWITCH_COMBAT_STYLE strength", "SWITCH_COMBAT_STYLE Slash"),
        ("SWITCH_COMBAT_STYLE defense", "SWITCH_COMBAT_STYLE Block"),
        ("SWITCH_COMBAT_STYLE attack", "SWITCH_COMBAT_STYLE Chop"),
        ("SWITCH_COMBAT_STYLE controlled", "SWITCH_COMBAT_STYLE Lunge"),
        ("SWITCH_COMBAT_STYLE lunge", "SWITCH_COMBAT_STYLE Lunge"),
        ("COOK_ALL meat", "COOK_ALL Raw_beef"),
        ("COOK_ALL food", "COOK_ALL"),
        ("LIGHT_FIRE logs", "LIGHT_FIRE Oak_logs"),
        ("BURY_ALL bones", "BURY_ALL Big_bones"),
        ("DROP_ALL everything", "DROP_ALL"),
        ("DROP_ITEM axe", "DROP_ITEM Bronze_axe"),
        ("EAT food", "EAT"),
        ("FISH lobbies", "FISH lobster"),
        ("MINE_ORE Iron ten", "MINE_ORE iron 10"),
        ("SMELT_BAR bronze", "SMELT_BAR Bronze_bar"),
        ("INTERACT_NPC cook talk_to", "INTERACT_NPC Cook Talk-to"),
        ("WAIT 30s", "WAIT 30000"),
        ("GE_SELL tuna all", "GE_SELL Tuna 4"),
    ],
)
def test_rules(line: str, plugin: str) -> None:
    assert lowered(line) == plugin
    assert lowered(plugin) == plugin


def test_the_plane_of_the_player_is_kept_unless_another_is_said() -> None:
    upstairs = GameState(location=(3208, 3220, 2))
    assert lowered("GOTO 3210 3222", upstairs) == "GOTO 3210 3222 2"
    assert lowered("GOTO 3210 3222 0", upstairs) == "GOTO 3210 3222 0"
    assert lowered("GOTO west 3", upstairs) == "GOTO 3205 3220 2"


@pytest.mark.parametrize(
    "line", ["GOTO bank", "GOTO draybir_bank", "GOTO giant_frogs", "GOTO lumbridge_swamp"]
)
def test_places_become_tiles(line: str) -> None:
    command = lower(parse(line), STATE)
    assert len(command.operands) == 3
    assert all(isinstance(value, int) for value in command.operands)


def test_all_without_a_known_bank_is_more_than_any_stack() -> None:
    assert lowered("BANK_WITHDRAW feathers all", GameState()) == "BANK_WITHDRAW Feather 2147483647"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("GOTO east", GameState()),
        ("KILL_LOOP Cow food 5", GameState(inventory=())),
        ("KILL_LOOP qqqqqqq none 5", STATE),
        ("SWITCH_COMBAT_STYLE rapid", STATE),
        ("BANK_WITHDRAW Coal all", STATE),
        ("BANK_DEPOSIT_ITEM everything", STATE),
        ("LIGHT_FIRE logs", GameState.from_case({"inventory": ["Oak logs", "Willow logs"]})),
    ],
)
def test_no_single_meaning_is_an_error(line: str, state: GameState) -> None:
    with pytest.raises(CommandError):
        lowered(line, state)


@pytest.mark.parametrize(
    ("weapon", "word", "label"),
    [
        ("Bronze sword", "attack", "Stab"),
        ("Bronze sword", "strength", "Slash"),
        ("Iron mace", "str", "Pummel"),
        ("Iron mace", "shared", "Spike"),
        ("Steel battleaxe", "strength", "Hack"),
        ("Bronze axe", "att", "Chop"),
        ("Mithril 2h sword", "aggressive", "Slash"),
        ("Steel longsword", "accurate", "Chop"),
        ("Iron dagger", "defensive", "Block"),
        ("Shortbow", "range", "Accurate"),
        ("Shortbow", "rapid", "Rapid"),
        ("Maple longbow", "defence", "Longrange"),
        ("Staff of fire", "defence", "Focus"),
        ("Dragon dagger(p++)", "attack", "Stab"),
        ("Rune scimitar", "stength", "Slash"),
    ],
)
def test_styles_by_weapon(weapon: str, word: str, label: str) -> None:
    assert resolve_style(word, GameState(equipment={"weapon": weapon})) == label


def test_styles_without_a_weapon() -> None:
    assert resolve_style("strength", GameState(equipment={})) == "Kick"
    assert resolve_style("attack", GameState(equipment={})) == "Punch"
    assert resolve_style("str", GameState()) == "Strength"
    assert resolve_style("block", GameState()) == "Block"
    assert weapon_kind("Rubber chicken") is None


def test_every_weapon_of_the_catalogue_has_a_kind() -> None:
    unknown = [i.name for i in ITEMS.values() if i.slot == "weapon" and weapon_kind(i.name) is None]
    assert unknown == []


FILLINGS = {
    "npc": st.sampled_from([c.form for c in CREATURES.values() if c.role == "combat"]),
    "item": st.sampled_from(list(ITEMS)),
    "held": st.sampled_from(["Tuna", "beef", "axe", "oak_logs", "big_bones"]),
    "banked": st.sampled_from(["Feather", "feathers", "nature_runes"]),
    "food": st.sampled_from(["none", "food", "tuna", "Lobster"]),
    "edible": st.sampled_from(["food", "tuna", "Lobster"]),
    "raw": st.sampled_from(["meat", "fish", "food", "raw_beef", "shrimps"]),
    "bones": st.sampled_from(["bones", "Big_bones"]),
    "logs": st.sampled_from(["logs", "oak", "Oak_logs"]),
    "object": st.sampled_from(list(OBJECTS)),
    "action": st.sampled_from(["talk_to", "Open", "climb_up", "Chop_down", "Frobnicate"]),
    "place": st.sampled_from(["bank", "lumbridge_swamp", "draynor_bank", "varrock"]),
    "spell": st.sampled_from(["wind_strike", "high_alch", "Varrock_Teleport"]),
    "fish": st.sampled_from(["shrimps", "lobster"]),
    "tree": st.sampled_from(["oaks", "Tree", "willow"]),
    "ore": st.sampled_from(["Iron", "coal"]),
    "bar": st.sampled_from(["bronze", "steel_bars"]),
    "style": st.sampled_from(["strength", "Slash", "def"]),
    "count": st.sampled_from([5, "eight", "a_couple"]),
    "quantity": st.sampled_from([5, "eight", "all", "half"]),
    "direction": st.sampled_from(["north", "SE"]),
    "distance": st.sampled_from([4, "a_bit", "far"]),
    "millis": st.sampled_from([2000, "30s"]),
    "rect": st.just("3100,3100,3200,3200"),
    "key": st.sampled_from(["Space", "F1"]),
    "zoom": st.sampled_from([15, "FAR"]),
    "text": st.sampled_from(["Yes", "What's wrong?", "giant_frog"]),
    "token": st.just("frog_spot"),
}


@st.composite
def said(draw: st.DrawFn) -> Command:
    spec = COMMANDS[draw(st.sampled_from(list(COMMANDS)))]
    form = draw(st.sampled_from(spec.forms))
    count = draw(st.integers(sum(not o.optional for o in form), len(form)))
    values = []
    for operand in form[:count]:
        if operand.type == "enum":
            values.append(draw(st.sampled_from(operand.choices)))
        elif operand.type == "int":
            values.append(draw(st.integers(operand.low or 0, operand.high or 99)))
        else:
            values.append(draw(FILLINGS[operand.type]))
    return Command(spec.verb, tuple(values))


@given(said())
@settings(max_examples=500, deadline=None)
def test_lowering_twice_changes_nothing(command: Command) -> None:
    try:
        once = lower(command, STATE)
    except CommandError:
        return
    assert lower(once, STATE) == once
    assert parse(once.render()) == once
    check_needs(once, STATE)


def missing(line: str, state: GameState) -> list[str]:
    return [m.what for m in check_needs(lower(parse(line), state), state)]


def test_what_is_missing_is_named() -> None:
    assert missing("LIGHT_FIRE logs", STATE) == ["Tinderbox"]
    assert missing("FISH trout", STATE) == ["Fly fishing rod", "Feather"]
    assert missing("MINE_ORE iron", STATE) == ["any pickaxe"]
    assert missing("CHOP_TREE Oak", STATE) == []
    assert missing("KILL_LOOP Cow Swordfish 5", STATE) == ["Swordfish"]
    assert missing("KILL_LOOP Cow none 5", STATE) == []
    assert missing("BANK_WITHDRAW Coal 5", STATE) == ["Coal"]
    assert missing("TELEPORT varrock", STATE) == ["3 Air runes", "1 Fire rune", "1 Law rune"]
    assert missing("TELEPORT home", STATE) == []


def test_levels_staffs_space_and_windows() -> None:
    low = GameState.from_case(
        {
            "inventory": ["Lobster pot"] * 28,
            "equipment": {"weapon": "Staff of air"},
            "skills": {"Fishing": 20},
        }
    )
    assert missing("FISH lobster", low) == ["Fishing level 40", "a free inventory slot"]
    assert "1 Air rune" not in missing("CAST_SPELL_NPC Wind_Strike Cow", low)
    assert missing("BANK_DEPOSIT_ALL", GameState(bank_open=False)) == ["an open bank"]
    assert missing("STOP", GameState(client_running=False)) == ["a running game client"]


@given(said())
@settings(max_examples=300, deadline=None)
def test_the_unknown_is_never_missing(command: Command) -> None:
    nothing = GameState(location=(3222, 3218, 0))
    try:
        once = lower(command, nothing)
    except CommandError:
        return
    assert check_needs(once, nothing) == []
