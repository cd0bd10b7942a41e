"""Interleaved documents: one vector a document, the mean of its sections' vectors, then a reranker of sections.

The embedded variant reads text; the vision-language one trains the same objective through `mmrank.train.contrastive`.
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
from mmrank.train.recipes.adapters import save_adapter
from mmrank.train.recipes.config import LoraSettings, RecipeConfig, TrainerSettings
from mmrank.train.recipes.grouped import fit, rows_of
from mmrank.train.recipes.pointwise import PairScorer, with_adapter
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.train.recipes.trainer import METRICS, JsonLines, checkpoint_to_resume, common_arguments


class IdentifyConfig(RecipeConfig):
    """See identify.yaml. `trainer` trains the document encoder, `reranker` the section reranker."""

    source: Source = Source()
    sections: int = Field(4, ge=1, description="a document, while training")
    section_tokens: int = Field(128, ge=8, le=512)
    temperature: float = Field(0.05, gt=0)
    candidates: int = Field(4, ge=2, description="sections a question, for the reranker")
    lora: LoraSettings = LoraSettings()
    reranker: TrainerSettings = TrainerSettings()


def train(config: IdentifyConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train both parts; document recall@1 by merged vectors, section recall@1 by the reranker."""
    examples, held_out = config.source.read()
    torch.manual_seed(config.trainer.seed)
    model = DocumentEncoder(config)
    rows, tests = documents(examples, config.sections), documents(held_out, config.sections)
    last = checkpoint_to_resume(out / "encoder", resume and (out / "encoder" / "checkpoints").is_dir())
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
    reranker = with_adapter(minilm_with_head(), config.lora)
    first, second = fit(
        reranker,
        rows=rows_of(examples, config.candidates, config.trainer.seed),
        held_out=rows_of(held_out, config.candidates),
        scorer=PairScorer(config.section_tokens),
        objective=relevant_or_not,
        settings=config.reranker,
        out=out / "reranker",
        resume=resume and (out / "reranker" / "checkpoints").is_dir(),
    )
    save_adapter(
        out, reranker, {"base": "minilm", "recipe": "identify"}, head="classifier", file="reranker.safetensors"
    )
    before["section recall"], after["section recall"] = first["recall"], second["recall"]
    return TrainingReport("identify", out, before, after)


def relevant_or_not(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of each section against relevant or not."""
    labels = torch.zeros_like(scores[..., 0])
    labels[:, 0] = 1
    return binary_cross_entropy_with_logits(scores[..., 0][batch["mask"]], labels[batch["mask"]])


def documents(examples: Sequence[RankingExample], sections: int) -> list[dict[str, Any]]:
    """One question a document: `query` and up to `sections` sections, the relevant one among them.

    Raises:
        InputError: with fewer than two documents there is nothing to tell apart.
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
        from peft import LoraConfig, get_peft_model

        self.section_tokens, self.temperature = config.section_tokens, config.temperature
        self.tokenizer = bert_tokenizer()
        lora = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,
            lora_dropout=config.lora.dropout,
            target_modules=config.lora.modules,
        )
        self.bert = get_peft_model(bert_model(), lora)

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tokens of queries and of all sections, one below the other, and the number of sections a document."""
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
        """The loss over the batch's documents, and both sides' unit vectors."""
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
        """(documents, dim): raw section vectors averaged, unit length after that."""
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
