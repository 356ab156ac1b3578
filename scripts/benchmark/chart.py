"""The chart: wall over bound of each client in each scenario, as an SVG that is legible on light and dark pages."""

from collections.abc import Sequence
from html import escape

from benchmark.measure import Measure
from benchmark.table import verdict

#: Pixels, and the ratio at which a bar ends.
_WIDTH, _LEFT, _ROW, _GAP, _HEAD = 860, 170, 17, 14, 34
_MOST = 3.0
_COLOURS = ("#2f81f7", "#bf8700", "#a371f7", "#8b949e")
_LIGHT, _DARK = "text{font:12px sans-serif;fill:#24292f}.s{fill:#57606a}", "text{fill:#e6edf3}.s{fill:#9da7b3}"
_STYLE = f"{_LIGHT}@media(prefers-color-scheme:dark){{{_DARK}}}"


def chart(measures: Sequence[Measure]) -> str:
    clients = list(dict.fromkeys(one.client for one in measures))
    parts, y = [_legend(clients)], _HEAD
    for name in dict.fromkeys(one.scenario for one in measures):
        of_it = [one for one in measures if one.scenario == name]
        parts.append(f'<text x="0" y="{y + 12}" font-weight="bold">{escape(name)}</text>')
        for place, one in enumerate(of_it):
            parts.append(_bar(one, y + place * _ROW, _COLOURS[clients.index(one.client) % len(_COLOURS)]))
        y += len(of_it) * _ROW + _GAP
    at = f'x1="{_x(1)}" x2="{_x(1)}" y1="{_HEAD - 6}" y2="{y - _GAP}"'
    line = f'<line {at} stroke="#cf222e" stroke-dasharray="3 3"/>'
    size = f'viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = "<title>Wall time over the portal's own bound, by scenario and client</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, line, "</svg>\n"])


def _legend(clients: Sequence[str]) -> str:
    cells = []
    for place, client in enumerate(clients):
        x = _LEFT + place * 165
        cells.append(f'<rect x="{x}" y="4" width="10" height="10" fill="{_COLOURS[place % len(_COLOURS)]}"/>')
        cells.append(f'<text x="{x + 15}" y="13">{escape(client)}</text>')
    return "\n".join(['<text class="s" x="0" y="13">wall / bound (line: 1)</text>', *cells])


def _x(ratio: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - 230) * min(ratio, _MOST) / _MOST, 1)


def _bar(one: Measure, y: int, colour: str) -> str:
    end = _x(one.ratio)
    faint = ' fill-opacity="0.45"' if one.left else ""
    bar = f'<rect x="{_LEFT}" y="{y + 2}" width="{end - _LEFT:g}" height="{_ROW - 4}" fill="{colour}"{faint}/>'
    return f'{bar}<text class="s" x="{end + 5}" y="{y + 13}">{escape(verdict(one))}</text>'
