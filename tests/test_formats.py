"""How files are opened."""

from pathlib import Path

from mmrank.formats import LONGEST_WORD, open_file


def test_no_part_of_a_long_word_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    word = "".join(f"{at:04d}" for at in range(1000))
    file.write_text(f"Key:\n{word}\nEnd.")
    with open_file(file) as opened:
        words = "\n".join(page.get_text() for page in opened).split()
    assert max(map(len, words)) == LONGEST_WORD["txt"]
    assert "".join(words) == f"Key:{word}End."


def test_a_word_without_end_in_markdown_is_divided(tmp_path: Path) -> None:
    file = tmp_path / "data.md"
    file.write_text("# Key\n\n" + "x7" * 3 * LONGEST_WORD["md"])
    with open_file(file) as opened:
        assert sum(len(line) > 0 for line in opened[0].get_text().splitlines()) > 1
