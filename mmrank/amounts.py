"""How amounts are written: words of scale, and names of currencies, in several languages."""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = {
    3: "thousand thousands tausend tsd duizend tusen tusind mil mila tys тыс тысяч тысячи",
    5: "lakh lakhs lac",
    6: "million millions mn mio millionen millón millon millones milione milioni mln milhão milhões milhao milhoes"
    " miljoen miljon miljoner millioner milion miliony milionów млн миллион миллиона миллионов",
    7: "crore crores",
    9: "billion billions bn milliarde milliarden mrd milliard milliards miliardo miliardi mld miljard miljarder miliard"
    " miliardy miliardów bilhão bilhões bilhao bilhoes млрд миллиард миллиарда миллиардов",
    12: "trillion trillions tn billionen billones bilioni trilhão trilhões трлн",
}
_SEVERAL = {"mil millones": 9, "mil milhões": 9, "mil milhoes": 9, "thousand million": 9, "thousand millions": 9}
SIGNS = {"十": 1, "百": 2, "千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8, "兆": 12, "천": 3, "만": 4, "억": 8, "조": 12}
_POWERS = {word: power for power, words in _WORDS.items() for word in words.split()} | _SEVERAL
_CURRENCIES = {
    "usd": "usd us$ $ us-dollar dollar dollars dollari dólares dolares dólar доллар долларов ドル 美元 달러",
    "eur": "eur € euro euros ευρώ евро ユーロ 欧元 유로",
    "gbp": "gbp £ pound pounds sterling pfund",
    "jpy": "jpy yen yens 円 日元 엔 ¥",
    "cny": "cny rmb yuan renminbi 元 人民币 人民幣 ¥",
    "chf": "chf sfr franken",
    "inr": "inr ₹ rupee rupees rs",
    "krw": "krw won ₩ 원",
    "cad": "cad c$ ca$",
    "aud": "aud a$ au$",
    "hkd": "hkd hk$ 港元",
    "brl": "brl r$ reais",
    "rub": "rub ₽ руб рублей",
    "sek": "sek",
    "nok": "nok",
    "dkk": "dkk",
    "pln": "pln zł",
}
_CODES: dict[str, tuple[str, ...]] = {}
for _code, _names in _CURRENCIES.items():
    for _name in _names.split():
        _CODES[_name] = (*_CODES.get(_name, ()), _code)


def _either(words: list[str]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", r"\s") for word in sorted(words, key=len, reverse=True))


SCALE = rf"(?:(?:{_either(list(_POWERS))})(?![^\W_])|[{''.join(SIGNS)}]{{1,2}})"
"""A word of scale, in lower case."""
_CURRENCY = rf"(?:(?<![^\W_])(?:{_either([name for name in _CODES if name.isascii() and name.isalpha()])})(?![^\W_])"
_CURRENCY += rf"|{_either([name for name in _CODES if not (name.isascii() and name.isalpha())])})"
_BEFORE = re.compile(rf"({_CURRENCY})\s?$")
_AFTER = re.compile(rf"\.?\s?(?:(?:of|de|di|von|d)\s|d['’]\s?)?(?:us\s|u\.s\.\s)?({_CURRENCY})")
_ANY = re.compile(_CURRENCY)
LONGEST = 12
"""Characters of a currency's name and what may stand around it."""


STATED = re.compile(
    r"\b(?:in|of|en|em|di)\s+(?:(?:us\s*)?[$€£]\s*)?"
    r"(?:(?P<thousands>thousands|tausend|tsd|miles|milliers|migliaia|milhares|tusental|t(?:€|eur\b))"
    r"|(?P<millions>millions|millionen|mio|mill|millones|milioni|milhões|miljoner|mln)"
    r"|(?P<billions>billions|milliarden|mrd|milliards|miliardi|miljarder|mld))(?![^\W_])"
    r"|(?:単位|单位|단위)\s?[:(]?\s?(?P<sign>[千百万萬億亿천백만억]{1,2})|[(（](?P<bracketed>[千百万萬億亿천백만억]{1,2})[円元원]"
)
"""What a statement says of all its numbers: "(in millions, except per share amounts)", "单位:百万元"."""


def stated_power(found: re.Match[str]) -> int:
    """The power of ten that a match of `STATED` states."""
    sign = found["sign"] or found["bracketed"]
    if sign:
        return power(sign)
    return 3 if found["thousands"] else 6 if found["millions"] else 9


@lru_cache(maxsize=256)
def power(word: str) -> int:
    """The power of ten of a word of scale, in lower case.

    >>> [power(word) for word in ("milliarden", "mil millones", "百万", "億")]
    [9, 9, 6, 8]
    """
    known = _POWERS.get(" ".join(word.split()))
    return sum(SIGNS[sign] for sign in word) if known is None else known


def is_english(scale: str) -> bool:
    """Whether a word of scale is English, so that its number has a point before its decimals."""
    return scale in {
        "thousand",
        "thousands",
        "million",
        "millions",
        "mn",
        "billion",
        "billions",
        "bn",
        "trillion",
        "tn",
    }


def currencies(text: str) -> frozenset[str]:
    """The currencies that a text in lower case names, as codes of ISO 4217 in lower case; "¥" is yen or yuan.

    >>> sorted(currencies("sales in € and us$")), sorted(currencies("¥12"))
    (['eur', 'usd'], ['cny', 'jpy'])
    """
    return frozenset(code for found in _ANY.finditer(text) for code in _CODES[found.group()])


def currencies_beside(text: str, start: int, end: int) -> tuple[str, ...]:
    """The currencies that may be meant by the sign or name before or after a number.

    Args:
        text: in lower case.
        start: where the number begins.
        end: where it ends, with its scale.

    >>> currencies_beside("sold for 1.2 billion yen", 9, 20), currencies_beside("$1.2", 1, 4)
    (('jpy',), ('usd',))
    """
    before = _BEFORE.search(text, max(0, start - LONGEST), start)
    if before is not None:
        return _CODES[before[1]]
    after = _AFTER.match(text, end, min(len(text), end + LONGEST + 8))
    return () if after is None else _CODES[after[1]]
