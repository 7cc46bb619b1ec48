"""Random label trees for hypothesis."""

from __future__ import annotations

from hypothesis import settings, strategies as st

from hierapp import LabelTree
from hierapp.trees.names import name_of

# A busy machine is no fault of the code's.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@st.composite
def parents(draw: st.DrawFn, max_nodes: int) -> list[int]:
    """A vector of parents in any shape: ragged, flat, chains, single children."""
    size = draw(st.integers(2, max_nodes))
    # How far back a parent may lie: 1 makes chains, much makes flat trees.
    reach = draw(st.sampled_from([1, 2, 5, max_nodes]))
    return [-1, *(draw(st.integers(max(0, node - reach), node - 1)) for node in range(1, size))]


def trees(max_nodes: int = 60) -> st.SearchStrategy[LabelTree]:
    """Trees with the names n0, n1, ... in the order of their making, which is not the canonical one."""
    return parents(max_nodes).map(lambda above: LabelTree([f"n{i}" for i in range(len(above))], above))


def named_trees(names: st.SearchStrategy[str], max_nodes: int = 20) -> st.SearchStrategy[LabelTree]:
    """Trees with names of a strategy, in the spelling of trees, made unique."""
    spelled = names.map(name_of).filter(bool)
    return parents(max_nodes).flatmap(
        lambda above: st.lists(spelled, min_size=len(above), max_size=len(above), unique=True).map(
            lambda chosen: LabelTree(chosen, above)
        )
    )
