"""IDentIfy: one vector per document, the mean of its sections' vectors, and a reranker of sections.

The paper's encoder is a vision-language model; here both are the embedded MiniLM, which reads text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize
from transformers import Trainer, TrainingArguments

from mmrank.errors import InputError
from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.rerankers.minilm_bert import bert_model, bert_tokenizer
from mmrank.train.data.examples import RankingExample
from mmrank.train.objectives.contrastive import info_nce
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.arguments import common_arguments
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.lora import lora_config, save_adapter
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume, resumes_stage
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig, TrainerSettings
from mmrank.train.trainers.text_pairs import TextPairScorer, with_head_adapter


class IdentifyConfig(RecipeConfig):
    """See identify.yaml. `trainer` trains the document encoder, `reranker` the section reranker."""

    sections: int = Field(4, ge=1, description="per document in training, at most")
    section_tokens: int = Field(128, ge=8, le=512)
    temperature: float = Field(0.05, gt=0)
    candidates: int = Field(4, ge=2, description="sections per question, for the reranker")
    lora: LoraSettings = LoraSettings()
    reranker: TrainerSettings = TrainerSettings()


def train(config: IdentifyConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train both; the report holds document recall@1 by merged vectors and section recall@1 by the reranker."""
    examples, held_out = config.source.read()
    torch.manual_seed(config.trainer.seed)
    model = DocumentEncoder(config)
    rows, tests = documents(examples, config.sections), documents(held_out, config.sections)
    last = checkpoint_to_resume(out / "encoder", resumes_stage(out / "encoder", resume))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            **common_arguments(config.trainer, out / "encoder"), remove_unused_columns=False, label_names=["counts"]
        ),
        train_dataset=rows,
        data_collator=model.collate,
        callbacks=[JsonLines(out / "encoder" / METRICS)],
    )
    before = {"document recall": model.recall(tests)}
    trainer.train(resume_from_checkpoint=last)
    after = {"document recall": model.recall(tests)}
    save_adapter(out, model.bert, {"base": "minilm", "recipe": "identify"}, file="encoder.safetensors")
    reranker = with_head_adapter(minilm_with_head(), config.lora)
    first, second = fit(
        reranker,
        rows=rows_of(examples, config.candidates, config.trainer.seed),
        held_out=rows_of(held_out, config.candidates),
        scorer=TextPairScorer(config.section_tokens),
        objective=relevant_or_not,
        settings=config.reranker,
        out=out / "reranker",
        resume=resumes_stage(out / "reranker", resume),
    )
    save_adapter(
        out, reranker, {"base": "minilm", "recipe": "identify"}, head="classifier", file="reranker.safetensors"
    )
    before["section recall"], after["section recall"] = first["recall"], second["recall"]
    return TrainingReport("identify", out, before, after)


def relevant_or_not(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Binary cross-entropy of each section, relevant or not."""
    labels = torch.zeros_like(scores[..., 0])
    labels[:, 0] = 1
    return binary_cross_entropy_with_logits(scores[..., 0][batch["mask"]], labels[batch["mask"]])


def documents(examples: Sequence[RankingExample], sections: int) -> list[dict[str, Any]]:
    """One question per document: `query` and up to `sections` sections, the relevant one among them.

    Raises:
        InputError: for fewer than two documents.
    """
    seen: dict[str, dict[str, Any]] = {}
    for example in examples:
        found = [example.positives[0], *example.negatives[: sections - 1]]
        seen.setdefault(example.group, {"query": example.query, "sections": found})
    if len(seen) < 2:
        raise InputError("a document encoder needs examples of at least two documents")
    return list(seen.values())


class DocumentEncoder(nn.Module):
    """MiniLM with an adapter: the mean over a section's tokens, the mean over sections, then unit length."""

    def __init__(self, config: IdentifyConfig) -> None:
        super().__init__()
        from peft import get_peft_model

        self.section_tokens, self.temperature = config.section_tokens, config.temperature
        self.tokenizer = bert_tokenizer()
        self.bert = get_peft_model(bert_model(), lora_config(config.lora))

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tokens of `queries` and of all `sections`, and `counts` (documents,), how many sections each document has."""
        return {
            "queries": self._tokens([row["query"] for row in rows]),
            "sections": self._tokens([text for row in rows for text in row["sections"]]),
            "counts": torch.tensor([len(row["sections"]) for row in rows]),
        }

    def _tokens(self, texts: list[str]) -> dict[str, Tensor]:
        encoded = self.tokenizer(
            texts, truncation=True, max_length=self.section_tokens, padding=True, return_tensors="pt"
        )
        return dict(encoded)

    def forward(self, queries: dict[str, Tensor], sections: dict[str, Tensor], counts: Tensor) -> dict[str, Tensor]:
        """`loss` over the documents of the batch, and the unit vectors `queries` and `documents`, (batch, dim) each."""
        asked = normalize(self.pooled(queries), dim=-1)
        merged = self.merged(self.pooled(sections), counts)
        return {
            "loss": info_nce(asked, merged, temperature=self.temperature),
            "queries": asked,
            "documents": merged,
        }

    def pooled(self, tokens: dict[str, Tensor]) -> Tensor:
        """(texts, dim), the mean of the last hidden states."""
        states = self.bert(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None].bool()
        return states.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)

    @staticmethod
    def merged(sections: Tensor, counts: Tensor) -> Tensor:
        """(documents, dim): means of section vectors, then of unit length."""
        return torch.stack([normalize(part.mean(dim=0), dim=-1) for part in torch.split(sections, counts.tolist())])

    @torch.inference_mode()
    def recall(self, rows: Sequence[Mapping[str, Any]], batch: int = 32) -> float:
        """Share of questions whose own document is first among all."""
        self.eval()
        device = next(self.parameters()).device
        asked, merged = [], []
        for start in range(0, len(rows), batch):
            made = self.collate(rows[start : start + batch])
            output = self(
                {k: v.to(device) for k, v in made["queries"].items()},
                {k: v.to(device) for k, v in made["sections"].items()},
                made["counts"],
            )
            asked.append(output["queries"])
            merged.append(output["documents"])
        scores = torch.cat(asked) @ torch.cat(merged).T
        return float((scores.argmax(dim=1) == torch.arange(len(scores), device=scores.device)).float().mean())
