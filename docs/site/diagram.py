"""A flow chart of Mermaid as an SVG in the page: nodes in layers, one column for each of its subgraphs.

Every node stands one layer below the lowest that points to it. Colours are those of the page.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from html import escape

_CHART = re.compile(r"^```mermaid\nflowchart TB\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SUBGRAPH = re.compile(r'subgraph (\w+)\["([^"]+)"\](.*?)\n  end', re.DOTALL)
WIDE, HIGH, ROW, GAP, EDGE = 118, 26, 64, 12, 16
"""Pixels: width and height of a node, from layer to layer, between nodes, around a subgraph."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A subgraph."""

    title: str
    labels: Mapping[str, str]
    arrows: tuple[tuple[str, str], ...]


def draw(text: str) -> str:
    """The Markdown of a page, with its flow charts as SVG."""
    return _CHART.sub(lambda chart: _figure(chart[1]), text)


def _figure(chart: str) -> str:
    return "\n\n".join(_svg(_parsed(title, body)) for _, title, body in _SUBGRAPH.findall(chart))


def _parsed(title: str, body: str) -> Graph:
    labels = dict(re.findall(r'(\w+)\["([^"]+)"\]', body))
    return Graph(title, labels, tuple(re.findall(r"(\w+) --> (\w+)", body)))


def layers(graph: Graph) -> list[list[str]]:
    """The nodes from the top to the bottom, those of a layer in an order with few crossings."""
    above: dict[str, set[str]] = {name: set() for name in graph.labels}
    for source, target in graph.arrows:
        above[target].add(source)
    level: dict[str, int] = {}
    for name in TopologicalSorter(above).static_order():
        level[name] = max((level[one] + 1 for one in above[name]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in graph.labels:
        rows[level[name]].append(name)
    place: dict[str, float] = {}
    for row in rows:
        row.sort(key=lambda name: _mean([place[one] for one in above[name]]))
        place |= {name: (number + 0.5) / len(row) for number, name in enumerate(row)}
    return rows


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def _svg(graph: Graph) -> str:
    rows = layers(graph)
    width = max(len(row) for row in rows) * (WIDE + GAP) - GAP + 2 * EDGE
    centre = {
        name: (EDGE + (width - 2 * EDGE) * (number + 0.5) / len(row), 40 + ROW * layer)
        for layer, row in enumerate(rows)
        for number, name in enumerate(row)
    }
    height = 40 + ROW * (len(rows) - 1) + HIGH
    parts = [f'<text x="{EDGE}" y="16" font-weight="bold">{escape(graph.title)}</text>']
    parts += [_arrow(centre[source], centre[target]) for source, target in graph.arrows]
    parts += [_node(label, *centre[name]) for name, label in graph.labels.items()]
    label = f"The rooms of {graph.title}, and which imports which"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        f'style="max-width:{width}px;width:100%;font:13px sans-serif" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _arrow(source: tuple[float, float], target: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = source, target
    y, to_y = y + HIGH / 2, to_y - HIGH / 2
    bend = (to_y - y) / 2
    line = f"M{x:.0f},{y:.0f} C{x:.0f},{y + bend:.0f} {to_x:.0f},{to_y - bend:.0f} {to_x:.0f},{to_y:.0f}"
    head = f"M{to_x - 4:.0f},{to_y - 7:.0f} L{to_x:.0f},{to_y:.0f} L{to_x + 4:.0f},{to_y - 7:.0f}"
    style = 'fill="none" stroke="currentColor" stroke-opacity="0.45"'
    return f'<path d="{line}" {style}/><path d="{head}" {style}/>'


def _node(label: str, x: float, y: float) -> str:
    box = (
        f'<rect x="{x - WIDE / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{WIDE}" height="{HIGH}" rx="4" '
        'style="fill:var(--color-background-secondary)" stroke="currentColor"/>'
    )
    return f'{box}<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{escape(label)}</text>'
