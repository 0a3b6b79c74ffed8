"""The parser: canonical form, repairs, errors, and render/parse over every declared command."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.world import COMMANDS, FORMER_VERBS, Command, CommandError, Operand, nearest_verbs, parse
from enactor.world.operands import KEYS, TYPES

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_'()/.&+-]{0,20}", fullmatch=True)
TEXTS = st.lists(
    st.text(string.ascii_letters + string.digits + "?!',.", min_size=1, max_size=8), min_size=1, max_size=5
)


def operand_values(operand: Operand) -> st.SearchStrategy[str | int]:
    """Canonical values of one operand, from its declaration."""
    numbers = st.integers(operand.low if operand.low is not None else 0, operand.high or 9999)
    words = st.sampled_from(["fifty", "a_dozen", "1k", "two_hundred"])
    small = (operand.high or 0) < 2000
    return {
        "int": numbers,
        "count": numbers if small else st.one_of(numbers, words),
        "quantity": st.one_of(numbers, words, st.sampled_from(["all", "half"])),
        "direction": st.sampled_from(["north", "SE", "north_west", "s"]),
        "distance": st.one_of(st.integers(1, 9999), st.sampled_from(["a_bit", "far"])),
        "millis": st.one_of(numbers, st.sampled_from(["30s", "5_minutes"])),
        "rect": st.tuples(*[st.integers(0, 9999)] * 4).map(lambda t: ",".join(map(str, t))),
        "enum": st.sampled_from(operand.choices or ("-",)),
        "key": st.sampled_from(KEYS),
        "zoom": st.one_of(numbers, st.just("FAR")),
        "text": TEXTS.map(" ".join).filter(lambda t: any(c.isalnum() for c in t)),
        "food": st.one_of(st.just("none"), st.sampled_from(["Tuna", "lobsters", "food", "cooked_meat"])),
        "place": NAMES.map(lambda n: f"place_{n}"),
    }.get(operand.type, NAMES.filter(lambda n: n.casefold() != "none"))


@st.composite
def commands(draw: st.DrawFn) -> Command:
    spec = COMMANDS[draw(st.sampled_from(list(COMMANDS)))]
    form = draw(st.sampled_from(spec.forms))
    required = sum(not o.optional for o in form)
    count = draw(st.integers(required, len(form)))
    return Command(spec.verb, tuple(draw(operand_values(o)) for o in form[:count]))


@given(commands())
@settings(max_examples=600, deadline=None)
def test_parse_of_render_is_identity(command: Command) -> None:
    parsed = parse(command.render())
    assert parsed == command
    assert parsed.notes == ()


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_round_trips_and_every_example_is_canonical(verb: str) -> None:
    spec = COMMANDS[verb]
    assert spec.examples, "a command without an example cannot be explained"
    for example in spec.examples:
        assert parse(example).render() == example
        assert parse(example.replace(verb, verb.lower(), 1)).render() == example
    for form in spec.forms:
        for operand in form:
            assert operand.type in TYPES


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_parses_or_is_a_command_error(text: str) -> None:
    try:
        command = parse(text)
    except CommandError:
        return
    assert parse(command.render()) == command


@pytest.mark.parametrize(
    ("line", "canonical"),
    [
        ("kill_loop Giant_frog none 300", "KILL_LOOP Giant_frog none 300"),
        ("KILL_LOOP giant frog none 300", "KILL_LOOP giant_frog none 300"),
        ("KILL_LOOP Giant_frog 300", "KILL_LOOP Giant_frog none 300"),
        ("KILL_LOOP giant frog 300", "KILL_LOOP giant_frog none 300"),
        ("KILL_LOOP giant frogs", "KILL_LOOP giant_frogs none"),
        ("KILL_LOOP Cow fifty", "KILL_LOOP Cow none fifty"),
        ("KILL_LOOP 50 cows", "KILL_LOOP cows none 50"),
        ("BANK_WITHDRAW 1 Pot", "BANK_WITHDRAW Pot 1"),
        ("BANK_WITHDRAW Nature rune 27", "BANK_WITHDRAW Nature_rune 27"),
        ("SHOP_BUY Mithril scimitar 1", "SHOP_BUY Mithril_scimitar 1"),
        (
            'USE_ITEM_ON_ITEM "Pot of flour" "Bucket of water"',
            "USE_ITEM_ON_ITEM Pot_of_flour Bucket_of_water",
        ),
        ("INTERACT_NPC Captain Tobias Travel", "INTERACT_NPC Captain_Tobias Travel"),
        ("CAST_SPELL_NPC Wind Strike Chicken", "CAST_SPELL_NPC Wind_Strike Chicken"),
        ("GOTO 3222,3218", "GOTO 3222 3218"),
        ("GOTO 3240, 3160, 1", "GOTO 3240 3160 1"),
        ("GOTO south a bit", "GOTO south a_bit"),
        ("GOTO north west 20", "GOTO north_west 20"),
        ("GOTO 20 east", "GOTO east 20"),
        ("GOTO lumbridge swamp", "GOTO lumbridge_swamp"),
        ("TAB_OPEN bag", "TAB_OPEN inventory"),
        ("KILL_LOOP Cow none 5 --rid=ab12", "KILL_LOOP Cow none 5"),
        ("CLICK_DIALOGUE What's wrong?", "CLICK_DIALOGUE What's wrong?"),
        ("  STOP  ", "STOP"),
    ],
)
def test_what_is_taken(line: str, canonical: str) -> None:
    assert parse(line).render() == canonical


def test_repairs_are_noted() -> None:
    assert parse("KILL_LOOP Giant_frog none 300").notes == ()
    assert parse("KILL_LOOP Giant_frog 300").notes == ("food was missing and is none",)
    assert "joined" in parse("KILL_LOOP giant frog none 300").notes[0]


@pytest.mark.parametrize(
    ("line", "says", "nearest"),
    [
        ("", "empty", None),
        ("STOP; KILL_LOOP Cow none", "one command at a time", "STOP"),
        ("KILL_LOOP Cow\nSTOP", "one line", None),
        ("STOP\x00", "control", None),
        ("KILL Frog", "takes no operands", "KILL_LOOP Frog none"),
        ("SET_ATTACK_STYLE Strength", "is no command", "SWITCH_COMBAT_STYLE Strength"),
        ("WALK_TO 3222 3218", "is no command", "GOTO 3222 3218"),
        ("FARM_LOOP cows", "is no command", "KILL_LOOP cows none"),
        ("HOME_TELEPORT", "is no command", "TELEPORT_HOME"),
        ("KILL_LOP Cow none 5", "is no command", "KILL_LOOP Cow none 5"),
        ("KILL_COW_GET_HIDES 200", "takes no operands", "KILL_COW_GET_HIDES"),
        ("KILL_LOOP Cow none 0", "from 1 to 99999", "KILL_LOOP Giant_frog none 300"),
        ("KILL_LOOP Cow none abc", "kills must be", "KILL_LOOP Giant_frog none 300"),
        ("TAB_OPEN foo", "tab must be one of combat", "TAB_OPEN inventory"),
        ("BANK_WITHDRAW feathers", "needs quantity", "BANK_WITHDRAW Nature_rune 25"),
        ("GOTO", "found 'nothing'", "GOTO 3222 3218 0"),
        ('DROP_ITEM "Bronze axe', "not closed", "DROP_ITEM <item>"),
    ],
)
def test_what_is_refused(line: str, says: str, nearest: str | None) -> None:
    with pytest.raises(CommandError) as caught:
        parse(line)
    assert says in caught.value.message
    assert caught.value.nearest == nearest


def test_several_readings_are_listed_and_none_is_chosen() -> None:
    with pytest.raises(CommandError) as caught:
        parse("USE_ITEM_ON_ITEM Pot of flour Bucket of water")
    assert "USE_ITEM_ON_ITEM Pot_of_flour Bucket_of_water" in caught.value.candidates
    assert len(caught.value.candidates) == 5


def test_made_up_verbs_lead_to_declared_ones() -> None:
    for verb in ("SET_ATTACK_STYLE", "EQUIP", "PICKUP_ITEM", "INTERACT_GAME_OBJECT", "DIALOGUE_SELECT"):
        assert verb not in COMMANDS
        assert nearest_verbs(verb) == (FORMER_VERBS[verb],)
    assert nearest_verbs("xyzzy") == ()


def test_preferred_forms_are_declared_commands() -> None:
    for spec in COMMANDS.values():
        if spec.prefer:
            line = spec.prefer.format(**{o.name: "Cow" for o in spec.operands})
            assert parse(line).render() == line
