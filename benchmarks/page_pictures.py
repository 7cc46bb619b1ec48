"""The pictures of the documentation that show pages of the app with runs.

    HIERAPP_HOME=FOLDER python -m hierapp run --data digits --loss cross-entropy --loss hierarchical --loss hxe \\
        --loss conditional --loss hierarchical-convex --loss soft-labels --epochs 20 --seeds 6
    python -m benchmarks.page_pictures --home FOLDER
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from benchmarks.browser import app, chromium
from hierapp.paths import project_folder
from hierapp.trees import library
from hierapp.trees.drafts import Draft

HEIGHT = 1080
PATIENCE = 240_000  # ms, on a busy machine


def pictures() -> dict[str, tuple[str, str]]:
    """For each file the address, and a selector of what appears last."""
    draft = Draft.begin(library.load("cifar10"), "Mine", "cifar10")
    return {
        "runs.png": ("runs?runs=1&runs=2&runs=3&runs=5", ".js-plotly-plot"),
        "compare.png": ("compare?view=severity", ".js-plotly-plot"),
        "studio.png": (f"studio?draft={draft.id}", ".node"),
    }


def picture(page: Page, url: str, last: str) -> Image.Image:
    """A screenshot of a page when its content has come to rest."""
    page.goto(url, timeout=PATIENCE)
    expect(page.locator(last).first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(10_000)  # plots come to rest
    return Image.open(io.BytesIO(page.screenshot(timeout=PATIENCE)))


def main() -> None:
    """Write runs.png, compare.png and studio.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=project_folder() / "docs" / "images")
    args = parser.parse_args()
    os.environ["HIERAPP_HOME"] = str(args.home)  # for the draft
    with app(args.home) as address, chromium() as browser:
        for name, (path, last) in pictures().items():
            page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
            picture(page, f"{address}/{path}", last).convert("RGB").save(args.out / name, optimize=True)


if __name__ == "__main__":
    main()
