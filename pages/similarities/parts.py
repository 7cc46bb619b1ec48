"""The parts of the Similarities page for the chosen similarity, whatever its source."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from hierapp.similarities import Similarity, formats as similarity_formats
from hierapp.similarities.summary import Agreement, Facts
from pages.shared import common


@dataclass(frozen=True)
class Chosen:
    """A similarity without its lower bound.

    Attributes:
        similarity: the matrix with its classes.
        name: the title.
        spec: the spec by which a run names it; None until it is saved.
        tree_name: the tree that it belongs to, if any.
    """

    similarity: Similarity
    name: str
    spec: str | None
    tree_name: str | None = None


def describe(facts: Facts, agreement: Agreement, bound: float) -> None:
    """Show the numbers of the matrix with its lower bound."""
    common.facts(
        {
            "Mean similarity": f"{facts.mean_off_diagonal:.3f}",
            "Pairs with similarity 0": f"{facts.share_of_zeros:.1%}",
            "Correlation with the tree": _number(agreement.correlation),
            "Rank correlation": _number(agreement.rank_correlation),
        }
    )
    st.markdown(
        f"SimLoss of a confident correct prediction is **{facts.right_loss:g}**, of a uniform one"
        f" **{facts.uniform_loss:.3f}** (cross-entropy: {math.log(facts.classes):.3f}), of a confident prediction of"
        f" the most similar wrong class **{_loss(facts.near_loss)}**, of the least similar one"
        f" **{_loss(facts.far_loss)}**; means over the true classes."
    )
    if facts.is_degenerate:
        st.error("**Degenerate.** All classes are the same, so SimLoss is 0 for any output and is refused.")
    elif facts.is_identity:
        st.info(
            "**No two classes are similar**, so SimLoss is cross-entropy" + ("; lower the bound." if bound else "."),
            icon=":material/grid_off:",
        )
    elif facts.same:
        st.warning(
            f"**{facts.same} {'pair is' if facts.same == 1 else 'pairs are'} as similar as a class and itself**:"
            " SimLoss does not distinguish them.",
            icon=":material/join_inner:",
        )
    if not facts.is_symmetric:
        st.caption(
            "The matrix is not symmetric: SimLoss uses the row of the true class. The table shows the mean of both"
            " directions."
        )


def train_link(chosen: Chosen, data: str, tree_name: str, bound: float) -> None:
    """Show a link to the Train page with SimLoss and this similarity."""
    if chosen.spec is None:
        st.caption("To train with it, save it under a name.")
        return
    st.page_link(
        "pages/train/page.py",
        label="Train with it",
        icon=":material/play_circle:",
        query_params={
            "data": data,
            "label-tree": tree_name,
            "loss": "simloss",
            "simloss.similarity": chosen.spec,
            "simloss.lower_bound": f"{bound:g}",
        },
    )


def keeping(chosen: Chosen, keep: Callable[..., None], data: str) -> None:
    """Show the form that saves it under a name; `keep` is called with it, the name and the data set."""
    may = common.actions().may_run
    with st.popover("Save", icon=":material/save:", width="stretch", disabled=not may):
        st.caption("Without the lower bound, which is an option of the loss.")
        name = st.text_input("Save as", chosen.name, key="keep-as", max_chars=60)
        st.button("Save this similarity", type="primary", on_click=keep, args=(chosen, name, data), disabled=not may)


def downloads(chosen: Chosen, shown: Similarity, bound: float) -> None:
    """Show downloads as CSV: as it is, or as the loss reads it."""
    with st.popover("Download", icon=":material/download:", width="stretch"):
        st.download_button(
            "CSV",
            lambda: similarity_formats.render(chosen.similarity),  # written when it is asked for
            f"{chosen.name}.csv",
            "text/csv",
            on_click="ignore",
        )
        if bound:
            st.download_button(
                f"CSV with the lower bound {bound:g}",
                lambda: similarity_formats.render(shown),
                f"{chosen.name}-{bound:g}.csv",
                "text/csv",
                on_click="ignore",
            )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _loss(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.3f}"
