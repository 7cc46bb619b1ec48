"""The app: `streamlit run app.py` imports this file to serve it and runs it as a script (the router) for each visit."""

import streamlit as st

# The menu: sections of pages; each page is a folder of pages/ and an address.
MENU = {
    "": {"start": ("Start", "home")},
    "Learn": {
        "lab": ("Lab", "experiment"),
        "findings": ("Findings", "lightbulb"),
        "losses": ("Losses", "functions"),
        "reproduce": ("Reproduce", "menu_book"),
    },
    "Prepare": {
        "data": ("Data", "photo_library"),
        "trees": ("Trees", "account_tree"),
        "studio": ("Studio", "edit"),
        "similarities": ("Similarities", "grid_on"),
    },
    "Train": {"train": ("Train", "play_circle"), "search": ("Search", "tune")},
    "Results": {
        "runs": ("Runs", "monitoring"),
        "compare": ("Compare", "balance"),
        "studies": ("Studies", "science"),
        "predictions": ("Imported predictions", "upload_file"),
    },
    ":material/settings:": {"settings": ("Settings", "settings")},
}

if __name__ == "__main__":
    from hierapp.paths import app_folder
    from pages.shared import auth, common

    # Local files: Streamlit would load a named icon from the network.
    assets = app_folder() / "assets"
    st.set_page_config(page_title="hierapp", page_icon=assets / "icon.svg", layout="wide")
    st.logo(assets / "logo.svg", size="large")
    menu = {
        section: [
            st.Page(
                f"pages/{name}/page.py", title=title, icon=f":material/{icon}:", url_path=name, default=name == "start"
            )
            for name, (title, icon) in pages.items()
        ]
        for section, pages in MENU.items()
    }
    common.show(auth.navigate(menu))
else:
    from starlette.middleware import Middleware

    from pages.shared import serving

    names = [name for pages in MENU.values() for name in pages]
    middleware = [
        Middleware(serving.SafeHeaders),
        Middleware(serving.PlotlyScript),
        Middleware(serving.BaseAddress, pages=names),
    ]
    app = st.App(__file__, lifespan=serving.lifespan, middleware=middleware)
