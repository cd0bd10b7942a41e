"""A scanned letter: two pages that are pictures and hold no text."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pymupdf
from PIL import Image, ImageFilter

from samples.sheet import A4, Sheet, put, save

NAME = "harbour-letter-1987.pdf"
TITLE = "Scan of a letter of 1987"
DPI = 130


def make(folder: Path) -> Path:
    """Set the letter, rasterise its pages, and keep only the pictures."""
    typed = pymupdf.open()
    _first(typed)
    _second(typed)
    scan = pymupdf.open()
    for number, page in enumerate(typed):
        picture = _scanned(page, angle=(0.7, -0.5)[number], seed=number)
        sheet = scan.new_page(width=A4[0], height=A4[1])
        sheet.insert_image(sheet.rect, stream=picture)
    typed.close()
    return save(scan, folder / NAME, TITLE)


def _scanned(page: pymupdf.Page, *, angle: float, seed: int) -> bytes:
    pixels = page.get_pixmap(dpi=DPI, colorspace=pymupdf.csGRAY, alpha=False)
    paper = Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)
    paper = paper.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
    paper = paper.filter(ImageFilter.GaussianBlur(0.6)).point([36 + value * 205 // 255 for value in range(256)])
    grain = Image.frombytes("L", paper.size, random.Random(seed).randbytes(paper.width * paper.height))
    out = io.BytesIO()
    Image.blend(paper, grain, 0.07).save(out, "JPEG", quality=72)
    return out.getvalue()


def _sheet(document: pymupdf.Document) -> Sheet:
    return Sheet(document, face="serif", body=13, margins=(82, 80, 82, 80))


def _first(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    page = sheet.page
    page.draw_circle((108, 88), 22, color=(0.2, 0.2, 0.2), width=1.4)
    page.draw_line((108, 72), (108, 102), color=(0.2, 0.2, 0.2), width=1.6)
    page.draw_line((100, 80), (116, 80), color=(0.2, 0.2, 0.2), width=1.6)
    page.draw_curve((96, 93), (108, 112), (120, 93), color=(0.2, 0.2, 0.2), width=1.6)
    put(page, 146, 84, "CARROW ISLES HARBOUR TRUST", 16, face="tibo")
    put(page, 146, 103, "The Harbour Office, Quay Street, Port Carrow", 11, face="tiit")
    page.draw_line((82, 122), (513, 122), color=(0.3, 0.3, 0.3), width=0.8)
    sheet.y = 136
    sheet.text("14th September 1987", align="right", after=10)
    sheet.text("Mr D. Mackellar", after=0)
    sheet.text("Tidewater Steam Packet Company", after=0)
    sheet.text("3 Custom House Lane, Inverhallan", after=16)
    sheet.text("Dear Mr Mackellar,", after=10)
    sheet.text("Re: Silting of the inner berth at Port Carrow", style="b", after=10)
    for paragraph in (
        "I write further to our conversation of the 2nd instant concerning the depth of water at the inner "
        "berth. Our surveyor, Miss Halloran, took soundings on four days in August at low water of spring "
        "tides. The least depth found alongside was 2.9 metres, against 4.1 metres when the berth was last "
        "dredged in 1979.",
        "You will appreciate that your vessel Solan, which draws 2.6 metres when fully laden, now has a "
        "clearance of barely a foot. The Trust cannot in good conscience allow her to berth there with a swell "
        "of more than half a metre, and I have instructed the berthing master accordingly.",
        "The Trust has obtained two tenders for dredging. The lower, from Messrs Brodie & Sons of Leith, "
        "amounts to £46,800 and includes carrying the spoil to the ground east of Lunna. The works would take "
        "nineteen working days, weather permitting.",
        "As the Trust's reserves stand at a little under £30,000, we cannot bear the whole expense. I therefore"
        " propose that your Company contribute two fifths of the cost, in return for which harbour dues for the"
        " Solan would be waived for three years from the completion of the works.",
    ):
        sheet.text(paragraph, align="justify", after=9)


def _second(document: pymupdf.Document) -> None:
    sheet = _sheet(document)
    sheet.text("- 2 -", align="centre", after=14)
    sheet.text(
        "The soundings are set out below for your marine superintendent. They are reduced to chart datum and "
        "given in metres.",
        align="justify",
        after=10,
    )
    sheet.table(
        [
            ["Station", "1979", "August 1987", "Loss"],
            ["Pier head", "5.2", "4.6", "0.6"],
            ["First dolphin", "4.7", "3.8", "0.9"],
            ["Inner berth, seaward end", "4.1", "3.3", "0.8"],
            ["Inner berth, landward end", "4.1", "2.9", "1.2"],
            ["Slipway", "2.2", "1.9", "0.3"],
        ],
        [3, 1, 1.5, 1],
        size=12.5,
    )
    for paragraph in (
        "Should your directors agree, work could begin on the 2nd of November, after the livestock sailings are"
        " over. While the dredger is at work the Solan would have to use the pier head, and passengers would be"
        " brought ashore by the Trust's launch Mary Teal.",
        "I should be obliged for an answer by the 5th of October, since Messrs Brodie hold their price only "
        "until the middle of that month.",
    ):
        sheet.text(paragraph, align="justify", after=9)
    sheet.text("Yours sincerely,", after=12)
    page, y = sheet.page, sheet.y
    page.draw_bezier((90, y + 22), (120, y - 22), (128, y + 48), (150, y + 6), color=(0.15, 0.15, 0.25), width=1.5)
    page.draw_bezier((150, y + 6), (170, y - 12), (172, y + 36), (206, y + 10), color=(0.15, 0.15, 0.25), width=1.5)
    page.draw_line((96, y + 30), (214, y + 24), color=(0.15, 0.15, 0.25), width=1.1)
    sheet.y += 40
    sheet.text("Eleanor Strand", after=0)
    sheet.text("Harbour Master", style="i", after=26)
    sheet.text("Copy to: The Clerk, Carrow Isles Council; Miss J. Halloran, surveyor", size=10)
