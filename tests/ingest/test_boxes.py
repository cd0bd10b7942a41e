from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("cropped", [False, True])
def test_boxes_lie_where_the_shown_page_has_ink(paper, rotation, cropped):
    paper.text(150, 200, "Lantern", 24)
    if cropped:
        paper.page.set_cropbox((100, 100, 500, 700))
    paper.page.set_rotation(rotation)
    document = paper.read()
    (element,) = document.pages[0].elements
    picture = np.asarray(document.page_image(0).open(max_pixels=2_000_000)).min(axis=2)
    zoom = picture.shape[1] / document.pages[0].width
    rows, columns = np.where(picture < 128)
    ink = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / zoom
    box = np.array(element.box.as_tuple())
    assert np.all(np.abs(ink - box) < 12), (ink, box)


def test_text_outside_the_crop_box_is_left_out(paper):
    paper.text(150, 200, "shown").text(20, 20, "hidden")
    paper.page.set_cropbox((100, 100, 500, 700))
    assert [e.text for e in paper.read().pages[0].elements] == ["shown"]


def test_an_element_picture_shows_that_element(paper, of_kind):
    paper.text(60, 60, "words above")
    paper.bars(100, 300, (50, 90, 120, 70, 100)).text(100, 312, "10").text(140, 312, "20")
    document = paper.read()
    passage = next(p for p in document.passages if any(part.image for part in p.parts))
    image = next(part.image for part in passage.parts if part.image)
    pixels = np.asarray(image.open()).reshape(-1, 3)
    assert (np.abs(pixels.astype(int) - [25, 76, 204]).max(axis=1) < 12).mean() > 0.2
