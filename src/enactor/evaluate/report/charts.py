"""Charts as inline SVG that scales to the page's width. Colours are classes (`s0` to `s7`), so that the
page's style decides them for light and dark."""

import math
from collections.abc import Callable, Mapping, Sequence

from enactor.evaluate.report.markup import Markup, joined, tag

WIDTH = 440  # so that text of 11 units is legible where a phone shows the chart 340 pixels wide
_LEFT = 42
_FOOT = 34
_LABEL = 16  # characters of a row's name
_TOP = 8
_RIGHT = 12

Points = Sequence[tuple[float, float]]


def bars(rows: Sequence[tuple[str, Sequence[tuple[str, float, float, float, int]]]]) -> Markup:
    """Groups of horizontal bars with their intervals: (label, [(series class, value, low, high, n)]), values
    in [0, 1]."""
    label, gap = 118, 10
    span = WIDTH - label - 62
    parts = []
    y = 4.0
    thick = 13 if len(rows) > 1 else 18
    for name, series in rows:
        height = thick * len(series)
        parts.append(_label(name, label - 8, y + height / 2 + 4))
        for index, (colour, value, low, high, n) in enumerate(series):
            top = y + thick * index
            middle = _r(top + thick / 2)
            if n:
                parts.append(
                    tag(
                        "rect",
                        x=label,
                        y=_r(top + 1),
                        width=_r(max(value * span, 1)),
                        height=thick - 2,
                        class_=colour,
                    )
                )
                ends = {"x1": _r(label + low * span), "x2": _r(label + high * span)}
                parts.append(tag("line", **ends, y1=middle, y2=middle, class_="whisker"))
                parts.append(
                    tag(
                        "text",
                        f"{100 * value:.0f}% of {n}",
                        x=_r(label + max(value, high) * span + 6),
                        y=_r(top + thick / 2 + 4),
                        class_="small",
                    )
                )
        y += height + gap
    axis = tag("line", x1=label, x2=label, y1=0, y2=_r(y - gap + 4), class_="axis")
    return _svg(y, joined(*parts, axis))


def stacked(rows: Sequence[tuple[str, Mapping[str, int]]], keys: Sequence[str]) -> Markup:
    """One bar of shares a row, parts in the order of `keys`; the part's class is its place there."""
    label = 118
    span = WIDTH - label - _RIGHT
    parts = []
    for number, (name, counts) in enumerate(rows):
        y = 4 + 30 * number
        total = sum(counts.values()) or 1
        parts.append(_label(name, label - 8, y + 16))
        x = float(label)
        for place, key in enumerate(keys):
            width = span * counts.get(key, 0) / total
            if width > 0:
                shape = tag("rect", x=_r(x), y=y, width=_r(width), height=22, class_=f"s{place % 8}")
                told = tag("title", f"{key}: {counts[key]} of {total}")
                parts.append(tag("g", told, shape))
                if width > 22:
                    parts.append(tag("text", counts[key], x=_r(x + width / 2), y=y + 16, class_="mid on"))
            x += width
    return _svg(8 + 30 * len(rows), joined(*parts))


def lines(
    series: Sequence[tuple[str, Points]],
    *,
    x_name: str,
    y_name: str,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
    share: bool = False,
    height: int = 260,
) -> Markup:
    """Lines over one pair of axes: (series class, points in order of x). `whole` lets x go from 0 to 1."""
    every = [point for _, points in series for point in points]
    if not every:
        return Markup("")
    x0, x1 = (0.0, 1.0) if whole else (min(x for x, _ in every), max(x for x, _ in every))
    y0 = min(y for _, y in every) if low is None else low
    y1 = max(y for _, y in every) if high is None else high
    place = _placer(x0, x1, y0, y1, height)
    show = (lambda x: f"{100 * x:.0f}%") if whole else _short
    parts = [_axes(x0, x1, y0, y1, x_name, y_name, height, share, show)]
    for colour, points in series:
        path = " ".join(",".join(map(str, place(x, y))) for x, y in _thin(points))
        parts.append(tag("polyline", points=path, class_=f"line {colour}"))
    return _svg(height, joined(*parts))


