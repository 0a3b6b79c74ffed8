"""From a line to a `Command`: the one parser for what models, players and logs write.

The verb may have any case. An operand is one word; its own words are joined by `_`. Spaces inside a name are
taken where only one reading of the line fits the declaration. What is repaired is noted on the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from enactor.world.commands import COMMANDS, FORMER_VERBS
from enactor.world.operands import TYPES, is_count
from enactor.world.spec import Command, CommandError, CommandSpec, Operand, OperandValue

MAX_LINE = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CHAIN = re.compile(r";|(?:^|\s)&&")
_RID = re.compile(r"\s+--rid=\S*$")
_TOKEN = re.compile(r'"([^"]*)"|([^\s"]+)')
_TILE = re.compile(r"^\(?\s*(\d{1,5})\s*,\s*(\d{1,5})(?:\s*,\s*(\d))?\s*\)?$")
_MAX_READINGS = 8


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    quoted: bool = False


def parse(line: str) -> Command:
    """Read one command line. Raises `CommandError` naming operand, what was expected and what was found."""
    if _CONTROL.search(line.strip("\r\n ")):
        raise CommandError("a command is one line without control characters")
    line = _RID.sub("", line.strip())
    if not line:
        raise CommandError("the command is empty")
    if len(line) > MAX_LINE:
        raise CommandError(f"the command is longer than {MAX_LINE} characters")
    if chain := _CHAIN.search(line):
        first = line[: chain.start()].strip()
        raise CommandError("one command at a time: send each in a call of its own", nearest=_valid(first))
    head, _, rest = line.partition(" ")
    verb = head.upper()
    if verb not in COMMANDS:
        raise _unknown_verb(head, rest.strip())
    return _read(COMMANDS[verb], rest.strip())


def usage(spec: CommandSpec) -> str:
    """`KILL_LOOP <npc> <food> [kills] [area]`, forms joined by ` | `."""

    def show(o: Operand) -> str:
        what = "|".join(o.choices) if o.choices else o.name
        return f"[{what}]" if o.optional else f"<{what}>"

    return " | ".join(" ".join((spec.verb, *map(show, form))) for form in spec.forms)


def nearest_verbs(word: str, limit: int = 3) -> tuple[str, ...]:
    """Declared verbs that an unknown one may have meant, best first; empty when nothing is close."""
    word = re.sub(r"[\s-]+", "_", word.strip()).upper()
    if word in COMMANDS:
        return (word,)
    if word in FORMER_VERBS:
        return (FORMER_VERBS[word],)
    hits = process.extract(
        word, [*COMMANDS, *FORMER_VERBS], scorer=fuzz.ratio, limit=limit * 2, score_cutoff=68
    )
    verbs = (FORMER_VERBS.get(hit, hit) for hit, _, _ in hits)
    return tuple(dict.fromkeys(verbs))[:limit]


def _unknown_verb(head: str, rest: str) -> CommandError:
    verbs = nearest_verbs(head)
    if not verbs:
        return CommandError(f"{head} is no command")
    nearest = _valid(f"{verbs[0]} {rest}".strip()) or usage(COMMANDS[verbs[0]])
    return CommandError(f"{head} is no command; the nearest is {verbs[0]}", nearest=nearest, candidates=verbs)


def _valid(line: str) -> str | None:
    """The canonical form of the line when it parses as it is."""
    try:
        return parse(line).render()
    except CommandError:
        return None


def _read(spec: CommandSpec, rest: str) -> Command:
    if (tile := _TILE.match(rest)) and spec.operands and spec.operands[0].name == "x":
        command = _read(spec, " ".join(part for part in tile.groups() if part is not None))
        return Command(spec.verb, command.operands, ("coordinates are separated by spaces",))
    if rest.count('"') % 2:
        raise CommandError(f"{spec.verb}: a quote is not closed", nearest=usage(spec))
    words = [_Word(m[1].strip(), True) if m[1] is not None else _Word(m[2]) for m in _TOKEN.finditer(rest)]
    for form in spec.forms:
        if found := _read_form(spec, form, words):
            return found
    for form in spec.forms:
        if moved := _move_number(form, words):
            try:
                found = _read_form(spec, form, moved)
            except CommandError:
                continue
            if found:
                notes = (*found.notes, f"the number was moved: {found.render()}")
                return Command(found.verb, found.operands, notes)
    raise _explain(spec, words)


def _read_form(spec: CommandSpec, form: Sequence[Operand], words: Sequence[_Word]) -> Command | None:
    """The one reading of the words in this form; None when there is none. Readings that keep one word to an
    operand go before those that join words, and these before those that fill in a missing operand."""
    fallback: tuple[OperandValue, ...] | None = None
    for join, fill in ((False, False), (True, False), (False, True), (True, True)):
        if fill and not any(o.fill is not None for o in form):
            continue
        readings = list(dict.fromkeys(_readings(form, words, join, fill)))
        known = [r for r in readings if _all_known(form, r)]
        if len(known) == 1 or (len(known) > 1 and not join):
            return _finish(spec, form, known[0], words, join, fill)
        if known:
            lines = tuple(Command(spec.verb, r).render() for r in known[:_MAX_READINGS])
            raise CommandError(
                f"{spec.verb}: {len(known)} readings fit; join the words of a name with _", lines[0], lines
            )
        if fallback is None and readings and not join:
            fallback = readings[0]
    return None if fallback is None else _finish(spec, form, fallback, words, False, False)


def _finish(
    spec: CommandSpec,
    form: Sequence[Operand],
    reading: tuple[OperandValue, ...],
    words: Sequence[_Word],
    join: bool,
    fill: bool,
) -> Command:
    notes = []
    if fill:
        filled = next(o for o in form if o.fill is not None)
        notes.append(f"{filled.name} was missing and is {filled.fill}")
    text_last = bool(form) and form[-1].type == "text"
    if join and len(words) > len(reading) - fill and not text_last:
        notes.append("words of a name were joined with _")
    return Command(spec.verb, reading, tuple(notes))


def _readings(
    form: Sequence[Operand], words: Sequence[_Word], join: bool, fill: bool
) -> Iterator[tuple[OperandValue, ...]]:
    """All ways to give the words to the operands in order."""
    if not form:
        if not words:
            yield ()
        return
    operand, later = form[0], form[1:]
    if operand.type == "text":
        if words:
            value = _check(" ".join(w.text for w in words), operand)
            if value is not None:
                yield (value,)
        elif operand.optional:
            yield ()
        return
    if operand.optional and not words:
        yield ()
        return
    if fill and operand.fill is not None:
        for tail in _readings(later, words, join, False):
            yield (operand.fill, *tail)
    most = len(words) if join and TYPES[operand.type].joins else min(1, len(words))
    for size in range(1, most + 1):
        value = _check_group(words[:size], operand)
        if value is None:
            continue
        for tail in _readings(later, words[size:], join, fill):
            yield (value, *tail)


def _check_group(words: Sequence[_Word], operand: Operand) -> OperandValue | None:
    if len(words) > 1 and operand.type not in ("count", "quantity", "distance", "direction"):
        # A number, `none` or a quoted name is an operand of its own and never part of a spaced name.
        if any(w.quoted or w.text.casefold() == "none" for w in words):
            return None
        if any(w.text.isdigit() for w in words) or is_count(words[-1].text):
            return None
    return _check("_".join(w.text for w in words).replace(" ", "_"), operand)


def _check(text: str, operand: Operand) -> OperandValue | None:
    try:
        return TYPES[operand.type].check(text, operand)
    except ValueError:
        return None


def _all_known(form: Sequence[Operand], reading: tuple[OperandValue, ...]) -> bool:
    return all(
        TYPES[o.type].known(value) for o, value in zip(form, reading, strict=False) if isinstance(value, str)
    )


def _move_number(form: Sequence[Operand], words: Sequence[_Word]) -> list[_Word] | None:
    """`50 Cow` -> `Cow 50` where a number stands first and the form wants a name first and a number later."""
    wants = any(o.type in ("count", "quantity", "distance") for o in form[1:])
    if not (words and len(words) > 1 and words[0].text.isdigit() and wants) or form[0].type == "int":
        return None
    return [*words[1:], words[0]]


def _explain(spec: CommandSpec, words: Sequence[_Word]) -> CommandError:
    """The most telling error for words that fit no form."""
    texts = [w.text for w in words]
    longer = [v for v in COMMANDS if v.startswith(f"{spec.verb}_")]
    if not spec.operands and texts:
        better = next((line for v in longer if (line := _valid(" ".join((v, *texts))))), spec.verb)
        return CommandError(f"{spec.verb} takes no operands, found {' '.join(texts)!r}", nearest=better)
    nearest = spec.examples[0] if spec.examples else usage(spec)
    if len(spec.forms) > 1:
        found = " ".join(texts) or "nothing"
        return CommandError(f"{spec.verb}: expected {usage(spec)}, found {found!r}", nearest=nearest)
    form = spec.operands
    for operand, text in zip(form, texts, strict=False):
        try:
            TYPES[operand.type].check(text, operand)
        except ValueError as expected:
            return CommandError(
                f"{spec.verb}: {operand.name} must be {expected}, found {text!r}", nearest=nearest
            )
    if len(texts) > len(form):
        surplus = " ".join(texts[len(form) :])
        return CommandError(
            f"{spec.verb} takes at most {len(form)} operands ({usage(spec)}), found {surplus!r} more", nearest
        )
    missing = [o.name for o in form[len(texts) :] if not o.optional]
    return CommandError(f"{spec.verb} needs {', '.join(missing)}: {usage(spec)}", nearest=nearest)
