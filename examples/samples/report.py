"""An annual report: tables, vector charts whose values stand nowhere else, financial statements."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from samples.charts import PALETTE, bars, lines
from samples.sheet import A4, Sheet, put, save

NAME = "tidewater-annual-report-2025.pdf"
TITLE = "Tidewater Ferries plc: Annual Report 2025"
NAVY = PALETTE[0]


def make(folder: Path) -> Path:
    """Write the report."""
    document = pymupdf.open()
    _cover(document)
    _glance(document)
    _operations(document)
    _fleet(document)
    _statements(document)
    _risks(document)
    return save(document, folder / NAME, TITLE)


def _sheet(document: pymupdf.Document) -> Sheet:
    sheet = Sheet(document, accent=NAVY, body=11)
    sheet.furniture("Tidewater Ferries plc  |  Annual Report 2025", str(document.page_count))
    return sheet


def _cover(document: pymupdf.Document) -> None:
    page = document.new_page(width=A4[0], height=A4[1])
    page.draw_rect((0, 0, 595, 560), color=None, fill=NAVY)
    page.draw_circle((430, 205), 52, color=None, fill=(0.97, 0.8, 0.5))
    page.draw_polyline([(150, 400), (445, 400), (415, 452), (185, 452)], closePath=True, color=None, fill=(1, 1, 1))
    page.draw_rect((205, 355, 375, 400), color=None, fill=(0.9, 0.93, 0.96))
    page.draw_rect((300, 310, 335, 355), color=None, fill=PALETTE[1])
    for i in range(6):
        page.draw_rect((218 + i * 26, 368, 232 + i * 26, 384), color=None, fill=NAVY)
    for row, shade in enumerate(((0.2, 0.47, 0.64), (0.27, 0.54, 0.7), (0.36, 0.62, 0.77))):
        y = 455 + row * 35
        page.draw_rect((0, y, 595, 560), color=None, fill=shade)
    put(page, 68, 640, "Annual Report 2025", 34, face="hebo", colour=NAVY)
    put(page, 68, 672, "Tidewater Ferries plc", 18)
    put(page, 68, 770, "For the year ended 31 October 2025", 11, colour=(0.4, 0.42, 0.45))


def _glance(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("The year at a glance")
    sheet.text(
        "Tidewater runs five lifeline and leisure routes between the mainland and the Carrow Isles. 2025 was "
        "the first full year in which both hybrid vessels, Guillemot and Kittiwake, were in service, and the "
        "first in which more than two million passengers travelled with us.",
        align="justify",
    )
    sheet.table(
        [
            ["Key figures", "2025", "2024", "Change"],
            ["Passengers (thousands)", "2,046", "1,871", "+9.4 %"],
            ["Vehicles (thousands)", "418", "397", "+5.3 %"],
            ["Sailings operated", "11,982", "11,640", "+2.9 %"],
            ["Punctuality (within 10 minutes)", "93.1 %", "90.6 %", "+2.5 points"],
            ["Average crew (full-time)", "362", "349", "+13"],
        ],
        [4, 1.4, 1.4, 1.6],
        after=4,
    )
    sheet.caption("Table 1. Key operating figures for the years ended 31 October.")
    sheet.heading("Letter from the chair", level=2)
    for paragraph in (
        "Dear shareholders, a ferry company is judged on the days when the weather is bad. In the January "
        "storms we cancelled 141 sailings, fewer than half of the number lost in the comparable storms of 2022,"
        " because the new vessels hold their course in a beam sea that would have kept our old ships in "
        "harbour.",
        "The board proposes a dividend of 14.5 pence a share. We have also decided to order a third hybrid "
        "vessel, to be named Razorbill, for delivery in spring 2028. The contract is worth 31 million pounds "
        "and will be paid in four instalments as the hull progresses.",
        "My term ends at the annual meeting on 12 March 2026. It has been a privilege to serve a company whose "
        "crews know most of their passengers by name. Ruth Adeyemi, who chairs the audit committee, has agreed "
        "to succeed me.",
    ):
        sheet.text(paragraph, align="justify")
    sheet.text("Callum Sinclair", style="b", after=0)
    sheet.text("Chair of the board, 8 December 2025", colour=(0.45, 0.47, 0.5))


def _operations(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("Operating review")
    sheet.heading("Passengers by route", level=2)
    sheet.text(
        "Growth came from the two leisure routes. On the Skerry route the additional evening sailing introduced"
        " in May filled faster than planned, while the lifeline route to Inverhallan, which carries mostly "
        "residents, was stable. Figure 1 shows each route; the routes are reported in the order in which they "
        "were opened.",
        align="justify",
    )
    sheet.figure(
        205,
        bars(
            ["Inverhallan", "Port Carrow", "Skerry", "Lunna", "St Brannoc"],
            [612, 538, 471, 254, 171],
            title="Passengers in 2025, thousands",
        ),
        "Figure 1. Passengers carried on each route in 2025.",
    )
    sheet.heading("Punctuality", level=2)
    sheet.text(
        "A sailing is punctual when the ramp is down within ten minutes of the timetable. Punctuality suffers "
        "in the first quarter, when swell slows berthing, and in the third, when boarding takes longest. We now"
        " open the gates for vehicles 35 minutes before departure instead of 25, and have moved the stowage "
        "plan to tablets.",
        align="justify",
    )
    sheet.figure(
        185,
        lines(
            ["Q1", "Q2", "Q3", "Q4"],
            {"2025": [89.2, 95.8, 92.7, 94.6], "2024": [84.9, 93.5, 90.1, 93.8]},
            title="Punctual sailings, per cent",
        ),
        "Figure 2. Share of punctual sailings by quarter, 2024 and 2025.",
    )


def _fleet(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("Fleet and emissions")
    sheet.text(
        "Five vessels were in service at the end of the year. The Gannet, our oldest ship, is kept as a reserve"
        " and will be sold when Razorbill arrives.",
        align="justify",
    )
    sheet.table(
        [
            ["Vessel", "Built", "Drive", "Passengers", "Cars", "Route"],
            ["Guillemot", "2023", "Hybrid", "450", "70", "Inverhallan"],
            ["Kittiwake", "2024", "Hybrid", "450", "70", "Port Carrow"],
            ["Fulmar", "2011", "Diesel", "380", "58", "Skerry"],
            ["Petrel", "2006", "Diesel", "240", "32", "Lunna, St Brannoc"],
            ["Gannet", "1994", "Diesel", "310", "44", "Reserve"],
        ],
        [1.5, 0.9, 1.1, 1.4, 0.9, 2.2],
        after=4,
    )
    sheet.caption("Table 2. The fleet on 31 October 2025.")
    sheet.heading("Fuel", level=2)
    sheet.text(
        "Hybrid vessels leave and enter harbour on batteries that are charged from the quay overnight. Fuel "
        "burnt per crossing has fallen in every year since the first of them was ordered, as Figure 3 shows. "
        "The batteries are warranted for 8,000 cycles, about eleven years of our timetable.",
        align="justify",
    )
    sheet.figure(
        185,
        lines(
            ["2020", "2021", "2022", "2023", "2024", "2025"],
            {"Fleet average": [812, 804, 797, 731, 655, 588]},
            title="Marine diesel per crossing, litres",
        ),
        "Figure 3. Fuel burnt per crossing, fleet average.",
    )
    sheet.heading("Shore power", level=2)
    sheet.items(
        [
            "Inverhallan: two charging arms of 1.4 megawatts, in use since June 2023.",
            "Port Carrow: one charging arm; the second waits for the upgrade of the island's substation.",
            "Skerry: planning consent was granted in September 2025; works begin after the summer season of 2026.",
        ]
    )


def _statements(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("Financial statements")
    sheet.heading("Consolidated income statement", level=2)
    sheet.table(
        [
            ["£ thousand", "Note", "2025", "2024"],
            ["Passenger revenue", "2", "24,318", "21,907"],
            ["Vehicle and freight revenue", "2", "19,866", "18,540"],
            ["Catering and retail", "2", "5,127", "4,411"],
            ["Public service subsidy", "3", "8,250", "8,250"],
            ["Total revenue", "", "57,561", "53,108"],
            ["Crew and shore staff", "4", "(21,940)", "(20,610)"],
            ["Fuel and electricity", "5", "(9,482)", "(10,377)"],
            ["Maintenance and dry-docking", "", "(7,215)", "(6,894)"],
            ["Depreciation", "7", "(6,130)", "(5,402)"],
            ["Other operating costs", "", "(5,019)", "(4,873)"],
            ["Operating profit", "", "7,775", "4,952"],
            ["Finance costs", "6", "(1,864)", "(1,702)"],
            ["Profit before tax", "", "5,911", "3,250"],
        ],
        [4, 0.8, 1.4, 1.4],
        totals=(5, 11, 13),
        after=4,
    )
    sheet.caption("Table 3. Consolidated income statement for the year ended 31 October.")
    sheet.heading("Consolidated balance sheet", level=2)
    sheet.table(
        [
            ["£ thousand", "Note", "2025", "2024"],
            ["Ships and equipment", "7", "88,410", "90,226"],
            ["Inventories", "", "1,312", "1,265"],
            ["Trade and other receivables", "8", "4,906", "4,418"],
            ["Cash", "", "12,744", "8,031"],
            ["Total assets", "", "107,372", "103,940"],
            ["Trade and other payables", "9", "(9,155)", "(8,802)"],
            ["Borrowings", "6", "(41,600)", "(44,900)"],
            ["Net assets", "", "56,617", "50,238"],
        ],
        [4, 0.8, 1.4, 1.4],
        totals=(5, 8),
        after=4,
    )
    sheet.caption("Table 4. Consolidated balance sheet at 31 October.")


def _risks(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("Principal risks")
    sheet.text("The board reviews the register of risks twice a year. The four that matter most are set out below.")
    sheet.table(
        [
            ["Risk", "What could happen", "What we do about it"],
            [
                "Weather",
                "More days on which waves exceed the limits of the diesel vessels.",
                "Hybrid vessels on exposed routes; reserve vessel; forecasts bought from two suppliers.",
            ],
            [
                "Subsidy",
                "The public service contract for Inverhallan ends in March 2029.",
                "Preparation of the bid began in 2025 under the operations director.",
            ],
            [
                "Batteries",
                "Capacity fades faster than warranted.",
                "Quarterly measurement; the maker pays for replacement below 80 per cent.",
            ],
            ["Crew", "Shortage of engineers with high-voltage certificates.", "Own academy with twelve places a year."],
        ],
        [1, 2.6, 2.8],
        wrapped=True,
        after=4,
    )
    sheet.caption("Table 5. Principal risks.")
    sheet.heading("Notes to the accounts (extract)", level=2)
    sheet.heading("Note 5. Fuel and electricity", level=3)
    sheet.text(
        "Of the total, 1,118 thousand pounds was spent on electricity from the quay (2024: 402 thousand). About"
        " 60 per cent of the diesel expected for 2026 has been bought forward at a fixed price of 71 pence a "
        "litre.",
        align="justify",
    )
    sheet.heading("Note 6. Borrowings", level=3)
    sheet.text(
        "The ship loan with Nordhavn Bank carries interest of 3.9 per cent and is repaid in equal half-yearly "
        "instalments until 2036. The loan requires that operating profit before depreciation covers finance "
        "costs at least four times; in 2025 it covered them 7.5 times.",
        align="justify",
    )
    sheet.heading("Note 7. Ships and equipment", level=3)
    sheet.text(
        "Hulls are written off over 30 years, engines over 15 and batteries over 10. The reserve vessel Gannet "
        "is carried at its expected selling price of 650 thousand pounds.",
        align="justify",
    )
