"""Slides: landscape, big type, few words."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from samples.charts import PALETTE, bars, lines, pie
from samples.sheet import GREY, Sheet, put, save

NAME = "school-heat-pump-slides.pdf"
TITLE = "Linden School: from gas to heat pumps"
SIZE = (960.0, 540.0)
GREEN = (0.16, 0.4, 0.3)


def make(folder: Path) -> Path:
    """Write the slides (16:9)."""
    document = pymupdf.open()
    _title(document)
    _why(document)
    _heat(document)
    _options(document)
    _timeline(document)
    _saving(document)
    _ask(document)
    return save(document, folder / NAME, TITLE)


def _slide(document: pymupdf.Document, title: str) -> Sheet:
    sheet = Sheet(document, size=SIZE, margins=(70, 58, 70, 50), body=26, accent=GREEN)
    page = sheet.page
    page.draw_rect((0, 0, 18, SIZE[1]), color=None, fill=GREEN)
    put(page, 70, 516, "Linden School building committee  |  4 November 2025", 12, colour=GREY)
    put(page, 890, 516, str(document.page_count), 12, colour=GREY, align="right")
    sheet.text(title, size=34, style="b", colour=GREEN, after=20, leading=1.1)
    return sheet


def _title(document: pymupdf.Document) -> None:
    page = document.new_page(width=SIZE[0], height=SIZE[1])
    page.draw_rect((0, 0, *SIZE), color=None, fill=GREEN)
    page.draw_polyline([(640, 330), (745, 250), (850, 330)], closePath=True, color=None, fill=(0.85, 0.9, 0.85))
    page.draw_rect((660, 330, 830, 430), color=None, fill=(0.95, 0.97, 0.94))
    for i in range(3):
        page.draw_rect((680 + i * 50, 352, 708 + i * 50, 384), color=None, fill=PALETTE[0])
    page.draw_rect((850, 388, 892, 430), color=None, fill=(0.75, 0.78, 0.8))
    page.draw_circle((871, 409), 15, color=(0.3, 0.3, 0.3), width=2)
    put(page, 80, 210, "From gas to heat pumps", 46, face="hebo", colour=(1, 1, 1))
    put(page, 80, 262, "Progress of the Linden School retrofit", 24, colour=(0.88, 0.94, 0.9))
    put(page, 80, 420, "Priya Nandakumar, project manager", 18, colour=(0.88, 0.94, 0.9))
    put(page, 80, 446, "Building committee, 4 November 2025", 18, colour=(0.88, 0.94, 0.9))


def _why(document: pymupdf.Document) -> None:
    sheet = _slide(document, "Why now?")
    sheet.y += 20
    sheet.items(
        [
            "The two gas boilers date from 1991; spare parts ended in 2023",
            "Last winter: 11 days with classrooms below 17 °C",
            "Federal grant covers 45 % if commissioned before October 2027",
            "New windows (2022) halved the heat demand of the main wing",
        ]
    )


def _heat(document: pymupdf.Document) -> None:
    sheet = _slide(document, "Where the heat goes")
    sheet.figure(
        270,
        pie(["Roof", "Ventilation", "Outer walls", "Windows", "Floor"], [34, 27, 21, 11, 7], size=20),
        "Figure 1. Heat losses of the main wing, share of the total, winter 2024/25",
    )


def _options(document: pymupdf.Document) -> None:
    sheet = _slide(document, "Three options")
    sheet.table(
        [
            ["Option", "Investment", "Energy a year", "Noise at fence", "Works"],
            ["A  Air-source pumps", "€ 410,000", "€ 31,000", "43 dB", "5 months"],
            ["B  Ground-source pumps", "€ 685,000", "€ 22,500", "none", "9 months"],
            ["C  District heating", "€ 240,000", "€ 47,000", "none", "from 2029"],
        ],
        [2.9, 1.7, 1.8, 2.2, 1.6],
        size=20,
        totals=(2,),
    )
    sheet.text("Committee chose option B in June by 7 votes to 2", style="b", colour=GREEN)


def _timeline(document: pymupdf.Document) -> None:
    sheet = _slide(document, "Timeline")
    page = sheet.page
    page.draw_line((90, 270), (880, 270), color=GREEN, width=5)
    stages = (
        ("Jan 2026", "Soil survey", "two test bores"),
        ("Apr 2026", "Drilling", "24 bores of 99 m"),
        ("Jul 2026", "Pump house", "in the bicycle shed"),
        ("Oct 2026", "Pipework", "autumn holidays"),
        ("Mar 2027", "Commissioning", "boilers removed"),
    )
    for i, (when, what, detail) in enumerate(stages):
        x = 140 + i * 172
        page.draw_circle((x, 270), 12, color=GREEN, fill=(1, 1, 1), width=4)
        put(page, x, 236, when, 18, face="hebo", align="centre")
        put(page, x, 314, what, 19, align="centre")
        put(page, x, 338, detail, 15, colour=GREY, align="centre")
    sheet.y = 400
    sheet.text("Drilling falls in the Easter holidays: the yard is closed for 16 days", size=20)


def _saving(document: pymupdf.Document) -> None:
    sheet = _slide(document, "What it saves")
    middle = 470

    def draw(page: pymupdf.Page, room: pymupdf.Rect) -> None:
        left = pymupdf.Rect(room.x0, room.y0, middle - 20, room.y1)
        right = pymupdf.Rect(middle + 30, room.y0, room.x1, room.y1)
        bars(["2023", "2024", "2027", "2028"], [148, 152, 61, 19], title="CO2, tonnes a year", size=15)(page, left)
        lines(
            ["2025", "2030", "2035", "2040"],
            {"Heat pump": [0, 190, 402, 655]},
            title="Money saved since the start, thousand €",
            size=15,
        )(page, right)

    sheet.figure(290, draw, "Figure 2. Emissions of heating, and what is saved over new boilers")


def _ask(document: pymupdf.Document) -> None:
    sheet = _slide(document, "What we need from you today")
    sheet.items(
        [
            "Release € 38,000 for the soil survey",
            "Agree to close the yard from 30 March to 14 April 2026",
            "Name two members for the site meetings (Thursdays, 7:30)",
        ],
        numbered=True,
        after=24,
    )
    sheet.text("Questions: p.nandakumar@linden-school.example", size=20, colour=GREY)
