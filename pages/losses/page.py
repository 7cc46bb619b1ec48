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
    st.markdown(f"**{loss.title}**  \n{loss.summary}  \n:gray[`{name}`, {loss.source}]")
    st.latex(loss.formula)  # over the whole width: a formula that is cut off cannot be scrolled by the keyboard

common.glossary()
