from __future__ import annotations

from mmrank.ingest.passages import count_tokens


def table(paper, rows: int, top: float = 100) -> None:
    for at in range(rows):
        paper.text(60, top + 12 * at, f"Harbour {at}").text(200, top + 12 * at, f"{at}11").text(
            300, top + 12 * at, f"{at}22"
        )


def test_passages_keep_within_the_limit_and_hold_all_text(paper, prose):
    paper.box((60, 60, 530, 700), prose * 6)
    document = paper.read(passage_tokens=60)
    assert len(document.passages) > 3
    assert all(count_tokens(passage.text) <= 60 for passage in document.passages)
    assert " ".join(p.text for p in document.passages).split() == (prose * 6).split()


def test_a_table_is_cut_between_rows_only_and_each_slice_has_its_head(paper):
    table(paper, 40)
    document = paper.read(passage_tokens=64)
    assert len(document.passages) > 2
    rows = [line for p in document.passages for line in p.text.split("\n")]
    assert all(line.startswith("|") and line.endswith("|") for line in rows)
    assert [f"| Harbour {at} | {at}11 | {at}22 |" in rows for at in range(40)] == [True] * 40
    assert all("| Harbour 0 | 011 | 022 |" in p.text for p in document.passages)


def test_a_caption_is_never_parted_from_its_figure(paper, prose):
    paper.box((60, 60, 530, 140), prose).bars(100, 320, (50, 90, 120, 70, 100))
    paper.text(100, 345, "Figure 1. Ships that entered the harbour, by year", 9).box((60, 370, 530, 500), prose)
    for limit in (16, 40, 80, 200):
        document = paper.read(passage_tokens=limit)
        chart = next(e for e in document.pages[0].elements if e.kind.value == "chart")
        caption = next(e for e in document.pages[0].elements if e.kind.value == "caption")
        homes = [p for p in document.passages if caption.id in p.element_ids]
        assert len(homes) == 1 and chart.id in homes[0].element_ids, limit


def test_parts_stand_in_the_order_of_the_page_and_point_at_pictures(paper, prose):
    paper.box((60, 60, 530, 140), "BEFORE " + prose[:60]).bars(100, 320, (50, 90, 120, 70, 100))
    paper.box((60, 350, 530, 400), "AFTER " + prose[:60])
    (passage,) = paper.read().passages
    assert [part.kind.value for part in passage.parts] == ["text", "image", "text"]
    assert passage.parts[1].image.box is not None
    assert len(passage.boxes) == len(passage.element_ids) == 3


def test_a_passage_never_crosses_a_page(paper, prose):
    paper.box((60, 60, 530, 120), prose[:80]).new_page().box((60, 60, 530, 120), prose[:80])
    document = paper.read()
    assert [p.page for p in document.passages] == [0, 1]


def test_a_page_without_text_still_has_a_passage_with_its_picture(paper):
    from PIL import Image

    paper.picture((0, 0, 595, 842), Image.radial_gradient("L").convert("RGB").resize((595, 842)))
    (passage,) = paper.read().passages
    assert passage.parts[0].image is not None
