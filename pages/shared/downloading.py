"""Widgets for a data set that is not ready: the download button and the progress."""

import streamlit as st

from hierapp.data import download, registry as datasets
from pages.shared import common


def while_downloading(name: str) -> None:
    """Show a download's progress until it ends."""
    now = download.progress_of(name)
    if now is None or not now.running:
        st.rerun()
    share = min(now.done / now.total, 1.0) if now.total else 0.0
    st.progress(share, text=f"{common.escaped(now.what)}: {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB")


def size_of(count: int) -> str:
    """Return a number of bytes in MB, or in kB if it is small."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def get_button(data: datasets.Dataset, place: str) -> None:
    """Show the state of a data set that is not ready, and the download button if it applies."""
    status, last = datasets.status(data.name), download.progress_of(data.name)
    if last is not None and last.running:
        common.repeated(while_downloading, 1.0)(data.name)
        return
    if last is not None and last.error:
        common.show_error(last.error)
    elif status.state == "broken":
        common.show_warning(status.detail)
    if data.by_hand is not None and status.state == "absent":
        st.caption(common.escaped(status.detail))
        return
    again = " again" if status.state == "broken" else ""
    label = f"Download {common.escaped(data.title)}{again} ({size_of(data.download_bytes)})"
    may = common.actions().may_run
    if st.button(label, key=f"get-{data.name}-{place}", icon=":material/download:", disabled=not may):
        common.actions().get_data(data.name)
        st.rerun()
