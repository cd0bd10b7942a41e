"""How queries and candidates are shown to a model, and shortened to fit it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.llm.protocol import Chat, ChatModel, Content, ModelInfo
from mmrank.llm.shorten import share, shorten, shorten_all
from mmrank.printable import printable
from mmrank.rerankers.echoes import without_echoes
from mmrank.rerankers.layout import Layout
from mmrank.types import BBox, Candidate, ImageRef, PartKind, Query

if TYPE_CHECKING:
    from PIL.Image import Image

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
PIXELS_PER_TOKEN = 28 * 28
"""Of the models of the Qwen families, at least."""
LEAST_PICTURE = 256
"""Tokens; a page in fewer cannot be read."""


@dataclass(frozen=True, slots=True)
class SmallPicture(ImageRef):
    """A picture that is shown in fewer pixels than others."""

    most_pixels: int = 0

    def open(self, *, max_pixels: int = 1_500_000, marks: Sequence[BBox] = ()) -> Image:
        """Render it; see `ImageRef.open`."""
        return ImageRef.open(self, max_pixels=min(max_pixels, self.most_pixels), marks=marks)


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


def show(candidate: Candidate, info: ModelInfo, *, asked: str = "", pictures: int | None = None) -> tuple[Content, ...]:
    """A candidate as a model reads it, parts in order.

    A model that reads pictures is shown tables and pictures as pictures. Another is shown their text, and the word
    "[picture]" where a picture among text holds none.

    Args:
        candidate: what is shown.
        info: of the model.
        asked: the question, whose repetitions in the text are not shown; "" to show all.
        pictures: only so many first ones are shown as pictures, the others as their text; None for all.

    Raises:
        InputError: when nothing of the candidate can be read by the model.
    """
    pieces: list[Content] = []
    if candidate.heading_path:
        pieces.append(" › ".join(" ".join(fenced(heading).split()) for heading in candidate.heading_path))
    body: list[Content] = []
    left = len(candidate.parts) if pictures is None else pictures
    for part in candidate.parts:
        if info.reads_images and left and part.image is not None and part.kind is not PartKind.TEXT:
            body.append(part.image)
            left -= 1
        elif part.text:
            body.append(fenced(without_echoes(part.text, asked)))
        elif part.kind is not PartKind.TEXT and not (info.reads_images and part.image is None):
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
    """Tokens that a prompt leaves for candidates and thoughts."""

    tokens: int
    image_tokens: int


def room_for(model: ChatModel, frame: Chat, answer_tokens: int) -> Room:
    """How much room a prompt leaves.

    Args:
        model: whose context it is.
        frame: the prompt with empty candidates, the query included.
        answer_tokens: kept free for the answer.

    Raises:
        InputError: when the frame alone fills the context.
    """
    info = model.info
    images = sum(len(message.images) for message in frame)
    left = info.context_tokens - answer_tokens - images * info.image_tokens
    left -= sum(model.count_tokens(message.text) for message in frame)
    left -= 16 + 8 * len(frame)  # the chat template's own tokens, and seams that tokenize differently in place
    if left < 1:
        raise InputError(f"the query and the instructions alone fill the {info.context_tokens} tokens of {info.name}")
    return Room(left, info.image_tokens)


def pictures_per_prompt(model: ChatModel, room: Room) -> int:
    """How many pictures fit into one prompt at their least size, at most those that the server takes."""
    fitting = room.tokens // max(min(LEAST_PICTURE, room.image_tokens), 1)
    return min(fitting, model.info.max_images) if model.info.max_images else fitting


def fit(
    shown: Sequence[tuple[Content, ...]], room: Room, model: ChatModel, *, thoughts: int = 0
) -> tuple[list[tuple[Content, ...]], int]:
    """Candidates made to fit the room beside the thoughts, and what is left for thoughts.

    In this order: thoughts keep what they want or half of the room, whichever is less; texts keep what they need or a
    quarter; pictures are scaled down evenly to the rest, to no less than `LEAST_PICTURE` tokens each. Then texts are
    cut evenly to what pictures and thoughts leave, candidates first, then parts within, and thoughts get what is over.
    No candidate and no picture is ever left out.

    Args:
        shown: content of each candidate.
        room: of the prompt.
        model: that reads them.
        thoughts: tokens wanted for thoughts.

    Raises:
        InputError: when the pictures do not fit at their least size.
    """
    texts = [[piece for piece in content if isinstance(piece, str)] for content in shown]
    lengths = [sum(map(model.count_tokens, pieces)) for pieces in texts]
    images = sum(isinstance(piece, ImageRef) for content in shown for piece in content)
    size = pixels = 0
    if images:
        least = min(LEAST_PICTURE, room.image_tokens)
        free = room.tokens - min(thoughts, room.tokens // 2) - min(sum(lengths), room.tokens // 4)
        size = min(room.image_tokens, max(free // images, min(least, room.tokens // images)))
        if size < least:
            raise InputError(
                f"{len(shown)} candidates with {images} pictures do not fit into what {model.info.name} reads; give it"
                " fewer candidates at a time, or a longer context"
            )
        pixels = (size - 2) * PIXELS_PER_TOKEN if size < room.image_tokens else 0
    left = room.tokens - images * size
    for_texts = max(left - min(thoughts, left // 2), sum(map(bool, lengths)))
    if left < sum(map(len, texts)):
        raise InputError(
            f"{len(shown)} candidates do not fit into the {model.info.context_tokens} tokens of {model.info.name}; give"
            " it fewer at a time, or a longer context"
        )
    fitted = []
    keeps = share(lengths, for_texts)
    for content, pieces, length, keep in zip(shown, texts, lengths, keeps, strict=True):
        short = iter(pieces if keep >= length else shorten_all(pieces, max(keep, len(pieces)), model.count_tokens))
        fitted.append(tuple(next(short) if isinstance(piece, str) else _sized(piece, pixels) for piece in content))
    return fitted, min(thoughts, max(left - sum(keeps), 0))


def show_several(
    model: ChatModel, layout: Layout, query: Sequence[Content], candidates: Sequence[Candidate], answer_tokens: int
) -> tuple[list[tuple[Content, ...]], int]:
    """Candidates that are to be compared in prompts, and how many of them one prompt holds, at least two.

    Where a candidate has so many pictures that not even two such candidates fit, further pictures are shown as their
    text.

    Args:
        model: that reads them.
        layout: of the prompts.
        query: as it is shown.
        candidates: all of them.
        answer_tokens: kept free for the answer.

    Raises:
        InputError: when two pictures do not fit into one prompt.
    """
    info, count = model.info, max(len(candidates), 2)
    question = "".join(piece for piece in query if isinstance(piece, str))
    if not info.reads_images:
        return [show(candidate, info, asked=question) for candidate in candidates], count
    asked = sum(not isinstance(piece, str) for piece in query)
    fitting = pictures_per_prompt(model, room_for(model, layout.chat(query, [()] * 2), answer_tokens)) - asked
    shown = [show(candidate, info, asked=question, pictures=max(fitting // 2, 1)) for candidate in candidates]
    most = max((sum(not isinstance(piece, str) for piece in content) for content in shown), default=0)
    if most and fitting < 2 * most:
        raise InputError(
            f"{info.name} reads {fitting} pictures per prompt, and a comparison needs two; raise its limit on pictures"
            " or its context, or rank with the family pointwise"
        )
    return shown, min(count, fitting // most) if most else count


def _sized(picture: ImageRef, pixels: int) -> ImageRef:
    return SmallPicture(picture.path, picture.page, picture.box, pixels) if pixels else picture


def fit_query(query: Query, model: ChatModel, share_of_context: float = 0.25) -> Query:
    """The query shortened to a share of the context; it is never left out."""
    limit = int(model.info.context_tokens * share_of_context)
    return Query(shorten(query.text, limit, model.count_tokens), query.image)
