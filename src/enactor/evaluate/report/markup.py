"""HTML and SVG as text in which nothing that was not made here can be markup."""

from html import escape


class Markup(str):
    """Text that is markup already. Any other string is escaped where it is put in."""

    __slots__ = ()


Child = str | int | float | None

_VOID = frozenset({"meta", "br", "line", "rect", "circle", "path", "polyline"})
# An XML reader refuses these, and a browser shows them as nothing good.
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)), "�")


def text(value: Child) -> Markup:
    """A child as markup: escaped, control characters and lone surrogates replaced."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(str("" if value is None else value).translate(_CONTROLS)))


def tag(name: str, /, *children: Child, **attributes: Child) -> Markup:
    """An element. Attribute names have `_` for `-` and may end in one (`class_`); None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Several one after the other."""
    return Markup("".join(map(text, children)))
