"""All plots and drawings: data in, a Plotly figure or SVG out."""

__all__ = [
    "comparison",
    "confusion",
    "core",
    "curves",
    "data",
    "lab",
    "outputs",
    "reproduction",
    "search",
    "similarity",
    "tree_svg",
]
