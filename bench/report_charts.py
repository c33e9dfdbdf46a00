# SPDX-License-Identifier: Apache-2.0
"""The charts of bench/report.py. They are SVG that this module writes by itself, so they need no
library and no network, and are sharp at any size.

Each function returns an <svg> element, or "" where there is nothing to draw. The colours of text
and axes come from classes in the page's style sheet; callers give the colours of data.
"""

from __future__ import annotations

import html
import math
from typing import Any, Sequence

WIDTH = 880.0
Point = tuple[float, float]


class Series:
    """One line of a chart: its points and how it is drawn."""

    def __init__(self, label: str, points: Sequence[Point], colour: str, **form: bool) -> None:
        self.label, self.points, self.colour = label, sorted(points), colour
        self.strong, self.dashed = form.get("strong", False), form.get("dashed", False)


class Svg:
    """The elements of one picture. y grows downwards."""

    def __init__(self, height: float, label: str, width: float = WIDTH) -> None:
        self.parts: list[str] = []
        self.head = (
            f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{html.escape(label)}">'
        )

    def line(self, a: Point, b: Point, kind: str) -> None:
        self.parts.append(
            f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"'
            f' class="{kind}"/>'
        )

    def bar(self, at: Point, size: Point, colour: str, title: str = "") -> None:
        self.parts.append(
            f'<rect x="{at[0]:.1f}" y="{at[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
            f' rx="1.5" fill="{colour}"><title>{html.escape(title)}</title></rect>'
        )

    def dot(self, at: Point, radius: float, colour: str, title: str = "") -> None:
        self.parts.append(
            f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{colour}">'
            f"<title>{html.escape(title)}</title></circle>"
        )

    def track(self, points: Sequence[Point], colour: str, width: float, dashed: bool) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"'
            f' stroke-linejoin="round"{dash}/>'
        )

    def text(self, at: Point, text: str, kind: str = "", anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" class="{kind}">'
            f"{html.escape(text)}</text>"
        )

    def __str__(self) -> str:
        return self.head + "".join(self.parts) + "</svg>"


def number(value: float) -> str:
    """A number with at most three digits and without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def time(ms: float) -> str:
    """A duration in milliseconds or, if it is short, in microseconds."""
    ms = max(ms, 0)
    return f"{number(ms)} ms" if ms >= 0.1 else f"{1000 * ms:.0f} µs"


def _linear_ticks(high: float, wanted: int = 6) -> list[float]:
    raw = high / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= raw)
    return [step * i for i in range(int(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [f * 10.0**p for p in powers for f in (1, 2, 5)]
    return [t for t in ticks if low * 0.999 <= t <= high * 1.001]


class Log:
    """A logarithmic axis, which maps a range of values to a range of the picture."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self.low, self.high = low, high
        self.begin, self.scale = begin, (end - begin) / math.log(high / low)

    def __call__(self, value: float) -> float:
        return self.begin + math.log(value / self.low) * self.scale

    def ticks(self) -> list[float]:
        return _log_ticks(self.low, self.high)


def legend(series: Sequence[Series]) -> str:
    items = ""
    for s in series:
        style = "dashed" if s.dashed else "solid"
        items += (
            f'<span><i style="border-top:{3 if s.strong else 2}px {style} {s.colour}"></i>'
            f"{html.escape(s.label)}</span>"
        )
    return f'<div class="legend">{items}</div>'


