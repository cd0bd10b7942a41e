"""Teach a tiny vision-language model, from scratch, to find pages by what is drawn on them.

    python examples/train_tiny_vlm.py work/

Draws pages that differ only in a picture (a coloured shape somewhere, or a bar chart), trains a Qwen3-VL of 1.5 million
parameters on two thirds of them with the trainer of the recipe `contrastive`, and prints the recall on pages it has
never seen. Then it makes a collection of new PDFs with that model and asks for a page. No words on the pages help: text
search cannot do this. It needs the extra `train` (pip install 'mmrank[train]').
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import torch
from PIL import Image, ImageDraw

from mmrank import Collection
from mmrank.encoders.vision import VisionEncoder, VisionOptions
from mmrank.processors import sentence_transformers_without_video, without_video
from mmrank.train.trainers.batch_contrast import QuestionRow, train_encoder
from mmrank.train.trainers.settings import TrainerSettings
from mmrank.types import BBox, ImageRef, Part, PartKind, Passage, Query

COLOURS = {
    "red": (215, 30, 30),
    "green": (30, 150, 50),
    "blue": (35, 70, 210),
    "yellow": (240, 200, 20),
    "purple": (140, 40, 160),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring")
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")
BARS = ("red", "green", "blue", "yellow")
SIDE = 96
"""Width and height of a drawing in pixels; the model sees nine patches of 32."""
PLACE = BBox(60, 120, 252, 312)
"""Where the drawing stands on each page, in points."""
STEPS = 500
"""Training steps; about three minutes on one core of 2026."""
BATCH = 48
"""Pages that are told apart in one step."""
TEXT = "The drawing of this sheet. All sheets carry these same words."


@dataclass(frozen=True)
class Drawing:
    """What is on a page: a question that describes it, and how to draw it."""

    question: str
    shape: str = ""
    colour: str = ""
    row: int = 0
    column: int = 0
    bars: tuple[str, ...] = ()

    def draw(self, jitter: random.Random) -> Image.Image:
        """The drawing, a little different each time."""
        picture = Image.new("RGB", (SIDE, SIDE), (250, 250, 250))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=(150, 150, 150))
        if self.bars:
            heights = sorted((jitter.randint(12, 26) + 20 * rank for rank in range(len(self.bars))), reverse=True)
            tall = dict(zip(self.bars, heights, strict=True))
            for position, name in enumerate(BARS):
                left = 6 + position * 22
                pen.rectangle((left, SIDE - 6 - min(tall[name], 84), left + 17, SIDE - 6), fill=COLOURS[name])
            return picture
        radius = jitter.randint(9, 13)
        x, y = (16 + 32 * at + jitter.randint(-2, 2) for at in (self.column, self.row))
        box, colour = (x - radius, y - radius, x + radius, y + radius), COLOURS[self.colour]
        match self.shape:
            case "circle":
                pen.ellipse(box, fill=colour)
            case "ring":
                pen.ellipse(box, outline=colour, width=4)
            case "square":
                pen.rectangle(box, fill=colour)
            case "triangle":
                pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill=colour)
            case "cross":
                pen.line((x - radius, y, x + radius, y), fill=colour, width=6)
                pen.line((x, y - radius, x, y + radius), fill=colour, width=6)
        return picture


def all_drawings() -> list[Drawing]:
    """Every shape in every colour and place, and every order of the bars: 294 drawings."""
    shapes = [
        Drawing(f"a {colour} {shape} at the {ROWS[row]} {COLUMNS[column]}", shape, colour, row, column)
        for shape, colour, row, column in product(SHAPES, COLOURS, range(3), range(3))
    ]
    charts = [Drawing("bars from tallest to shortest " + " ".join(order), bars=order) for order in permutations(BARS)]
    return shapes + charts


def write_pdf(path: Path, drawings: Sequence[Drawing], jitter: random.Random) -> None:
    """Write one page per drawing. The words are the same on all pages."""
    with pymupdf.open() as file:
        for drawing in drawings:
            page = file.new_page(width=312, height=400)
            page.insert_text((60, 80), TEXT, fontsize=8)
            pixels = drawing.draw(jitter).resize((SIDE * 4, SIDE * 4), Image.Resampling.NEAREST)
            picture = pymupdf.Pixmap(pymupdf.csRGB, *pixels.size, pixels.tobytes(), False)
            page.insert_image(pymupdf.Rect(*PLACE.as_tuple()), pixmap=picture)
        file.save(path)


def passages_of(path: Path, pages: int) -> list[Passage]:
    """The page as the ingest gives it: its words, then its picture."""
    return [
        Passage(
            id=f"{path.stem}/{page}",
            document_id=path.stem,
            position=page,
            page=page,
            parts=(
                Part(PartKind.TEXT, TEXT, ("p0e0",)),
                Part(PartKind.IMAGE, "", ("p0e1",), ImageRef(str(path), page, PLACE)),
            ),
            element_ids=("p0e0", "p0e1"),
            boxes=(PLACE,),
        )
        for page in range(pages)
    ]


def build_encoder(folder: Path, questions: Sequence[str]) -> VisionEncoder:
    """A Qwen3-VL with random weights, small enough to train on a laptop, as an encoder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLModel, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = _tokenizer([*questions, TEXT, "user assistant system"], PreTrainedTokenizerFast)
    marks = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>") for name, mark in MARKS.items()}
    width = 128
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "head_dim": width // 4,
            "max_position_embeddings": 512,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_heads": 4,
            "patch_size": 16,
            "out_hidden_size": width,
            "num_position_embeddings": (SIDE // 16) ** 2,
            "deepstack_visual_indexes": [0],
        },
        **marks,
    )
    pictures = Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, size={"shortest_edge": 32 * 32, "longest_edge": SIDE * SIDE}
    )
    processor = without_video(Qwen3VLProcessor)(pictures, tokenizer, None, chat_template=TEMPLATE)
    Qwen3VLModel(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    with sentence_transformers_without_video():
        transformer = Transformer(str(folder))
    model = SentenceTransformer(modules=[transformer, Pooling(width, "lasttoken")], device="cpu")
    options = VisionOptions(max_tokens=256, max_pixels=SIDE * SIDE)
    return VisionEncoder(model, options, name="tiny-vlm", revision="untrained")


MARKS = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
TEMPLATE = (
    "{% for turn in messages %}<|im_start|> {{ turn.role }} {% for part in turn.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|> assistant{% endif %}"
)


def _tokenizer(texts: Sequence[str], kind: Any) -> Any:
    """A tokenizer with one token per word."""
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers.models import WordLevel
    from tokenizers.trainers import WordLevelTrainer

    words = Tokenizer(WordLevel(unk_token="<|unknown|>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [
        "<|endoftext|>",
        "<|unknown|>",
        "<|im_start|>",
        "<|im_end|>",
        *(f"<|{mark}|>" for mark in MARKS.values()),
    ]
    words.train_from_iterator(texts, WordLevelTrainer(special_tokens=special, show_progress=False))
    return kind(
        tokenizer_object=words,
        unk_token="<|unknown|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=special[2:],
        padding_side="left",
        model_max_length=512,
    )


def recall_at_1(encoder: VisionEncoder, drawings: Sequence[Drawing], passages: Sequence[Passage], seed: int) -> float:
    """Share of questions whose page comes first among (at most) 50 pages never seen in training."""
    vectors = encoder.encode_passages(passages)
    asked = encoder.encode_queries([Query(drawing.question) for drawing in drawings])
    rng = random.Random(seed)
    right = 0
    for number, question in enumerate(asked):
        others = [other for other in range(len(drawings)) if other != number]
        candidates = [number, *rng.sample(others, min(49, len(others)))]
        right += int(np.argmax(vectors[candidates] @ question) == 0)
    return right / len(drawings)


def question_rows(drawings: Sequence[Drawing], passages: Sequence[Passage]) -> list[QuestionRow]:
    """Each drawing's question with its page; the other pages of a batch are the negatives."""
    return [
        {"query": drawing.question, "passages": [passage], "known": [passage.id]}
        for drawing, passage in zip(drawings, passages, strict=True)
    ]


def train(
    folder: Path, drawings: Sequence[Drawing], *, steps: int, batch: int = BATCH, seed: int = 0
) -> tuple[Path, float, float, list[Drawing]]:
    """Train on two thirds of the drawings; returns the checkpoint, held-out recall before and after, and the rest."""
    torch.manual_seed(seed)
    jitter = random.Random(seed)
    drawings = jitter.sample(drawings, len(drawings))
    third = len(drawings) // 3
    held_out, known = drawings[:third], drawings[third:]
    renderings = 4
    write_pdf(folder / "known.pdf", known * renderings, jitter)
    write_pdf(folder / "held-out.pdf", held_out, jitter)
    passages = passages_of(folder / "held-out.pdf", len(held_out))
    encoder = build_encoder(folder / "untrained", [drawing.question for drawing in drawings])
    before = recall_at_1(encoder, held_out, passages, seed)

    known_passages = passages_of(folder / "known.pdf", len(known) * renderings)
    settings = TrainerSettings(
        seed=seed,
        max_steps=steps,
        batch=batch,
        learning_rate=2e-3,
        schedule="cosine",
        weight_decay=0.01,
        bf16=False,
        save_steps=steps,
        log_steps=100,
    )
    train_encoder(
        encoder,
        question_rows(known * renderings, known_passages),
        question_rows(held_out, passages),
        settings=settings,
        out=folder / "run",
        temperature=0.07,
        keep_inputs=True,
    )
    after = recall_at_1(encoder, held_out, passages, seed)
    encoder.save(folder / "tiny-vlm")
    return folder / "tiny-vlm", before, after, held_out


def found_in_collection(folder: Path, encoder: str, drawings: Sequence[Drawing], seed: int = 99) -> float:
    """Index new pages of these drawings as PDFs of ten pages; the share of questions that find their page first."""
    jitter = random.Random(seed)
    pdfs = folder / "pdfs"
    pdfs.mkdir(parents=True)
    places = {}
    for start in range(0, len(drawings), 10):
        name = f"sheets-{start // 10 + 1}.pdf"
        write_pdf(pdfs / name, drawings[start : start + 10], jitter)
        places |= {drawing: (name, page) for page, drawing in enumerate(drawings[start : start + 10])}
    with Collection.create(folder / "collection.mmrank", encoder=encoder) as collection:
        collection.add(pdfs)
        hits = {drawing: collection.search(drawing.question, k=1) for drawing in drawings}
    return sum((hit.document, hit.page) == places[one] for one, found in hits.items() for hit in found) / len(drawings)


def main() -> None:
    """Train, then index and ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is written; must not exist yet")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True)
    checkpoint, before, after, held_out = train(folder, all_drawings(), steps=arguments.steps)
    print(f"recall@1 among 50 held-out pages: {before:.2f} before, {after:.2f} after training")
    for name, encoder in {"the trained model": str(checkpoint), "text alone (minilm)": "minilm"}.items():
        share = found_in_collection(folder / f"asked-with-{Path(encoder).name}", encoder, held_out[:50])
        print(f"a collection of 50 new pages, found first with {name}: {share:.2f}")


if __name__ == "__main__":
    main()
