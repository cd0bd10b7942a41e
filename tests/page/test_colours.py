"""Every text on the page has the contrast that WCAG 2.2 asks for (AA), in light and in dark."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

Look = Callable[..., Page]

MEASURE = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, svg, .seen-not, option")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const [one, other] = [luminance(over(parse(style.color), below)), luminance(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const contrast = (one + 0.05) / (other + 0.05);
    found.push([contrast, large ? 3 : 4.5, walker.currentNode.textContent.trim().slice(0, 40), element.className]);
  }
  return found;
}"""

PAGES = [
    "/",
    "/?q=" + quote("What does a ticket for a child cost?"),
    "/?mode=ask&since=2020&q=" + quote("What does a ticket for a child cost?"),
    "/?mode=ask&q=" + quote("Who won the chess tournament of Wijk?"),
    "/?since=never&q=ferry",
    "/?open=nonsense",
    "/ui/key",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(look: Look, scheme: str) -> None:
    page = look(color_scheme=scheme)
    seen = 0
    for path in PAGES:
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + path)
        if path != "/ui/key":
            expect(page.locator("#left")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach((details) => details.open = true)")
        measured = page.evaluate(MEASURE)
        seen += len(measured)
        assert not [row for row in measured if row[0] < row[1]]
    assert seen > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_of_fields_and_the_mark_of_the_focus_can_be_seen(look: Look, scheme: str) -> None:
    page = look(color_scheme=scheme)
    colours = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement);
          return Object.fromEntries(["ground", "surface", "raised", "edge", "accent", "spot"].map(
            (name) => [name, style.getPropertyValue("--" + name).trim()]));
        }"""
    )

    def luminance(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for below in ("ground", "surface", "raised"):
        assert contrast("edge", below) >= 3
        assert contrast("accent", below) >= 3
