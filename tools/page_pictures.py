"""The pictures of the page in the README: `python tools/page_pictures.py http://127.0.0.1:8000 docs/images`.

The service must serve the sample PDFs (`make demo` makes them).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

LARGEST = 200_000
PICTURES = {
    "page-search": ("/?q=" + quote("How punctual were the ferries in the third quarter of 2024?"), 1440, 900, "light"),
    "page-answer": (
        "/?mode=ask&q=" + quote("What F1 does the camera reach in the turbid Hallan estuary?"), 1440, 900, "dark",
    ),
    "page-telephone": ("/?q=" + quote("What does error code E2 of the dehumidifier mean?"), 390, 844, "light"),
}  # fmt: skip
"""Address, width, height and colours of each."""
LOADED = "[...document.images].filter((one) => one.checkVisibility()).every((one) => one.complete && one.naturalWidth)"


def main(address: str, folder: Path) -> None:
    """Take the pictures."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name, (path, width, height, scheme) in PICTURES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
                device_scale_factor=2 if width < 600 else 1,
            )
            page = context.new_page()
            page.goto(address + path)
            if width < 600:
                page.locator(".hit .open").first.click()
                page.locator("#viewer.chosen").wait_for()
            save(page, folder / f"{name}.png")
            context.close()
        browser.close()


def save(page: Page, file: Path) -> None:
    """Save what is seen as a PNG of at most `LARGEST` bytes, by fewer colours where it needs them."""
    for _ in range(100):
        if page.evaluate(LOADED):
            break
        page.wait_for_timeout(200)
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            break
    file.write_bytes(out.getvalue())
    print(file, out.tell(), colours)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
