"""The Compare page's statistics: the chosen metric of each group against a baseline, or of all pairs of groups."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from hierapp.analysis import comparison, groups
from hierapp.plots import comparison as comparison_plots
from hierapp.stats import Comparison, Family, compare_all
from hierapp.stats.wording import p_value
from pages.compare import single
from pages.compare.choice import Chosen
from pages.shared import common

ALL = "all"


def show(chosen: Chosen) -> None:
    """Show groups over their seeds and, below, two single runs."""
    _options(chosen)
    single.show(chosen)


def _options(chosen: Chosen) -> None:
    """Show the metric of each seed, the tests, and what they mean."""
    if chosen.metric is None:
        st.info("The chosen runs have no metric in common; choose other runs above.")
        return
    found = groups.values(chosen.groups, chosen.metric)
    common.chart(
        comparison_plots.dots_plot(found, chosen.what, chosen.colors, chosen.is_share),
        "compare-dots",
        f"{chosen.what} of each seed, by group, with the mean",
    )
    if len(chosen.groups) < 2:
        st.info("Only one group is chosen: choose another one above to compare with.")
        return
    left, right, _ = st.columns([3, 2, 2])
    by_key = {comparison.key(group): group for group in chosen.groups}
    plain = next((key for key, group in by_key.items() if group.run.config.loss == "cross-entropy"), next(iter(by_key)))
    common.one_from_url("baseline", [*by_key, ALL], plain)
    baseline = left.selectbox(
        "Against",
        [*by_key, ALL],
        format_func=lambda key: "all against all" if key == ALL else by_key[key].label,
        key="baseline",
        help="Fewer comparisons give more power to each: Holm's correction takes their number into account.",
    )
    common.to_url("baseline", baseline)
    relevant = right.number_input(
        "Smallest relevant difference",
        min_value=0.0,
        value=None,
        format="%.4f",
        key="relevant",
        placeholder="none",
        help="In the metric's own unit: 0.01 of accuracy is one point.",
    )
    against = None if baseline == ALL else by_key[baseline].label
    family = compared(found, against, relevant or None, comparison.largest_difference(chosen.metric))
    _table(family.comparisons)
    by_label = {group.label: group for group in chosen.groups}
    for each in family.comparisons:
        _sentence(each, groups.remark(by_label[each.first], by_label[each.second]))
    st.caption(
        "Wilcoxon's test if the seeds match in pairs, otherwise Mann-Whitney's, both exact for few seeds; p after"
        " Holm's correction. Seeds are the replicates: separate training runs, evaluated on the same test images."
    )


@st.cache_data(max_entries=50, show_spinner=False)
def compared(
    metrics: Mapping[str, Mapping[int, float]], baseline: str | None, relevant: float | None, largest: float | None
) -> Family:
    """Return `compare_all`, cached for the same metrics."""
    return compare_all(metrics, baseline, relevant=relevant, largest=largest)


def _table(comparisons: tuple[Comparison, ...]) -> None:
    rows = []
    for each in comparisons:
        size = each.cliffs_delta
        interval = each.mean_difference.interval
        rows.append(
            {
                "group": each.first,
                "against": each.second,
                "n": f"{each.a.n} pairs" if each.paired else f"{each.a.n}, {each.b.n}",
                "difference": f"{each.mean_difference.value:+.4f}",
                "95 % interval": "" if interval is None else f"{interval.low:+.4f} to {interval.high:+.4f}",
                "p": p_value(each.p),
                "p, Holm": p_value(each.p_adjusted),
                "smallest possible p": p_value(each.least_p),
                "Cliff's delta": f"{size.value:+.2f}",
                "its interval": ""
                if size.interval is None
                else f"{size.interval.low:+.2f} to {size.interval.high:+.2f}",
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Each comparison with its difference, p and effect size")


def _sentence(each: Comparison, remark: str | None) -> None:
    icon = ":material/check_circle:" if each.is_significant else ":material/help:"
    if not each.is_measurable:
        icon = ":material/hourglass_empty:"
    st.markdown(f"{icon} {common.escaped(each.sentence)}")
    if remark:
        st.info(common.escaped(f"{each.first} and {each.second}: {remark}"), icon=":material/balance:")
