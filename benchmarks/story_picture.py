"""The moving picture of the tutorial for lecturers: a story of the lab, step by step, recorded from the app.

python -m benchmarks.story_picture
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from benchmarks.browser import app, chromium
from hierapp.lab.stories import story
from hierapp.paths import project_folder

SIZE = {"width": 1120, "height": 700}
SECONDS = 4


def frames(story_id: str) -> list[Image.Image]:
    """A screenshot of each step, when its losses and decoders are on the board."""
    found = []
    with tempfile.TemporaryDirectory() as home, app(home) as address, chromium() as browser:
        page = browser.new_page(viewport=SIZE)
        for number, step in enumerate(story(story_id).steps, start=1):
            page.goto(f"{address}/lab?lesson={story_id}&step={number}")
            expect(page.get_by_role("heading", name=f"{number}. {step.title}")).to_be_visible(timeout=60_000)
            expect(page.get_by_role("button", name="Copy link")).to_be_visible(timeout=60_000)
            page.wait_for_timeout(1500)  # the board and its cards come to rest
            found.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    return found


def main() -> None:
    """Write docs/images/story.webp."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--story", default="cat-truck")
    parser.add_argument("--out", type=Path, default=project_folder() / "docs" / "images" / "story.webp")
    args = parser.parse_args()
    first, *others = frames(args.story)
    first.save(args.out, save_all=True, append_images=others, duration=SECONDS * 1000, loop=0, quality=60, method=6)


if __name__ == "__main__":
    main()
