"""A product manual: numbered steps, pictures with call-outs, a table of error codes."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from samples.charts import PALETTE
from samples.sheet import BLACK, GREY, RULE, Sheet, put, save

NAME = "brisa-dehumidifier-manual.pdf"
TITLE = "Brisa B-300 Dehumidifier: User Manual"
SIZE = (420.0, 595.0)
TEAL = (0.05, 0.42, 0.42)


def make(folder: Path) -> Path:
    """Write the manual (A5)."""
    document = pymupdf.open()
    _cover(document)
    _parts(document)
    _setup(document)
    _panel(document)
    _care(document)
    _faults(document)
    return save(document, folder / NAME, TITLE)


def _sheet(document: pymupdf.Document) -> Sheet:
    sheet = Sheet(document, size=SIZE, margins=(46, 66, 46, 52), body=9.4, accent=TEAL)
    sheet.furniture("Brisa B-300  User manual", str(document.page_count))
    return sheet


def _body(page: pymupdf.Page, x: float, y: float, width: float, height: float) -> None:
    """The appliance from the front."""
    page.draw_rect((x, y, x + width, y + height), color=BLACK, fill=(0.96, 0.97, 0.98), width=1, radius=0.08)
    page.draw_rect(
        (x + width * 0.14, y + height * 0.05, x + width * 0.86, y + height * 0.14),
        color=BLACK,
        fill=(0.25, 0.3, 0.33),
        width=0.6,
    )
    for i in range(7):
        level = y + height * (0.22 + i * 0.045)
        page.draw_line((x + width * 0.14, level), (x + width * 0.86, level), color=GREY, width=1.2)
    page.draw_rect(
        (x + width * 0.14, y + height * 0.62, x + width * 0.86, y + height * 0.93),
        color=BLACK,
        fill=(0.82, 0.91, 0.95),
        width=0.8,
    )
    for left in (0.16, 0.74):
        page.draw_circle((x + width * (left + 0.05), y + height + 4), 4, color=BLACK, fill=(0.3, 0.3, 0.3))


def _label(page: pymupdf.Page, at: tuple[float, float], spot: tuple[float, float], text: str) -> None:
    page.draw_line(at, spot, color=TEAL, width=0.7)
    page.draw_circle(at, 7, color=TEAL, fill=(1, 1, 1), width=0.9)
    put(page, at[0], at[1] + 3, text, 8, face="hebo", colour=TEAL, align="centre")


def _cover(document: pymupdf.Document) -> None:
    page = document.new_page(width=SIZE[0], height=SIZE[1])
    page.draw_rect((0, 0, SIZE[0], 150), color=None, fill=TEAL)
    put(page, 46, 84, "Brisa B-300", 30, face="hebo", colour=(1, 1, 1))
    put(page, 46, 112, "Dehumidifier for rooms up to 45 m²", 12, colour=(1, 1, 1))
    _body(page, 135, 215, 150, 230)
    put(page, 46, 530, "User manual", 18, face="hebo")
    put(page, 46, 550, "Read before first use and keep it with the appliance. Edition 3, March 2025", 9, colour=GREY)


def _parts(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("1  Know your dehumidifier")

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        x = room.x0 + 105
        _body(page, x, room.y0 + 8, 112, 172)
        _label(page, (room.x0 + 40, room.y0 + 24), (x + 30, room.y0 + 24), "1")
        _label(page, (room.x1 - 40, room.y0 + 64), (x + 90, room.y0 + 64), "2")
        _label(page, (room.x0 + 40, room.y0 + 140), (x + 30, room.y0 + 140), "3")
        _label(page, (room.x1 - 40, room.y0 + 118), (x + 112, room.y0 + 118), "4")
        _label(page, (room.x1 - 40, room.y0 + 184), (x + 88, room.y0 + 184), "5")

    sheet.figure(198, draw, "Figure 1. The appliance from the front.")
    sheet.table(
        [
            ["No.", "Part", "What it is for"],
            ["1", "Control panel", "Sets humidity, fan and timer (section 3)"],
            ["2", "Air outlet", "Blows out dry air; keep it free"],
            ["3", "Water tank", "Holds 4.2 litres; pull to remove"],
            ["4", "Hose connection", "For continuous drainage, 12 mm hose"],
            ["5", "Castors", "The two in front have brakes"],
        ],
        [0.6, 1.7, 4],
        wrapped=True,
        after=3,
    )
    sheet.caption("Table 1. Parts.")
    sheet.heading("Safety", level=2, before=4)
    sheet.items(
        [
            "Never tilt the appliance by more than 45 degrees. If it was laid down, let it stand for four hours first.",
            "Keep 30 cm from walls and curtains on all sides.",
        ]
    )


def _step(page: pymupdf.Page, room: pymupdf.Rect) -> None:
    third = room.width / 3
    for i in range(3):
        box = pymupdf.Rect(room.x0 + i * third + 3, room.y0, room.x0 + (i + 1) * third - 3, room.y1)
        page.draw_rect(box, color=RULE, fill=(0.985, 0.99, 0.99), width=0.7)
        put(page, box.x0 + 6, box.y0 + 13, "ABC"[i], 10, face="hebo", colour=TEAL)
    x = room.x0 + 32
    _body(page, x, room.y0 + 14, 46, 72)
    page.draw_rect((x + 7, room.y0 + 68, x + 56, room.y0 + 90), color=BLACK, fill=(0.7, 0.85, 0.93), width=0.8)
    page.draw_line((x + 42, room.y0 + 79), (x + 70, room.y0 + 79), color=PALETTE[1], width=2)
    x += third
    page.draw_rect((x, room.y0 + 40, x + 56, room.y0 + 80), color=BLACK, fill=(0.9, 0.95, 0.98), width=0.8)
    page.draw_circle((x + 28, room.y0 + 58), 9, color=BLACK, fill=(1, 1, 0.85), width=0.8)
    put(page, x + 28, room.y0 + 61, "float", 7, align="centre")
    x += third
    _body(page, x, room.y0 + 14, 46, 72)
    page.draw_curve((x + 46, room.y0 + 60), (x + 80, room.y0 + 60), (x + 64, room.y0 + 96), color=PALETTE[0], width=2.5)


def _setup(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("2  Setting up")
    sheet.items(
        [
            "Roll the appliance to its place and press both brakes on the front castors.",
            "Pull the water tank out towards you (Figure 2, A) and take out the packing foam.",
            "Check that the float inside the tank moves freely (Figure 2, B). If it is stuck, the appliance "
            "will not start.",
            "Push the tank back until it clicks.",
            "Plug in. The panel shows the humidity of the room after about 90 seconds.",
        ],
        numbered=True,
    )
    sheet.figure(106, _step, "Figure 2. A: removing the tank. B: the float. C: hose for continuous drainage.")
    sheet.heading("Continuous drainage", level=2)
    sheet.items(
        [
            "Remove the rubber plug behind the appliance and keep it.",
            "Push a hose of 12 mm inner diameter over the connection (Figure 2, C).",
            "Lead it downhill all the way to a drain. The hose must be no longer than 5\u00a0m.",
        ],
        numbered=True,
    )
    sheet.text(
        "With the hose connected the tank stays empty and its full-tank alarm is off. Do not use continuous "
        "drainage in rooms that may freeze.",
        align="justify",
    )


def _panel(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("3  Using the control panel")

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        page.draw_rect((room.x0, room.y0, room.x1, room.y1), color=BLACK, fill=(0.25, 0.3, 0.33), width=0.8, radius=0.1)
        middle = (room.y0 + room.y1) / 2
        put(page, room.x0 + 52, middle + 10, "55 %", 26, face="hebo", colour=(0.6, 0.95, 0.85), align="centre")
        for i, name in enumerate(("POWER", "HUMIDITY", "FAN", "TIMER", "LAUNDRY")):
            x = room.x0 + 122 + i * 43
            page.draw_circle((x, middle - 6), 13, color=(1, 1, 1), width=1.1)
            put(page, x, middle + 20, name, 6.5, colour=(1, 1, 1), align="centre")

    sheet.figure(66, draw, "Figure 3. The control panel.")
    sheet.table(
        [
            ["Mode", "Target humidity", "Fan", "Extracts a day", "Noise"],
            ["Comfort", "55 %", "low", "9 litres", "36 dB"],
            ["Dry", "45 %", "medium", "14 litres", "41 dB"],
            ["Laundry", "35 %", "high", "20 litres", "47 dB"],
            ["Night", "60 %", "lowest", "6 litres", "31 dB"],
        ],
        [1.3, 1.9, 1.1, 1.8, 1],
        size=8.4,
        after=3,
    )
    sheet.caption("Table 2. Modes, measured at 27 °C and 60 % relative humidity.")
    sheet.heading("Laundry drying", level=2, before=4)
    sheet.text(
        "Hang the laundry at least 50 cm from the air outlet, close doors and windows and press LAUNDRY. The "
        "appliance runs for six hours and then returns to the mode it was in.",
        align="justify",
    )
    sheet.heading("Child lock", level=2, before=4)
    sheet.text("Hold HUMIDITY and TIMER together for three seconds. Do the same to unlock.", align="justify")


def _care(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("4  Care")
    sheet.table(
        [
            ["What", "How often", "How"],
            ["Water tank", "every week", "Rinse with lukewarm water; no detergent"],
            ["Air filter", "every two weeks", "Vacuum; wash when grey, dry for a day"],
            ["Housing", "every month", "Damp cloth"],
            ["Charcoal filter", "every six months", "Replace (order number BF-31)"],
        ],
        [1.5, 1.6, 3.2],
        wrapped=True,
        after=3,
    )
    sheet.caption("Table 3. Maintenance.")
    sheet.heading("Changing the filters", level=2)
    sheet.items(
        [
            "Switch off and unplug.",
            "Press the two clips on the back cover and lift it off (Figure 4).",
            "Slide the air filter up. The charcoal filter is behind it.",
            "Put in the new charcoal filter with the printed side facing you.",
            "Close the cover and hold FAN for five seconds to reset the counter.",
        ],
        numbered=True,
    )

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        x, y = room.x0 + 40, room.y0 + 6
        for i, (name, fill) in enumerate(
            (
                ("housing", (0.96, 0.97, 0.98)),
                ("charcoal filter", (0.3, 0.3, 0.32)),
                ("air filter", (0.9, 0.9, 0.8)),
                ("back cover", (0.88, 0.92, 0.93)),
            )
        ):
            left = x + i * 68
            page.draw_polyline(
                [(left, y + 10), (left + 40, y), (left + 40, y + 84), (left, y + 94)],
                closePath=True,
                color=BLACK,
                fill=fill,
                width=0.9,
            )
            put(page, left + 20, room.y1 - 4, name, 7.5, align="centre")

    sheet.figure(118, draw, "Figure 4. Order of the filters, from the housing outwards.")


def _faults(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("5  If something goes wrong")
    sheet.table(
        [
            ["Code", "Meaning", "What to do"],
            ["E1", "Humidity sensor fails", "Unplug for ten minutes; if it returns, call service"],
            ["E2", "Coil is frozen", "Let it defrost; use above 5 °C only"],
            ["E3", "Fan is blocked", "Unplug, clear the outlet, restart"],
            ["E4", "Tank is full or missing", "Empty it and push it in until it clicks"],
            ["E7", "Coolant pressure too low", "Do not use; call service"],
        ],
        [0.7, 2.3, 3.5],
        wrapped=True,
        after=3,
    )
    sheet.caption("Table 4. Error codes.")
    sheet.heading("6  Technical data", level=1)
    sheet.table(
        [
            ["Property", "Value"],
            ["Power", "310 W, 230 V, 50 Hz"],
            ["Coolant", "R290, 70 g"],
            ["Tank", "4.2 litres"],
            ["Operating temperature", "5 to 32 °C"],
            ["Dimensions", "35 × 24 × 57 cm"],
            ["Weight", "13.8 kg"],
        ],
        [2, 3],
        after=3,
    )
    sheet.caption("Table 5. Technical data.")
    sheet.heading("Guarantee", level=2, before=4)
    sheet.text(
        "Three years from the date of purchase, five for the compressor. Damage by scale, by tilting or by use "
        "below 5 °C is not covered. Service: telephone 0800 555 0143.",
        align="justify",
    )
