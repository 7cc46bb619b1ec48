"""A label tree as an SVG drawing, with the same layout as elsewhere: depth to the right, leaves evenly downwards."""

from __future__ import annotations

from html import escape

from hierapp.plots.core import branch_colors, layout_positions
from hierapp.trees import LabelTree

LEVEL, ROW, MARGIN = 170, 26, 24


def render(tree: LabelTree) -> str:
    """Return the drawing as text; names are escaped and displayed verbatim.

    >>> drawing = render(LabelTree.from_edges([("root", "<cat>"), ("root", "dog")]))
    >>> drawing.count("<circle"), "&lt;cat&gt;" in drawing
    (3, True)
    """
    across, down = layout_positions(tree)
    x, y = (MARGIN + across * LEVEL).round(1), (MARGIN + down * ROW).round(1)
    colors = branch_colors(tree)
    longest = max(len(name) for name in tree.nodes)
    width, height = int(x.max() + 20 + 8 * longest), int(y.max() + MARGIN)
    lines = [
        f"M{x[above]},{y[above]}C{(x[above] + x[node]) / 2:.1f},{y[above]} {(x[above] + x[node]) / 2:.1f},{y[node]}"
        f" {x[node]},{y[node]}"
        for node, above in enumerate(tree.parents.tolist())
        if above >= 0
    ]
    nodes = []
    for i, name in enumerate(tree.nodes):
        radius, rise, weight = (7, -7, "600") if tree.children[i] else (5, 4.5, "400")
        nodes.append(
            f'<circle cx="{x[i]}" cy="{y[i]}" r="{radius}" fill="{colors[i]}"/><text x="{x[i] + 11}" y="{y[i] + rise}"'
            f' font-weight="{weight}">{escape(name)}</text>'
        )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
    )
    edges = f'<path d="{"".join(lines)}" fill="none" stroke="#9aa0a6" stroke-width="1.3"/>'
    return "\n".join([head, edges, *nodes, "</svg>", ""])
