"""A two-column paper: numbered sections, equations, figures and tables."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from samples.charts import PALETTE, bars, lines
from samples.sheet import BLACK, GREY, RULE, Sheet, put, save

NAME = "eelgrass-acoustics-paper.pdf"
TITLE = "Listening for Meadows: Mapping Eelgrass with a Towed Microphone"


def make(folder: Path) -> Path:
    """Write the paper."""
    document = pymupdf.open()
    _first(document)
    _second(document)
    _third(document)
    _fourth(document)
    return save(document, folder / NAME, TITLE)


def _sheet(document: pymupdf.Document, *, top: float = 74) -> Sheet:
    sheet = Sheet(document, face="serif", body=10.8, columns=2, margins=(54, top, 54, 64))
    sheet.furniture("Journal of Coastal Sensing 11 (2025)", str(210 + document.page_count))
    return sheet


def _equation(sheet: Sheet, text: str, number: int) -> None:
    sheet.y += 18
    sheet.at((sheet.left + sheet.right) / 2, sheet.y, text, 10.5, style="i", align="centre")
    sheet.at(sheet.right, sheet.y, f"({number})", 9.6, align="right")
    sheet.y += 12


def _first(document: pymupdf.Document) -> None:
    sheet = _sheet(document, top=196)
    page = sheet.page
    put(page, 297.5, 96, "Listening for Meadows: Mapping Eelgrass", 19, face="tibo", align="centre")
    put(page, 297.5, 119, "with a Towed Microphone", 19, face="tibo", align="centre")
    put(page, 297.5, 146, "Ines Valdarro,  Tomasz Reyk  and  Hana Oduya", 11, face="tiro", align="centre")
    put(page, 297.5, 162, "Institute for Shelf Seas, Carrow Point", 9.5, face="tiit", colour=GREY, align="centre")
    sheet.heading("Abstract", level=2)
    sheet.text(
        "Eelgrass meadows store carbon and shelter fish, but mapping them needs divers or clear water. We show "
        "that the gas bubbles that leaves release by day can be heard by a single hydrophone towed behind a "
        "kayak. A detector with four parameters finds meadows with an F1 of 0.87 at a cost of 3 euros a "
        "hectare, and works in water too turbid for cameras.",
        style="i",
        align="justify",
    )
    sheet.heading("1  Introduction", level=2)
    for paragraph in (
        "Seagrass is lost at about 1.5 per cent a year worldwide, yet most coasts have no map of what they "
        "hold. Aerial surveys fail below three metres in turbid estuaries, and divers cover about half a "
        "hectare an hour.",
        "Photosynthesis forms oxygen bubbles on the leaves. When a bubble detaches it rings at a frequency set "
        "by its radius, as Minnaert described in 1933. Reefs and algal mats have been heard in this way; "
        "meadows have not been mapped with it.",
        "We contribute (i) a detector that runs on a hand-held recorder, (ii) a survey of three estuaries with "
        "diver transects as ground truth, and (iii) a rule for the hours of the day at which listening is worth"
        " while.",
    ):
        sheet.text(paragraph, align="justify")
    sheet.next_column()
    sheet.heading("2  Method", level=2)
    sheet.heading("2.1  What a bubble sounds like", level=3)
    sheet.text("A bubble of radius r in water of density ρ under pressure p rings at", align="justify", after=0)
    _equation(sheet, "f = (1 / 2πr) √(3γp / ρ)", 1)
    sheet.text(
        "where γ is the ratio of specific heats of the gas. For leaves of eelgrass the radius lies between 0.3 "
        "and 0.9 mm, so that at two metres depth the ringing falls between 3.9 and 11.8 kHz.",
        align="justify",
    )
    sheet.heading("2.2  Detector", level=3)
    sheet.text(
        "We count onsets in this band. An onset is a rise of the band energy E above its running median m by a "
        "factor k within five milliseconds; the rate of onsets n(t) is smoothed over ten seconds and compared "
        "with a threshold:",
        align="justify",
        after=0,
    )
    _equation(sheet, "meadow at t   if   n(t) > θ + λ v(t)", 2)
    sheet.text(
        "The term λ v(t) allows for the noise of the kayak, which grows with its speed v. The four parameters "
        "k, θ, λ and the width of the band are fitted on one estuary and kept for the others.",
        align="justify",
    )
    sheet.heading("2.3  Equipment", level=3)
    sheet.text(
        "The hydrophone is towed 8 m behind a sea kayak at a depth of 0.6 m and sampled at 48 kHz. Position "
        "comes from a satellite receiver on the deck. The whole set weighs 2.3 kg.",
        align="justify",
    )


def _tow(page: pymupdf.Page, room: pymupdf.Rect) -> None:
    water = room.y0 + 34
    page.draw_rect((room.x0, water, room.x1, room.y1), color=None, fill=(0.88, 0.94, 0.97))
    page.draw_rect((room.x0, room.y1 - 14, room.x1, room.y1), color=None, fill=(0.86, 0.8, 0.68))
    hull = [(room.x1 - 96, water - 7), (room.x1 - 12, water - 7), (room.x1 - 26, water + 5), (room.x1 - 82, water + 5)]
    page.draw_polyline(hull, closePath=True, color=BLACK, fill=PALETTE[1], width=0.6)
    page.draw_circle((room.x1 - 56, water - 20), 5, color=BLACK, fill=(1, 1, 1), width=0.8)
    page.draw_line((room.x1 - 56, water - 15), (room.x1 - 56, water - 7), color=BLACK, width=1)
    page.draw_line((room.x1 - 92, water - 2), (room.x0 + 58, water + 22), color=BLACK, width=0.8)
    page.draw_circle((room.x0 + 54, water + 23), 4, color=BLACK, fill=BLACK)
    put(page, room.x0 + 30, water + 14, "hydrophone", 7.5, align="centre")
    put(page, room.x0 + 108, water - 4, "tow line, 8 m", 7.5, align="centre")
    for i in range(14):
        x = room.x0 + 16 + i * 15
        page.draw_curve((x, room.y1 - 14), (x + 5, room.y1 - 30), (x + 1, room.y1 - 42), color=PALETTE[2], width=1.6)
        if i % 3 == 0:
            for step in range(3):
                page.draw_circle((x + 5, room.y1 - 48 - step * 9), 1.6, color=PALETTE[0], width=0.6)
    page.draw_rect(room, color=RULE, width=0.6)


def _second(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.figure(
        150, _tow, "Figure 1. A kayak tows the hydrophone over the meadow. Bubbles rise from the leaves by day."
    )
    sheet.heading("3  Survey", level=2)
    sheet.heading("3.1  Sites", level=3)
    sheet.text(
        "We surveyed three estuaries between May and August 2024: the Brannoc, which is clear and sheltered; "
        "the Hallan, which is turbid; and the Skerrow, which carries boat traffic. Divers laid 64 transects of "
        "50 m and noted the cover of each metre.",
        align="justify",
    )
    sheet.table(
        [
            ["Site", "Area, ha", "Depth, m", "Visibility, m", "Transects"],
            ["Brannoc", "41", "1.2–3.8", "6.5", "22"],
            ["Hallan", "67", "0.8–2.9", "0.9", "24"],
            ["Skerrow", "29", "1.5–5.1", "3.2", "18"],
        ],
        [1.4, 1.2, 1.3, 1.6, 1.4],
        size=9.6,
        after=3,
    )
    sheet.caption("Table 1. The three sites. Visibility is by Secchi disc.")
    sheet.heading("3.2  Hours", level=3)
    sheet.text(
        "Bubbles need light. To find the hours worth paddling we anchored the hydrophone over dense meadow for "
        "eleven days and averaged the rate of onsets by the hour (Figure 2). The rate follows the sun with a "
        "lag, because the leaves must first saturate the water around them.",
        align="justify",
    )
    sheet.next_column()
    sheet.figure(
        180,
        lines(
            ["6", "8", "10", "12", "14", "16", "18", "20"],
            {"onsets": [4, 17, 58, 121, 164, 139, 72, 21]},
            title="Onsets per minute by hour of day",
            size=7.5,
        ),
        "Figure 2. Rate of bubble onsets over dense meadow, mean of eleven days.",
    )
    sheet.heading("3.3  Ground truth", level=3)
    sheet.text(
        "A metre counts as meadow when at least 20 per cent of it is covered. Two divers noted 12 of the "
        "transects independently; they agreed on 94 per cent of the metres (Cohen's kappa 0.86). Where they "
        "disagreed, the lower estimate of cover was kept.",
        align="justify",
    )
    sheet.heading("3.4  Baselines", level=3)
    sheet.text(
        "We compare with a downward camera on the same kayak, whose frames were labelled by a convolutional "
        "network, and with a 200 kHz echo sounder that detects the canopy by its height above the bed.",
        align="justify",
    )
    sheet.text(
        "All three were fitted on the Brannoc and applied unchanged to the other two sites, which is how a "
        "survey would be run in practice.",
        align="justify",
    )


def _third(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("4  Results", level=2)
    sheet.heading("4.1  Accuracy", level=3)
    sheet.text(
        "Table 2 gives precision, recall and F1 for each method. In clear water the camera is best. In the "
        "turbid Hallan it sees nothing, while listening is hardly affected. The echo sounder mistakes drifting "
        "weed for canopy at every site.",
        align="justify",
    )
    sheet.table(
        [
            ["Site and method", "Precision", "Recall", "F1"],
            ["Brannoc, camera", "0.95", "0.93", "0.94"],
            ["Brannoc, sounder", "0.71", "0.84", "0.77"],
            ["Brannoc, listening", "0.91", "0.88", "0.89"],
            ["Hallan, camera", "0.62", "0.11", "0.19"],
            ["Hallan, sounder", "0.68", "0.79", "0.73"],
            ["Hallan, listening", "0.90", "0.86", "0.88"],
            ["Skerrow, camera", "0.88", "0.74", "0.80"],
            ["Skerrow, sounder", "0.66", "0.81", "0.73"],
            ["Skerrow, listening", "0.79", "0.85", "0.82"],
        ],
        [2.4, 1.2, 1, 0.8],
        size=9.2,
        totals=(3, 6, 9),
        after=3,
    )
    sheet.caption("Table 2. Detection of meadow by the metre. Listening is our method.")
    sheet.heading("4.2  Cost", level=3)
    sheet.text(
        "One paddler covers 14 hectares in a tide. Counting wages, equipment written off over five years and "
        "the labour of labelling, methods differ by more than tenfold (Figure 3).",
        align="justify",
    )
    sheet.next_column()
    sheet.figure(
        180,
        bars(
            ["Divers", "Camera", "Sounder", "Listening"],
            [118, 21, 9, 3],
            title="Cost of a survey, euros per hectare",
            size=7.5,
        ),
        "Figure 3. Cost of a survey by each method.",
    )
    sheet.heading("4.3  Ablation", level=3)
    sheet.text(
        "Without the allowance for speed in Equation 2 the F1 on the Skerrow falls from 0.82 to 0.64, because "
        "paddling against the tide is loud. A wider band of 2 to 16 kHz adds snapping shrimp and costs four "
        "points of precision. Smoothing over five or twenty seconds instead of ten makes no difference that we "
        "could measure.",
        align="justify",
    )
    sheet.heading("4.4  Where it fails", level=3)
    sheet.text(
        "Of the 212 metres wrongly called meadow on the Skerrow, 131 lie within 40 m of a mooring, where chains"
        " ring in the band of the detector. Sparse meadow of less than 30 per cent cover is missed on cloudy "
        "days.",
        align="justify",
    )


def _fourth(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.heading("5  Discussion", level=2)
    for paragraph in (
        "Listening does not replace divers, who see species and health. It tells them where to dive. A harbour "
        "trust with a kayak and a volunteer can map an estuary in a week of afternoons and repeat it every "
        "summer.",
        "The method hears living leaves only. Meadow that is covered in epiphytes at the end of summer sounds "
        "weaker by a third, so surveys of different years should be made in the same month.",
        "We did not work in water deeper than 5.1 m. Attenuation is small over such distances, but less light "
        "reaches the leaves, and we expect the rate of bubbles to fall with it.",
    ):
        sheet.text(paragraph, align="justify")
    sheet.heading("6  Conclusion", level=2)
    sheet.text(
        "The sound of bubbles maps eelgrass at three euros a hectare, in water where cameras are blind. The "
        "hours between noon and five are worth listening; mornings are not.",
        align="justify",
    )
    sheet.heading("Acknowledgements", level=2)
    sheet.text(
        "We thank the paddlers of the Carrow Point Canoe Club. The work was paid for by the Shelf Seas "
        "Foundation under grant 2023-127.",
        align="justify",
    )
    sheet.next_column()
    sheet.heading("References", level=2)
    for number, reference in enumerate(
        (
            "Adair, P. and Lowe, K. Canopy height from echo sounders over seagrass. Coastal Acoustics 4, 2017.",
            "Brightwater, S. Counting meadows from the air. Remote Shores 22, 2019.",
            "Minnaert, M. On musical air-bubbles and the sounds of running water. Philosophical Magazine 16, 1933.",
            "Oduya, H. Chains, shrimps and other noises of estuaries. Journal of Coastal Sensing 7, 2021.",
            "Reyk, T. and Valdarro, I. The daily song of an algal mat. Marine Listening 2, 2022.",
            "Tanaka, R. Diver transects and how far to trust them. Methods in Shallow Water 13, 2018.",
        ),
        1,
    ):
        sheet.at(sheet.left, sheet.y + 9.6 * 1.36, f"[{number}]", 9.6)
        sheet.text(reference, size=9.6, indent=20, after=3)
