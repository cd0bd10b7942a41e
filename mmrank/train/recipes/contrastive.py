"""Any text or vision-language encoder, with one vector per passage or one per token, by contrastive training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field

from mmrank.encoders import load_encoder
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.encoders.vision import VisionEncoder
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.pages import page_picture
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.batch_contrast import QuestionRow, Trainable, train_encoder
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig
from mmrank.train.trainers.vision_language import pixels_per_token
from mmrank.types import Part, PartKind, Passage


class ContrastiveConfig(RecipeConfig):
    """See contrastive.yaml."""

    encoder: str = "minilm"
    pictures: bool = Field(False, description="candidates are pages as pictures: file.pdf#page=4")
    max_pixels: int | None = Field(None, ge=784, description="per picture; None: as the encoder's checkpoint says")
    keep_inputs: bool = Field(False, description="hold rendered pages in memory: for sets that fit")
    negatives: int = Field(1, ge=0, description="hard negatives per question, at most")
    temperature: float = Field(0.05, gt=0)
    lora: LoraSettings | None = LoraSettings()


def train(config: ContrastiveConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, keep the best checkpoint by recall among a batch's passages, and write the encoder to `out/model`."""
    examples, held_out = config.source.read(keep_without_negatives=True)
    encoder = load_trainable(config)
    before, after = train_encoder(
        encoder,
        question_rows(examples, config, seed=config.trainer.seed),
        question_rows(held_out, config),
        settings=config.trainer,
        out=out,
        temperature=config.temperature,
        lora=config.lora,
        keep_inputs=config.keep_inputs,
        resume=resume,
        baseline=config.measure.baseline,
    )
    if not ranks.writes():
        pass
    elif isinstance(encoder, VisionEncoder):
        encoder.save(out / "model")
    else:
        encoder.model.save(str(out / "model"))
    return TrainingReport("contrastive", out, before, after)


def works(config: ContrastiveConfig) -> list[Work]:
    """The run, for its plan; a page is counted as large as it may be, and an instruction not at all."""
    examples, _ = config.source.read(keep_without_negatives=True)
    reader = tokenizer_of(config.encoder, sees=config.pictures)
    read = getattr(reader, "tokenizer", reader)

    def tokens(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in read(list(texts), truncation=True)["input_ids"]]

    if config.pictures:
        most = int(reader.image_processor.size["longest_edge"])
        page = min(most, config.max_pixels or most) // pixels_per_token(reader)
    lengths, longest = [], 0
    for example in examples:
        shown = (example.positives[0], *example.negatives[: config.negatives])
        each = tokens([example.query]) + ([page] * len(shown) if config.pictures else tokens(shown))
        lengths.append(sum(each))
        longest = max(longest, *each)
    return [Work("contrastive", config.trainer, config.lora, lengths, longest)]


def load_trainable(config: ContrastiveConfig) -> Trainable:
    """The encoder, its weights in float32 where there is no GPU.

    Raises:
        InputError: when its weights cannot be trained, or it reads no pictures and has to.
    """
    source = str(embedded_folder()) if config.encoder == "minilm" else config.encoder
    dtype = None if torch.cuda.is_available() else "float32"
    encoder = load_encoder(source, dtype=dtype, max_pixels=config.max_pixels)
    if not isinstance(encoder, Trainable):
        raise InputError(f"{config.encoder} cannot be trained; name minilm, a folder or a checkpoint of the hub")
    if config.pictures and not encoder.info.reads_images:
        raise InputError(f"{config.encoder} reads no pictures; name a vision-language encoder or set pictures: false")
    return encoder


def question_rows(examples: Sequence[RankingExample], config: ContrastiveConfig, seed: int = 0) -> list[QuestionRow]:
    """For each question one relevant passage and up to `config.negatives` others; their ids are what examples say."""
    rng = random.Random(seed)
    rows: list[QuestionRow] = []
    for example in examples:
        candidates = [rng.choice(example.positives), *example.negatives[: config.negatives]]
        passages = [as_passage(candidate, pictures=config.pictures) for candidate in candidates]
        rows.append({"query": example.query, "passages": passages, "known": example.positives})
    return rows


def as_passage(candidate: str, *, pictures: bool) -> Passage:
    """A candidate of an example as an encoder reads it.

    Raises:
        InputError: when it should name a page and does not, or the file is not there.
    """
    if pictures:
        part = Part(PartKind.IMAGE, "", (), page_picture(candidate))
    else:
        part = Part(PartKind.TEXT, candidate, ())
    return Passage(candidate, "", 0, 0, (part,), (), ())
