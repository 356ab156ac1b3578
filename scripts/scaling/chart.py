"""Small multiples on logarithmic axes as one SVG, light or dark as the reader's page prefers. Values in, text out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

#: Of a panel and its plot, in pixels.
_WIDTH, _HEIGHT = 300, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 48, 42
_STYLE = """\
svg { font: 12px system-ui, sans-serif; }
.paper { fill: #ffffff; } text { fill: #1f2328; } .quiet { fill: #59636e; }
.title { font-weight: 600; font-size: 14px; }
.grid { stroke: #d1d9e0; } .guide { stroke: #818b98; stroke-dasharray: 4 4; fill: none; }
.line { stroke: #0969da; stroke-width: 2; fill: none; } .dot { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; } text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
  .grid { stroke: #3d444d; } .guide { stroke: #9198a1; } .line { stroke: #4493f8; } .dot { fill: #4493f8; }
}"""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    #: By instances: what was measured there, and how it is written beside its dot.
    points: Sequence[tuple[int, float, str]]


def draw(panels: Sequence[Panel], about: str) -> str:
    """`about` says in words what the picture shows. The dashed line grows as the instances do."""
    width = _WIDTH * len(panels)
    inner = "\n".join(
        f'<g transform="translate({_WIDTH * place} 0)">\n{_panel(panel)}\n</g>' for place, panel in enumerate(panels)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}" role="img">
<title>{escape(about)}</title>
<style>
{_STYLE}
</style>
<rect class="paper" width="{width}" height="{_HEIGHT}" rx="6"/>
{inner}
</svg>
"""


def _panel(panel: Panel) -> str:
    return "\n".join([f'<text class="title" x="{_LEFT}" y="24">{escape(panel.title)}</text>', *_plot(panel)])


def _plot(panel: Panel) -> Iterator[str]:
    across = _Axis([instances for instances, _, _ in panel.points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([value for _, value, _ in panel.points], _HEIGHT - _BOTTOM, _TOP)
    for decade in up.decades:
        y = up.place(decade)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(decade)}</text>'
    for decade in across.decades:
        x = across.place(decade)
        yield f'<text class="quiet" x="{x:.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{_short(decade)}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text class="quiet" x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">instances</text>'
    yield _guide(panel, across, up)
    places = [(across.place(instances), up.place(value)) for instances, value, _ in panel.points]
    yield f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    for (x, y), (_, _, written) in zip(places, panel.points, strict=True):
        yield f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        end = "end" if x > _WIDTH / 2 else "start"
        yield f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="{end}">{escape(written)}</text>'


def _guide(panel: Panel, across: "_Axis", up: "_Axis") -> str:
    """From the last measurement back, as far as the plot goes: what grows no faster lies on it or above."""
    instances, value, _ = panel.points[-1]
    least = max(across.low, instances * up.low / value)
    return (
        f'<line class="guide" x1="{across.place(instances):.1f}" y1="{up.place(value):.1f}" '
        f'x2="{across.place(least):.1f}" y2="{up.place(value * least / instances):.1f}"/>'
    )


class _Axis:
    """A logarithmic one over whole decades."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        low, high = int(log10(min(values)) // 1), int(-(-log10(max(values)) // 1))
        self.low, self.high = 10.0**low, 10.0 ** max(high, low + 1)
        self.decades = [10.0**power for power in range(low, max(high, low + 1) + 1)]
        self._first, self._last = first, last

    def place(self, value: float) -> float:
        share = log10(value / self.low) / log10(self.high / self.low)
        return self._first + share * (self._last - self._first)


def _short(value: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g} {name}"
    return f"{value:g}"
