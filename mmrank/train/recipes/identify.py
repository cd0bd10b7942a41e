"""IDentIfy: one vector per document, the mean of its sections' vectors, and a reranker of sections.

Both are a vision-language model that reads a section's picture, then its text; or, small, the embedded MiniLM, which
reads text alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from mmrank.encoders import load_encoder
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.encoders.vision import VisionEncoder
from mmrank.errors import InputError
from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.rerankers.prompts import YES_NO
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.pages import page_picture
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import splits
from mmrank.train.trainers.base_weights import chosen_dtype, how_to_load
from mmrank.train.trainers.batch_contrast import AllPairs, BatchScorer, Contrast, Trainable
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.label_logits import MARGIN, LabelScorer
from mmrank.train.trainers.language_models import save_model
from mmrank.train.trainers.lora import adapt_encoder, merge_in_place, save_adapter, with_language_lora
from mmrank.train.trainers.planning import Work
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig, TrainerSettings
from mmrank.train.trainers.text_pairs import TextPairScorer, with_head_adapter
from mmrank.train.trainers.vision_language import load_vision
from mmrank.types import Part, PartKind, Passage, Query

QUESTION_TOKENS = 128
"""What the reranker reads beside a section."""
Document = Mapping[str, Any]
"""`query`, `sections` (passages, the relevant one among them) and `group`, the document's name."""


class IdentifyConfig(RecipeConfig):
    """See identify.yaml. `trainer` trains the document encoder, `reranker` the section reranker."""

    base: str = Field(
        "minilm", description="minilm, or a vision-language model; the encoder and the reranker start from it"
    )
    model: ModelSettings = ModelSettings()
    pictures: bool = Field(False, description="a section is a page: its picture (file.pdf#page=4), then its text")
    max_pixels: int = Field(1003520, ge=784, description="per picture")
    sections: int = Field(4, ge=1, description="per document in training, at most")
    section_tokens: int = Field(128, ge=8, description="of a section; a longer one is shortened")
    temperature: float = Field(0.05, gt=0)
    candidates: int = Field(4, ge=2, description="sections per question, for the reranker")
    lora: LoraSettings = LoraSettings()
    reranker: TrainerSettings = TrainerSettings()


