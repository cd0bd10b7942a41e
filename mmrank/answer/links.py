"""What in a sentence leads somewhere else: addresses, links and pictures of Markdown, tags of HTML."""

from __future__ import annotations

import re
import unicodedata

from mmrank.printable import printable

_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|xyz|site|online|shop|top|club|live|link|click|page"
    "|cloud|tech|store|blog|news|example|test|localhost|onion|zip|mov|eu|uk|us|ca|au|nz|de|fr|es|pt|nl|ch|se|dk|fi|pl"
    "|cz|hu|ro|ua|ru|by|cn|jp|kr|tw|hk|sg|br|mx|ar|za|tr|ir|tk|cc|ly|gg|su|ws"
)
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}://[^\s)\]>]*"
    r"|\bwww\.[^\s)\]>]+"
    r"|\b(?:javascript|vbscript|mailto|blob):[^\s)\]>]+|\bdata:\w+/[^\s)\]>]*"
    r"|[\w.+-]+@[\w-]+\.\w[\w.-]*"
    r"|!?\[[^\]]*\]\([^)]*\)?|\]\([^\s)]*\)?|\[[^\]]+\]:\s*\S+"
    r"|<[a-z!/?][^>]*>|<[a-z][\w-]*(?:/|\s+[\w-]+\s*=)\S*"
    r"|&#x?[0-9a-f]+;?|&(?:colon|sol|period|commat|lt|gt|lpar|rpar|lsqb|rsqb|tab|newline);"
    rf"|\b{_HOST}[a-z][a-z-]+(?::\d+)?/[^\s)\]>]*",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?<![\w@/.-])(?P<name>[a-z0-9][a-z0-9-]*)(?:\.[a-z0-9-]+)*\.(?:{_ENDINGS})\b(?![\w-])", re.I)
"""A host alone, which programs that show text make a link of."""
_DOTS = str.maketrans("。｡．", "...")


def links_in(text: str, asked: str = "") -> list[str]:
    """The links in a text, as programs that show text might make them.

    The name of a company that is a host, such as "Lunna.com", is none where the question, or the name of the cited
    document, has it.

    Args:
        text: as it would be shown.
        asked: the question, and names of documents.

    >>> links_in("See https://a.example/x, [b](c) and d.com/e."), links_in("Lunna.com sold 12.", "What did Lunna sell?")
    (['https://a.example/x,', '[b](c)', 'd.com/e.'], [])
    """
    plain = shown(text)
    found = [match.group() for match in _LINK.finditer(plain)]
    return found + [match.group() for match in _BARE.finditer(_LINK.sub(" ", plain)) if not _named(match, asked)]


def without_links(text: str, asked: str = "") -> str:
    """A text with "…" in the place of its links; as it was where it has none."""
    if not links_in(text, asked):
        return text
    plain = _LINK.sub("…", shown(text))
    return _BARE.sub(lambda match: match.group() if _named(match, asked) else "…", plain)


def shown(text: str) -> str:
    """A text as a terminal or a browser takes it: nothing hidden, letters and dots in one form."""
    return unicodedata.normalize("NFKC", printable(text)).translate(_DOTS)


def _named(match: re.Match[str], asked: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(match['name'])}(?![^\W_])", asked, re.IGNORECASE) is not None
