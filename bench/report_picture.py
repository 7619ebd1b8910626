"""Pictures of the report for the documentation: `python -m bench.report_picture` analyses the demo reel and photographs the page.

Writes docs/images/report.png (the top, light) and docs/images/report-timeline.png (the timeline, dark). Run it on a machine with nothing
else to do, because the page shows how long the analysis took. Needs Debian's chromium. Only the demo reel is ever shown: its material may
be published.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser import ARGS

CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 1280, 1080
MOST_BYTES = 400_000
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def photograph(report: Path, folder: Path) -> list[Path]:
    """Take both pictures of a report; return where they lie."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    top, timeline = folder / "report.png", folder / "report-timeline.png"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce")
        page.goto(report.as_uri())
        page.screenshot(path=top)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark", reduced_motion="reduce")
        page.goto(report.as_uri())
        page.evaluate("document.querySelector('#timeline').scrollIntoView()")
        page.locator("[data-analyzer=text_overlay] .it").nth(2).focus()
        page.mouse.move(700, 500)
        page.screenshot(path=timeline)
        browser.close()
    return [top, timeline]


def squeeze(path: Path) -> int:
    """Reduce a PNG to 256 colours where it is too large for a README; return its bytes."""
    from PIL import Image

    if path.stat().st_size > MOST_BYTES:
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path.stat().st_size


def main() -> None:
    from reelscope.demo import render_demo
    from reelscope.pipeline import analyze_to

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "slow-mornings.mp4"
        render_demo(clip)
        written = analyze_to(clip, Path(folder) / "out")
        for path in photograph(written.paths["html"], IMAGES):
            print(path.relative_to(IMAGES.parent.parent), squeeze(path), "bytes")


if __name__ == "__main__":
    main()
