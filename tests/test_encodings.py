"""Bytes as text."""

import pytest

from mmrank.encodings import decoded

SAID = "Fähre um zwölf – „pünktlich“, 3 € je Person.\nZweite Zeile."
SPOKEN = {
    "cp1251": "Паром уходит в полдень от четвёртого причала, яблоки лежат в подвале.",
    "koi8_r": "Паром уходит в полдень от четвёртого причала, яблоки лежат в подвале.",
    "shift_jis": "フェリーは正午に第四埠頭から出発します。リンゴは地下室に保管されています。",
    "gb18030": "渡轮中午从四号码头出发。苹果储存在地窖里，请在上船前买票。",
    "euc_kr": "페리는 정오에 네 번째 부두에서 출발합니다. 사과는 지하실에 보관됩니다.",
    "cp1250": "Prom odpływa w południe z czwartego nabrzeża, a jabłka leżą w piwnicy aż do świąt.",
    "iso8859_2": "Přívoz odplouvá v poledne ze čtvrtého mola, šťastný převozník má jablka ve sklepě až do Vánoc.",
    "cp1254": "Vapur öğleyin dördüncü iskeleden kalkıyor, elmalar ise kışın mahzende saklanıyor.",
    "mac_roman": "La traversée est prévue à midi ; les pommes sont gardées à la cave jusqu'à l'été.",
    "cp850": "Die Fähre fährt um zwölf, die Äpfel liegen bis zum Frühjahr im Keller, müde und süß.",
    "utf-16-le": "渡轮中午从四号码头出发，每一天都一样。\n苹果储存在地窖里。\n",
    "utf-16-be": "渡轮中午从四号码头出发，每一天都一样。\n苹果储存在地窖里。\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_of_every_usual_encoding_is_read_as_it_was_written(encoding: str) -> None:
    assert decoded(SAID.encode(encoding)) == SAID


@pytest.mark.parametrize("encoding", SPOKEN)
def test_older_encodings_of_other_alphabets_are_told_by_what_they_say(encoding: str) -> None:
    assert decoded(SPOKEN[encoding].encode(encoding)) == SPOKEN[encoding]


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué? ¡Sí! El niño llegó a las 9½ con 20 m² de lona, 5 °C y «nada».",
        "PARÍS…MADRID, Straße™ und €100m–€200m, l·l",
        "Ferjan fer á hádegi frá fjórðu bryggju. Það er gott, þýðir ekki að bíða.",
        "Menü: 5 €",
    ],
)
def test_signs_and_rare_letters_of_western_text_are_kept(text: str) -> None:
    assert decoded(text.encode("cp1252")) == text


def test_a_stray_byte_or_a_cut_within_a_character_costs_that_character() -> None:
    data = SAID.encode()
    assert decoded(data + b"\xe2\x82") == SAID + "\ufffd"
    assert decoded(data + b" \xff " + data) == f"{SAID} \ufffd {SAID}"


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff", b"\xfe\xff\x00", bytes(range(256)), b"\x00\x01" * 50])
def test_bytes_that_are_no_text_are_read_as_something(data: bytes) -> None:
    decoded(data).encode("utf-8")
