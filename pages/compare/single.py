"""The Compare page's comparison of two single runs: image by image, and by the folds of their common test set."""

from __future__ import annotations

import streamlit as st

from hierapp.analysis import paired_runs
from hierapp.analysis.paired_runs import FOLDS, SingleRuns
from hierapp.runs import Run
from hierapp.training import predictions
from pages.compare.choice import Chosen
from pages.shared import common


def show(chosen: Chosen) -> None:
    """Show McNemar's test of two chosen runs, and the paper's test over ten folds."""
    named = {
        run.id: (run, f"run {run.id} · {group.label} · seed {run.config.seed}")
        for group in chosen.groups
        for run in group.runs.values()
        if predictions.has(run.folder)
    }
    with st.expander("Two single runs", icon=":material/looks_two:", key="single", expanded=_is_asked()):
        if len(named) < 2:
            st.caption(
                "This needs two of the chosen runs with stored test outputs; runs of older versions have none: train"
                " them again, or choose more groups above."
            )
            return
        st.caption(
            "Predictions of two training runs on the same test images, each by its most likely class. This compares"
            " these two networks, not their configurations: for those, use the seeds above."
        )
        first, second = _two(chosen, named)
        if first == second:
            st.info("Both are the same run; choose another run to compare with.")
            return
        with common.show_errors():
            found = _compared(named[first][0], named[second][0])
            _images(found)
            _folds(found)


def _is_asked() -> bool:
    """Return whether the address names two runs."""
    return "one" in st.query_params and "other" in st.query_params


def _two(chosen: Chosen, named: dict[str, tuple[Run, str]]) -> tuple[str, str]:
    """Show the choice of two runs and return their ids; initially the first run of each of the first two groups."""
    firsts = [run.id for group in chosen.groups for run in list(group.runs.values())[:1] if run.id in named]
    usual = list(dict.fromkeys([*firsts, *named]))
    picked = []
    for column, key, label, default in zip(
        st.columns(2), ("one", "other"), ("One run", "Another run"), usual, strict=False
    ):
        common.one_from_url(key, list(named), default)
        picked.append(
            column.selectbox(
                label, list(named), format_func=lambda run: named[run][1], key=key, on_change=_keep_in_address
            )
        )
    if _is_asked():
        _keep_in_address()
    return picked[0], picked[1]


def _keep_in_address() -> None:
    """Write the choice to the address, so that the address opens this part as well."""
    for key in ("one", "other"):
        common.to_url(key, st.session_state[key])


def _images(found: SingleRuns) -> None:
    st.markdown("**Image by image**")
    st.markdown(common.escaped(found.mcnemar.sentence))
    interval = found.mcnemar.interval
    left, right = st.columns([3, 2])
    left.dataframe(
        found.counts(), alt="Number of test images that both, one or neither of the two runs classifies correctly"
    )
    right.metric(
        "Difference of accuracy",
        f"{found.mcnemar.difference:+.2%}",
        help=f"{interval.low:+.2%} to {interval.high:+.2%}: 95 % interval of Agresti and Min",
    )


def _folds(found: SingleRuns) -> None:
    st.markdown(f"**As in the paper: {FOLDS} folds of one test set**")
    st.markdown(common.escaped(found.folds.sentence))
    frame = found.by_fold()
    st.dataframe(
        frame,
        column_config={name: st.column_config.NumberColumn(format="percent") for name in map(str, frame)},
        alt="Accuracy of each of the two runs on each fold of the test images",
    )
    st.caption(
        f"Each run was trained once; the folds divide its test images into {FOLDS} parts, the same for both. Here n ="
        f" {FOLDS} is the number of parts of one test set; above, n is the number of training runs: only those say"
        " something about groups."
    )


def _compared(first: Run, second: Run) -> SingleRuns:
    return _kept(first, second, (str(first.folder), first.ended), (str(second.folder), second.ended))


# A finished run's outputs do not change, but a store may be restored: so the cache key includes the end time.
@st.cache_data(max_entries=200, show_spinner=False)
def _kept(_first: Run, _second: Run, first: tuple[str, float | None], second: tuple[str, float | None]) -> SingleRuns:
    return paired_runs.compare_images(_first, _second)
