"""The Data page's images with their label maps laid over them."""

import streamlit as st

from hierapp.data import Dataset, map_pictures, registry as datasets
from hierapp.data.dataset import Part
from hierapp.trees import library as tree_library
from pages.shared import common

AT_ONCE, COLUMNS = 9, 3
PARTS: dict[Part, str] = {"train": "training part", "test": "test part"}


@st.cache_data(max_entries=20, show_spinner="Drawing the images")
def sheet_of(name: str, stamp: int, part: Part, start: int, opacity: float, theme: str) -> bytes:
    """Return images of a part with their label maps, cached; `stamp` distinguishes data sets of one name."""
    data = datasets.find(name)
    images, maps = datasets.arrays(name, part)
    tree = tree_library.load(data.default_tree)
    colors = map_pictures.class_colors(len(tree.leaves))[tree.positions_of(data.class_names)]
    chosen = range(start, min(start + AT_ONCE, len(images)))
    shown = [map_pictures.overlay(images[row], maps[row], colors, opacity) for row in chosen]
    rows = [shown[at : at + COLUMNS] for at in range(0, len(shown), COLUMNS)]
    legend = [(leaf, map_pictures.class_colors(len(tree.leaves))[place]) for place, leaf in enumerate(tree.leaves)]
    return map_pictures.grid(rows, legend=[(leaf, color.tolist()) for leaf, color in legend], theme=theme)


def show(data: Dataset, stamp: int) -> None:
    """Show the images of a part, some at a time."""
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    picked = left.segmented_control(
        "Part", list(PARTS), format_func=PARTS.__getitem__, default="train", required=True, key="map-part", wrap=True
    )
    part: Part = common.chosen(picked)
    size = data.train_size if part == "train" else data.test_size
    pages = -(-size // AT_ONCE)
    page = middle.number_input("Page of images", 1, pages, key=f"map-page-{data.name}-{part}") if pages > 1 else 1
    opacity = right.slider("Opacity of the label maps", 0.0, 1.0, 0.5, 0.05, key="map-opacity")
    theme = "dark" if st.context.theme.type == "dark" else "light"
    start = (page - 1) * AT_ONCE
    with common.show_errors():
        names = ", ".join(data.class_names)
        st.image(
            sheet_of(data.name, stamp, part, start, opacity, theme),
            alt=f"Images {start + 1} to {min(start + AT_ONCE, size)} of the {PARTS[part]} with label maps of {names}",
        )