def lines(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """A line chart with two logarithmic axes. The points of strong series are labelled with their
    values.
    """
    points = [p for s in series for p in s.points]
    if not points:
        return ""
    xs, ys = sorted({p[0] for p in points}), [p[1] for p in points]
    x = Log(xs[0] / 1.15, xs[-1] * 1.4, 64, WIDTH - 16)
    y = Log(min(ys) / 1.4, max(ys) * 1.5, 330, 14)
    svg = Svg(376, f"{y_label} by {x_label}")
    for tick in y.ticks():
        svg.line((x.begin, y(tick)), (WIDTH - 16, y(tick)), "grid")
        svg.text((56, y(tick) + 4), number(tick), "tick", "end")
    for tick in xs:
        svg.line((x(tick), 330), (x(tick), 335), "axis")
        svg.text((x(tick), 349), number(tick), "tick", "middle")
    svg.line((x.begin, 330), (WIDTH - 16, 330), "axis")
    svg.text(((64 + WIDTH - 16) / 2, 370), x_label, "name", "middle")
    svg.text((4, 10), y_label, "name")
    for s in sorted(series, key=lambda one: one.strong):
        at = [(x(p[0]), y(p[1])) for p in s.points]
        svg.track(at, s.colour, 2.6 if s.strong else 1.6, s.dashed)
        for (px, py), p in zip(at, s.points):
            title = f"{s.label}: {number(p[1])} ms at {number(p[0])} tokens"
            svg.dot((px, py), 0.1 if s.dashed else 4.2 if s.strong else 3, s.colour, title)
            if s.strong:
                svg.text((px + 7, py + 17), f"{number(p[1])} ms", "value halo")
    return legend(series) + str(svg)


def timeline(
    phases: Sequence[dict[str, Any]], meaning: dict[str, str], total: float, colours: Sequence[str]
) -> str:
    """A timeline with one bar for each phase, from left to right."""
    left, row, right = 306.0, 22.0, WIDTH - 16
    bottom = 8 + row * len(phases)
    ticks = _linear_ticks(total)
    scale = (right - left) / total
    svg = Svg(bottom + 44, "phases of a cold start")
    for tick in ticks:
        svg.line((left + tick * scale, 4), (left + tick * scale, bottom), "grid")
        svg.text((left + tick * scale, bottom + 16), number(tick), "tick", "middle")
    svg.line((left, bottom), (right, bottom), "axis")
    svg.text(
        ((left + right) / 2, bottom + 36),
        "milliseconds since the process was created",
        "name",
        "middle",
    )
    for i, phase in enumerate(phases):
        begin, end = phase["begin_ms"], phase["end_ms"]
        top = 8 + row * i
        faults = phase["minor_faults"] + phase["major_faults"]
        note = f"{time(end - begin)}, {faults:.0f} fault{'' if faults == 1 else 's'}"
        name = phase["name"]
        svg.text((0, top + 14), name, "strongname")
        svg.text((72, top + 14), meaning.get(name.split()[0], ""), "tick")
        svg.bar(
            (left + begin * scale, top + 3),
            (max((end - begin) * scale, 1), row - 7),
            colours[i % len(colours)],
            f"{name}: {note}",
        )
        if left + end * scale + 7.2 * len(note) < right:
            svg.text((left + end * scale + 6, top + 14), note, "tick halo")
        else:
            svg.text((left + begin * scale - 6, top + 14), note, "tick halo", "end")
    return str(svg)


def _bins(buckets: Sequence[dict[str, Any]], parts: int) -> dict[int, int]:
    """The counts in bins of equal width on a logarithmic axis, `parts` bins for each doubling."""
    counts: dict[int, int] = {}
    for b in buckets:
        middle = (max(b["from_ms"], 1e-3) + b["to_ms"]) / 2
        key = math.floor(math.log2(middle) * parts)
        counts[key] = counts.get(key, 0) + b["count"]
    return counts


def histogram(buckets: Sequence[dict[str, Any]], marks: dict[str, float], colour: str) -> str:
    """A histogram of latencies. Each mark is a vertical line with a name."""
    if not buckets:
        return ""
    parts = 5
    counts = _bins(buckets, parts)
    low, high = 2.0 ** (min(counts) / parts), 2.0 ** ((max(counts) + 1) / parts)
    high = max(high, *(value * 1.02 for value in marks.values()))
    top, bottom = 22.0 + 15 * len(marks), 300.0
    x = Log(low, high, 64, WIDTH - 16)
    ticks = _linear_ticks(max(counts.values()) * 1.05, 4)
    scale = (bottom - top) / (max(counts.values()) * 1.05)
    svg = Svg(bottom + 46, "histogram of latencies")
    for tick in ticks:
        svg.line((x.begin, bottom - tick * scale), (WIDTH - 16, bottom - tick * scale), "grid")
        svg.text((56, bottom - tick * scale + 4), number(tick), "tick", "end")
    for key, count in counts.items():
        begin, end = x(2.0 ** (key / parts)), x(2.0 ** ((key + 1) / parts))
        svg.bar(
            (begin + 0.5, bottom - count * scale),
            (end - begin - 1, count * scale),
            colour,
            f"{number(2.0 ** (key / parts))} to {number(2.0 ** ((key + 1) / parts))} ms: "
            f"{count} events",
        )
    # The name of the largest mark is at the top, so no name crosses the line of a mark on its left.
    for i, (name, value) in enumerate(sorted(marks.items(), key=lambda m: -m[1])):
        y = 16.0 + 15 * i
        svg.line((x(value), y - 8), (x(value), bottom), "mark")
        near_end = x(value) > WIDTH - 330
        svg.text(
            (x(value) + (-5 if near_end else 5), y),
            f"{name} {number(value)} ms",
            "value halo",
            "end" if near_end else "start",
        )
    for tick in x.ticks():
        svg.line((x(tick), bottom), (x(tick), bottom + 5), "axis")
        svg.text((x(tick), bottom + 19), number(tick), "tick", "middle")
    svg.line((x.begin, bottom), (WIDTH - 16, bottom), "axis")
    svg.text(
        ((64 + WIDTH - 16) / 2, bottom + 40),
        "milliseconds from intended arrival to answer (logarithmic)",
        "name",
        "middle",
    )
    svg.text((4, 10), "events", "name")
    return str(svg)


def sparkline(values: Sequence[dict[str, Any]], limit: float, colour: str) -> str:
    """A small chart of one figure over revisions, with intervals. Each value has the keys value,
    low, high and label.
    """
    width, height, pad = 330.0, 46.0, 6.0
    low = min(v["low"] for v in values)
    high = max(v["high"] for v in values)
    room = max((high - low) * 0.15, high * 0.02)
    low, high = low - room, high + room
    step = (width - 2 * pad) / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return height - pad - (value - low) / (high - low) * (height - 2 * pad)

    svg = Svg(height, "figure over revisions", width)
    if low < limit < high:
        svg.line((0, y(limit)), (width, y(limit)), "limit")
    at = [(pad + i * step, y(v["value"])) for i, v in enumerate(values)]
    for (px, _), v in zip(at, values):
        svg.line((px, y(v["low"])), (px, y(v["high"])), "whisker")
    svg.track(at, colour, 1.6, False)
    for where, v in zip(at, values):
        svg.dot(where, 3, colour, f"{v['label']}: {number(v['value'])}")
    return str(svg)