def histogram(series: Sequence[tuple[str, Sequence[float]]], *, x_name: str, bins: int = 24) -> Markup:
    """Shares of values in bins of equal width on a logarithmic axis, one outline a series. Values are
    positive; what is below 0.1 counts as 0.1."""
    logs = [(colour, [math.log10(max(v, 0.1)) for v in values]) for colour, values in series if len(values)]
    every = [v for _, values in logs for v in values]
    if not every:
        return Markup("")
    low, high = min(every), max(every)
    step = (high - low) / bins or 0.1
    outlines = []
    for colour, values in logs:
        counts = [0] * bins
        for value in values:
            counts[min(int((value - low) / step), bins - 1)] += 1
        outlines.append((colour, [count / len(values) for count in counts]))
    top = max(max(heights) for _, heights in outlines)
    height = 240
    place = _placer(low, low + bins * step, 0, top, height)
    parts = [_axes(low, low + bins * step, 0, top, x_name, "share", height, True, lambda v: _short(10**v))]
    for colour, heights in outlines:
        corners: list[tuple[float, float]] = [(low, 0.0)]
        for index, value in enumerate(heights):
            corners += [(low + index * step, value), (low + (index + 1) * step, value)]
        corners.append((low + bins * step, 0.0))
        path = " ".join(",".join(map(str, place(x, y))) for x, y in corners)
        parts.append(tag("polyline", points=path, class_=f"line fill {colour}"))
    return _svg(height, joined(*parts))


def _axes(
    x0: float,
    x1: float,
    y0: float,
    y1: float,
    x_name: str,
    y_name: str,
    height: int,
    share: bool,
    x_text: Callable[[float], str] | None = None,
) -> Markup:
    place = _placer(x0, x1, y0, y1, height)
    show = x_text or _short
    parts = []
    for i in range(5):
        x, y = x0 + (x1 - x0) * i / 4, y0 + (y1 - y0) * i / 4
        across, down = place(x, y)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=down, y2=down, class_="grid"))
        shown = f"{100 * y:.0f}%" if share else _short(y)
        parts.append(tag("text", shown, x=_LEFT - 6, y=_r(down + 4), class_="end small"))
        where = ("small", "mid small", "mid small", "mid small", "end small")[i]
        parts.append(tag("text", show(x), x=across, y=height - _FOOT + 14, class_=where))
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(tag("text", x_name, x=middle, y=height - 4, class_="mid small soft"))
    parts.append(tag("text", y_name, x=_LEFT + 4, y=_TOP + 10, class_="small soft"))
    return joined(*parts)


def _placer(
    x0: float, x1: float, y0: float, y1: float, height: int
) -> Callable[[float, float], tuple[float, float]]:
    wide, tall = (x1 - x0) or 1.0, (y1 - y0) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - x0) / wide * (WIDTH - _LEFT - _RIGHT)
        down = height - _FOOT - (y - y0) / tall * (height - _FOOT - _TOP)
        return _r(across), _r(down)

    return place


def _label(name: str, x: float, y: float) -> Markup:
    """A row's name to the left of x, cut to the room that there is; the whole of it is its title."""
    shown = name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    small = " small" if len(shown) > 13 else ""
    return tag("text", shown, tag("title", name), x=x, y=_r(y), class_=f"end{small}")


def _thin(points: Points, most: int = 400) -> Points:
    """At most so many points, evenly, the last one kept."""
    if len(points) <= most:
        return points
    return [*(points[i * len(points) // most] for i in range(most)), points[-1]]


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:.1f}M"
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _r(value: float) -> float:
    return round(value, 1)


def _svg(height: float, content: Markup) -> Markup:
    return tag("svg", content, viewBox=f"0 0 {WIDTH} {_r(height)}", role="img", class_="chart")
