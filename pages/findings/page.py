"""Findings: what the studies have shown, each claim with its evidence, its size and its limits."""

from collections.abc import Sequence

import streamlit as st

from hierapp.plots.effects import Effect, effects_plot
from hierapp.studies import findings, library
from hierapp.studies.findings import Supported
from hierapp.studies.spec import ENDPOINTS
from hierapp.studies.verdicts import Verdict
from pages.shared import common


def show(number: int, each: Supported) -> None:
    """Show a claim, what follows from it, its limits, and its evidence."""
    st.header(f"{number}. {each.finding.claim}", anchor=f"finding-{number}", divider="gray")
    st.markdown(each.finding.meaning)
    st.caption(f"**Limits.** {each.finding.limits}")
    for study, judged in each.verdicts.items():
        for endpoint in dict.fromkeys(one.endpoint for one in judged):
            some = [one for one in judged if one.endpoint == endpoint]
            references = {one.reference for one in some}
            effects = [effect(one, named=len(references) > 1) for one in some]
            effects.sort(key=lambda each: each.difference)
            better = "more" if endpoint == "accuracy" else "less"
            title = f"difference in {ENDPOINTS[endpoint]}"
            from_what = f" from {references.pop()}" if len(references) == 1 else ""
            st.caption(f"{title.capitalize()}{common.escaped(from_what)}; {better} is better.")
            plot = effects_plot(effects, title, some[0].margin, percent=endpoint == "accuracy")
            common.chart(plot, f"effects-{number}-{study}-{endpoint}", f"{title}{from_what}, with 95 % intervals")
        with st.expander(f"{len(judged)} verdicts of the study {common.escaped(study)}"):
            st.markdown("\n".join(f"- {common.escaped(one.sentence)}" for one in judged))
            st.page_link("pages/studies/page.py", label="The study", query_params={"study": study})


def effect(one: Verdict, named: bool) -> Effect:
    """Return a verdict as a row of the plot; `named`: with the name of what it is compared with."""
    shown = one.verdict.startswith(("higher", "lower"))
    name = f"{one.subject} − {one.reference}" if named else one.subject
    return Effect(name, one.difference, one.low, one.high, shown, one.sentence)


def sources(found: Sequence[Supported]) -> str:
    """Name the studies and their sizes."""
    names = dict.fromkeys(name for each in found for name in each.verdicts)
    shipped = library.shipped()
    return ", ".join(f"{shipped[name].title} ({shipped[name].seeds} seeds)" for name in names)


def page() -> None:
    st.title("Findings")
    said, found = findings.load(), findings.supported()
    st.markdown(f"**{said.question}**")
    st.markdown(" ".join(said.answer))
    st.caption(
        f"From the studies: {common.escaped(sources(found))}. All numbers are computed from their results, which"
        " ship, by tests that were fixed before the runs. A dot is a mean difference over paired seeds, a line its 95 %"
        " interval; the shaded band is the margin within which two settings count as equal; filled dots are differences"
        " that are shown after correction for the number of comparisons."
    )
    for number, each in enumerate(found, 1):
        show(number, each)
    common.glossary()


page()
