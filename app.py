"""The router: `streamlit run app.py`."""

import streamlit as st

from hierapp.paths import project_folder
from pages.shared import common, entrance

# Files of our own: Streamlit would fetch an icon named by a word from the network.
assets = project_folder() / "assets"
st.set_page_config(page_title="hierapp", page_icon=assets / "icon.svg", layout="wide")
st.logo(assets / "logo.svg", size="large")

page = entrance.navigate(
    [
        st.Page("pages/start/page.py", title="Start", icon=":material/home:", default=True),
        st.Page("pages/data/page.py", title="Data", icon=":material/photo_library:"),
        st.Page("pages/trees/page.py", title="Trees", icon=":material/account_tree:"),
        st.Page("pages/similarities/page.py", title="Similarities", icon=":material/grid_on:"),
        st.Page("pages/studio/page.py", title="Studio", icon=":material/edit:"),
        st.Page("pages/lab/page.py", title="Lab", icon=":material/experiment:"),
        st.Page("pages/train/page.py", title="Train", icon=":material/play_circle:"),
        st.Page("pages/search/page.py", title="Search", icon=":material/tune:"),
        st.Page("pages/runs/page.py", title="Runs", icon=":material/monitoring:"),
        st.Page("pages/compare/page.py", title="Compare", icon=":material/balance:"),
        st.Page("pages/reproduce/page.py", title="Reproduce", icon=":material/menu_book:"),
        st.Page("pages/settings/page.py", title="Settings", icon=":material/settings:"),
    ]
)
common.show(page)
