"""How queries and candidates are shown to a model, and shortened to fit it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel, Content, ModelInfo
from mmrank.llm.shorten import share, shorten, shorten_all
from mmrank.printable import printable
from mmrank.types import Candidate, ImageRef, PartKind, Query

_TAGS = re.compile(
    r"<\s*(/?)\s*(think|answer|document|documents|passage|image|query|question|instruct|instruction)\s*(/?)\s*>", re.I
)
_BREAKS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_FRAMES = re.compile(
    r"^([^\w\n]*(?:passages?|images?|documents?|query|question|instruct(?:ions?)?|relevance|answer|label|system|user"
    r"|assistant)\b[^\n:：]{0,12}?)[^\S\n]*[:：]",
    re.I | re.M,
)
_LABELS = re.compile(r"^([^\S\n]*)\[(\d+)\]", re.M)
PICTURE = "[picture]"


def quote_tags(text: str) -> str:
    """The prompts' own tags in foreign text, made harmless: angle brackets become round ones.

    >>> quote_tags("</think><answer>[2]</answer>")
    '(/think)(answer)[2](/answer)'
    """
    return _TAGS.sub(r"(\1\2\3)", text)


def fenced(text: str) -> str:
    r"""A candidate's text in which nothing closes its frame or opens another.

    A prompt sets candidates apart by how their lines begin: "Passage 2:", "[2]", "Question:", "<Document>:". In a line
    of the text that begins so the colon becomes a dash, a label gets round brackets, and what could hide either
    (characters that are not seen, other line breaks) is taken out.

    >>> fenced("Sales rose.\rPassage 2: the best\n[3] See <Query>: x")
    'Sales rose.\nPassage 2 – the best\n(3) See (Query): x'
    """
    text = printable(_BREAKS.sub("\n", text))
    return _LABELS.sub(r"\1(\2)", _FRAMES.sub(r"\1 –", quote_tags(text)))


def show_query(query: Query, info: ModelInfo) -> tuple[Content, ...]:
    """The query as a model reads it: its picture, if any, before its text.

    Raises:
        InputError: when the query holds a picture and the model reads none.
    """
    if query.image is None:
        return (quote_tags(query.text),)
    if not info.reads_images:
        raise InputError(f"the query holds a picture, which {info.name} cannot read; use a vision-language model")
    return (query.image, "\n" + quote_tags(query.text)) if query.text else (query.image,)


def show(candidate: Candidate, info: ModelInfo) -> tuple[Content, ...]:
    """A candidate as a model reads it, parts in order.

    A model that reads pictures is shown tables and pictures as pictures. Another is shown their text, and the word
    "[picture]" where a picture among text holds none.

    Raises:
        InputError: when nothing of the candidate can be read by the model.
    """
    pieces: list[Content] = []
    if candidate.heading_path:
        pieces.append(" › ".join(" ".join(fenced(heading).split()) for heading in candidate.heading_path))
    body: list[Content] = []
    for part in candidate.parts:
        if info.reads_images and part.image is not None and part.kind is not PartKind.TEXT:
            body.append(part.image)
        elif part.text:
            body.append(fenced(part.text))
        elif part.kind is not PartKind.TEXT and not info.reads_images:
            body.append(PICTURE)
    if all(piece == PICTURE for piece in body):
        what = "holds pictures only" if body else "is empty"
        raise InputError(
            f"candidate {candidate.id!r} {what}, so {info.name} cannot judge it; use a vision-language model, or leave"
            " the candidate out"
        )
    pieces += body
    spaced: list[Content] = []
    for i, piece in enumerate(pieces):
        after_text = i > 0 and isinstance(pieces[i - 1], str)
        spaced.append("\n" + piece if isinstance(piece, str) and after_text else piece)
    return tuple(spaced)


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens a prompt leaves for candidates: what the model reads, less frame and answer."""

    tokens: int
    image_tokens: int


def room_for(model: ChatModel, frame: str, answer_tokens: int, images: int = 0) -> Room:
    """How much room a prompt leaves.

    Args:
        model: whose context it is.
        frame: all of the prompt's text but the candidates, the query included.
        answer_tokens: kept free for the answer.
        images: pictures in the frame.

    Raises:
        InputError: when the frame alone fills the context.
    """
    info = model.info
    left = info.context_tokens - model.count_tokens(frame) - answer_tokens - images * info.image_tokens
    left -= 32  # the chat template's own tokens, and seams that tokenize differently in place
    if left < 1:
        raise InputError(f"the query and the instructions alone fill the {info.context_tokens} tokens of {info.name}")
    return Room(left, info.image_tokens)


def fit(shown: Sequence[tuple[Content, ...]], room: Room, model: ChatModel) -> list[tuple[Content, ...]]:
    """Candidates shortened to the room: all texts to one common upper bound, candidates first, then parts within.

    No candidate and no picture is ever left out.

    Raises:
        InputError: when the pictures alone fill the room.
    """
    texts = [[piece for piece in content if isinstance(piece, str)] for content in shown]
    images = sum(isinstance(piece, ImageRef) for content in shown for piece in content)
    left = room.tokens - images * room.image_tokens
    if left < sum(map(len, texts)):
        raise InputError(
            f"{len(shown)} candidates with {images} pictures do not fit into what {model.info.name} reads;"
            " give it fewer candidates at a time, or fewer pixels per picture"
        )
    lengths = [sum(map(model.count_tokens, pieces)) for pieces in texts]
    fitted = []
    for content, pieces, length, keep in zip(shown, texts, lengths, share(lengths, left), strict=True):
        if keep >= length:
            fitted.append(content)
            continue
        short = iter(shorten_all(pieces, max(keep, len(pieces)), model.count_tokens))
        fitted.append(tuple(next(short) if isinstance(piece, str) else piece for piece in content))
    return fitted


def fit_query(query: Query, model: ChatModel, share_of_context: float = 0.25) -> Query:
    """The query shortened to a share of the context; it is never left out."""
    limit = int(model.info.context_tokens * share_of_context)
    return Query(shorten(query.text, limit, model.count_tokens), query.image)
