"""Shared computations of the losses: true paths, all nodes, rows of pairs of leaves."""

__all__ = ["ancestors", "nodes", "path"]