def train(config: IdentifyConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train both; the report holds document recall@1 by merged vectors and section recall@1 by the reranker.

    Leaves, with a vision-language model, the folders `encoder`, which `--encoder` takes, and `reranker`; with MiniLM
    `encoder.safetensors` and `reranker.safetensors`.
    """
    examples, held_out = config.source.read()
    torch.manual_seed(config.trainer.seed)
    encoder = document_encoder(config)
    tests = documents(held_out, config)
    folder = out / "training" / "encoder"
    before: dict[str, float] = {}
    if config.measure.baseline and not splits(config.trainer):
        before["document recall"] = document_recall(encoder, tests)
    fit(
        AllDocuments(encoder),
        rows=documents(examples, config),
        held_out=tests,
        scorer=DocumentScorer(encoder),
        objective=Contrast(config.temperature),
        settings=config.trainer,
        out=folder,
        baseline=False,
        plus=config.lora.plus,
        resume=resumes_stage(folder, resume),
    )
    after = {"document recall": document_recall(encoder, tests)}
    keep_encoder(encoder, out)
    first, second, shortened = train_reranker(config, examples, held_out, out, resume)
    before |= {"section recall": first["recall"]} if first else {}
    after["section recall"] = second["recall"]
    return TrainingReport("identify", out, before, after, {"shortened sections": shortened})


def works(config: IdentifyConfig) -> list[Work]:
    """Both stages of a run, for its plan; every section is counted as long as it may be.

    Raises:
        InputError: for MiniLM, which needs none.
    """
    if config.base == "minilm":
        raise InputError("minilm trains in minutes and needs no plan; name a vision-language model as base")
    examples, _ = config.source.read()
    of_documents = [len(row["sections"]) * config.section_tokens for row in documents(examples, config)]
    of_sections = [
        len(row["candidates"]) * (config.section_tokens + QUESTION_TOKENS)
        for row in rows_of(examples, config.candidates)
    ]
    longest = config.section_tokens + QUESTION_TOKENS
    return [
        Work("encoder", config.trainer, config.lora, of_documents, config.section_tokens),
        Work("reranker", config.reranker, config.lora, of_sections, longest),
    ]


def document_encoder(config: IdentifyConfig) -> Trainable:
    """The encoder with a fresh adapter.

    Raises:
        InputError: when it reads no pictures and has to.
    """
    if config.model.quantise is not None:
        raise InputError("identify trains no quantised weights: leave out model.quantise")
    source = str(embedded_folder()) if config.base == "minilm" else config.base
    dtype = str(chosen_dtype(how_to_load(config, adapted=True))).removeprefix("torch.")
    limits: dict[str, Any] = {}
    if config.base != "minilm":
        limits = {"max_tokens": config.section_tokens, "max_pixels": config.max_pixels}
    encoder = load_encoder(source, dtype=dtype, device=str(ranks.device()), **limits)
    if not isinstance(encoder, Trainable):
        raise InputError(f"{config.base} cannot be trained; name minilm or a vision-language model")
    if config.pictures and not encoder.info.reads_images:
        raise InputError(f"{config.base} reads no pictures; name a vision-language model or set pictures: false")
    if config.base == "minilm":
        encoder.model.max_seq_length = config.section_tokens
    for weight in encoder.model.parameters():
        weight.requires_grad_(False)
    adapt_encoder(encoder, config.lora)
    for name, weight in encoder.model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.float()
    return encoder


def keep_encoder(encoder: Trainable, out: Path) -> None:
    """Write what was trained."""
    if isinstance(encoder, VisionEncoder):
        merge_in_place(encoder.model)
        if ranks.writes():
            encoder.save(out / "encoder")
    else:
        save_adapter(
            out, encoder.model[0].auto_model, {"base": "minilm", "recipe": "identify"}, file="encoder.safetensors"
        )


def train_reranker(
    config: IdentifyConfig,
    examples: Sequence[RankingExample],
    held_out: Sequence[RankingExample],
    out: Path,
    resume: bool,
) -> tuple[Mapping[str, float], Mapping[str, float], int]:
    """The section reranker, by binary cross-entropy. Returns figures before and after, and how much was shortened."""
    torch.manual_seed(config.reranker.seed)
    folder = out / "training" / "reranker"
    scorer: Any
    if config.base == "minilm":
        model = with_head_adapter(minilm_with_head(), config.lora)
        scorer, rank_by = TextPairScorer(min(config.section_tokens, 512)), 0
    else:
        model, processor = load_vision(config.base, how_to_load(config, adapted=True))
        model = with_language_lora(model, config.lora)
        scorer = LabelScorer(
            processor,
            YES_NO,
            pictures=config.pictures,
            max_pixels=config.max_pixels,
            max_tokens=config.section_tokens + QUESTION_TOKENS,
        )
        rank_by = MARGIN
    figures = fit(
        model,
        rows=rows_of(examples, config.candidates, config.trainer.seed),
        held_out=rows_of(held_out, config.candidates),
        scorer=scorer,
        objective=RelevantOrNot(rank_by),
        settings=config.reranker,
        out=folder,
        baseline=config.measure.baseline,
        plus=config.lora.plus,
        resume=resumes_stage(folder, resume),
        rank_by=rank_by,
    )
    if config.base == "minilm":
        about = {"base": "minilm", "recipe": "identify"}
        save_adapter(out, model, about, head="classifier", file="reranker.safetensors")
        return *figures, 0
    save_model(model, scorer.processor, out / "reranker")
    return *figures, scorer.shortened


class RelevantOrNot:
    """Binary cross-entropy of each section, relevant or not, by one output."""

    def __init__(self, output: int) -> None:
        self.output = output

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The mean over the sections of a batch."""
        found = scores[..., self.output]
        labels = torch.zeros_like(found)
        labels[:, 0] = 1
        return binary_cross_entropy_with_logits(found[batch["mask"]], labels[batch["mask"]])


def documents(examples: Sequence[RankingExample], config: IdentifyConfig) -> list[Document]:
    """All questions, each with up to `config.sections` sections of its document, the relevant one first.

    Raises:
        InputError: for fewer than two documents.
    """
    if len({example.group for example in examples}) < 2:
        raise InputError("a document encoder needs examples of at least two documents")
    rows: list[Document] = []
    for example in examples:
        names = [example.positives[0], *example.negatives[: config.sections - 1]]
        sections = [as_section(name, example, pictures=config.pictures) for name in names]
        rows.append({"query": example.query, "sections": sections, "group": example.group})
    return rows


def as_section(name: str, example: RankingExample, *, pictures: bool) -> Passage:
    """A section as the encoder reads it: the picture of its page, then its text."""
    parts = [Part(PartKind.TEXT, example.text_of(name), ())]
    if pictures:
        shown = Part(PartKind.IMAGE, "", (), page_picture(name))
        parts = [shown, *(parts if name in example.evidence else [])]
    return Passage(name, "", 0, 0, tuple(parts), (), ())


class AllDocuments(AllPairs):
    """Cosines of questions and documents; a document's vector is the mean of its sections' unit vectors."""

    def forward(self, queries: Any, passages: Any, counts: Tensor) -> Tensor:  # type: ignore[override]
        """(queries, documents); `counts` (documents,) says how many sections each has."""
        return self._single(queries) @ merged(self._single(passages), counts).T


def merged(sections: Tensor, counts: Tensor) -> Tensor:
    """(documents, dim): means of section vectors, then of unit length."""
    return torch.stack([normalize(part.mean(dim=0), dim=-1) for part in torch.split(sections, counts.tolist())])


class DocumentScorer(BatchScorer):
    """Each question against the documents of its batch; another question's row of the same document is masked out."""

    def collate(self, rows: Sequence[Document]) -> dict[str, Any]:
        """See `BatchScorer`; `counts` (documents,) says how many sections each document has."""
        order, mask = [], []
        for place, row in enumerate(rows):
            others = [other for other in range(len(rows)) if other != place]
            order.append([place, *others])
            mask.append([True, *(rows[other]["group"] != row["group"] for other in others)])
        return {
            "queries": self._queries([str(row["query"]) for row in rows]),
            "passages": self._passages([section for row in rows for section in row["sections"]]),
            "counts": torch.tensor([len(row["sections"]) for row in rows]),
            "order": torch.tensor(order),
            "mask": torch.tensor(mask),
        }

    def scores(self, model: Any, inputs: Mapping[str, Any]) -> Tensor:
        """(batch, documents of the batch, 1)."""
        found: Tensor = model(inputs["queries"], inputs["passages"], inputs["counts"])
        return found.gather(1, inputs["order"])[..., None]


def document_recall(encoder: Any, rows: Sequence[Document]) -> float:
    """Share of questions whose own document is first among all that are held out."""
    whole: dict[str, dict[str, Passage]] = {}
    for row in rows:
        whole.setdefault(row["group"], {}).update({section.id: section for section in row["sections"]})
    names = list(whole)
    encoder.model.eval()

    def vectors(some: Sequence[str]) -> list[Tensor]:
        found = [torch.from_numpy(encoder.encode_passages(list(whole[name].values()))) for name in some]
        return [normalize(sections.mean(dim=0), dim=-1) for sections in found]

    def asked(some: Sequence[Document]) -> list[Tensor]:
        return list(torch.from_numpy(encoder.encode_queries([Query(row["query"]) for row in some])))

    scores = torch.stack(ranks.spread(rows, asked)) @ torch.stack(ranks.spread(names, vectors)).T
    own = torch.tensor([names.index(row["group"]) for row in rows])
    return float((scores.argmax(dim=1) == own).float().mean())
