"""The phrases and call shapes of `data/ledger.yaml`, compiled, and what the ledger asks of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

LISTED = re.compile(r"(?:[-*•|#>]|\d+[.)])\s")
_UNLESS = {"promises": "waits", "hints": "facts"}
"""Groups of claims that are none where the sentence has something of the other group."""
_CLAUSE = re.compile(r"[,;:–—(]|\b(?:but|so|and\s+then|however)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a call looks in a line. `soft`: none where something is explained; `told`: none in a claim;
    `request`: only in answer to what is no question, in a line that denies nothing."""

    name: str
    pattern: re.Pattern[str]
    soft: bool
    told: bool
    request: bool


class Rules:
    """The patterns by group. What is found is told as `group.id: 'words'`, the evidence of a verdict."""

    def __init__(self, data: Mapping[str, Any], extra_verbs: Iterable[str]) -> None:
        parts = _parts(data, extra_verbs)

        def compiled(entry: Mapping[str, Any]) -> re.Pattern[str]:
            pattern = entry["pattern"]
            for name, part in parts.items():
                pattern = pattern.replace("{" + name + "}", part)
            return re.compile(pattern, re.IGNORECASE | re.MULTILINE)

        self.verb = re.compile(parts["verb"])
        self.tool = re.compile(parts["tool"])
        self.shapes = [
            Shape(e["id"], compiled(e), *(bool(e.get(key)) for key in ("soft", "told", "request")))
            for e in data["shapes"]
        ]
        self._groups = {
            group: [(f"{group}.{e['id']}", compiled(e)) for e in entries]
            for group, entries in data.items()
            if isinstance(entries, list) and isinstance(entries[0], dict) and group != "shapes"
        }

    def first(self, group: str, text: str) -> str | None:
        """The first pattern of the group that is in the text."""
        for name, pattern in self._groups[group]:
            if (match := pattern.search(text)) is not None:
                return f"{name}: {match[0].strip()[:80]!r}"
        return None

    def without_markers(self, text: str) -> str:
        for _, pattern in self._groups["markers"]:
            text = pattern.sub(" ", text)
        return text

    def claim(self, group: str, statements: Sequence[str]) -> str | None:
        """The first statement that claims, denies nothing in the clause up to there, and hangs on no
        condition. An item of a list is none."""
        for statement in statements:
            if LISTED.match(statement):
                continue
            for name, pattern in self._groups[group]:
                match = pattern.search(statement)
                if match is None or self.first("conditions", statement[: match.end()]) is not None:
                    continue
                if (unless := _UNLESS.get(group)) and self.first(unless, statement) is not None:
                    continue
                before = statement[: match.start()]
                clause = [end.end() for end in _CLAUSE.finditer(before)]
                if self.first("denials", statement[max(clause, default=0) : match.end()]) is None:
                    return f"{name}: {match[0].strip()[:80]!r}"
        return None

    def pretence(self, statements: Sequence[str]) -> str | None:
        """The first statement, where none informs, denies or hangs on a condition."""
        for statement in statements:
            if any(self.first(group, statement) for group in ("informs", "facts", "denials", "conditions")):
                return None
        return f"pretence: {statements[0][:60]!r}" if statements else None

    def only(self, group: str, statements: Sequence[str]) -> str | None:
        """A pattern of the group, where there is but one statement."""
        return self.first(group, statements[0]) if len(statements) == 1 else None

    def demand(self, questions: Sequence[str]) -> str | None:
        """The first question that is neither a courtesy nor an item of a list."""
        for question in questions:
            if not LISTED.match(question) and self.first("courtesies", question) is None:
                return f"asks.question: {question[:60]!r}"
        return None


@cache
def ledger_data() -> dict[str, Any]:
    """The file as it is."""
    text = resources.files("enactor.trace").joinpath("data/ledger.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    return data


@cache
def rules(verbs: tuple[str, ...]) -> Rules:
    """The rules with further declared verbs."""
    return Rules(ledger_data(), verbs)


def _parts(data: Mapping[str, Any], extra_verbs: Iterable[str]) -> dict[str, str]:
    """What the placeholders stand for. Those of `words` may hold the others."""
    forms = [entry.split("/") for entry in data["actions"]]
    base, past, ing = ([word for form in forms for word in form[n].split("|")] for n in range(3))
    single = _alternatives([*data["verbs"], *extra_verbs])
    parts = {
        "verb": rf"(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|{single})(?![\w_])",
        "tool": _alternatives([*data["tools"], *data["reads"]]),
        "do": _alternatives(base),
        "ed": _alternatives(past),
        "ing": rf"{_alternatives(word.removesuffix('g') for word in ing)}(?:g|'|(?=\b))",
    }
    return {**data["words"], **parts}


def _alternatives(words: Iterable[str]) -> str:
    """A pattern of any of the words, shared beginnings once: a list of them is tried one by one."""
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = {}
    return _branches(tree)


def _branches(node: Mapping[str, Any]) -> str:
    parts = [re.escape(letter) + _branches(rest) for letter, rest in sorted(node.items()) if letter]
    if not parts:
        return ""
    joined = parts[0] if len(parts) == 1 and "" not in node else f"(?:{'|'.join(parts)})"
    return f"{joined}?" if "" in node else joined
