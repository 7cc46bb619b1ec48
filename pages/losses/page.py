"""Losses: what each one computes, with its formula and source."""

import streamlit as st

from hierapp.losses import LOSSES
from pages.shared import common

st.title("Losses")
st.caption(
    "u: logits; p(v): probability of node v among its siblings; z(v): of v among all; y: the true class; S: similarity"
    " of classes."
)
for name, loss in LOSSES.items():
    words, formula = st.columns([1, 1], vertical_alignment="center")
    words.markdown(f"**{loss.title}**  \n{loss.summary}  \n:gray[`{name}`, {loss.source}]")
    formula.latex(loss.formula)

common.glossary()
