"""Language models with one output instead of a vocabulary: a question and a passage in, a score out (RankLLaMA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrank.errors import InputError
from mmrank.train.trainers import ranks
from mmrank.train.trainers.base_weights import Loading, load_weights, placed
from mmrank.train.trainers.grouped import Row, grouped_mask, teacher_scores, ungroup
from mmrank.train.trainers.lora import lora_config
from mmrank.train.trainers.settings import LoraSettings
from mmrank.train.trainers.shared_count import SharedCount

HEAD = "score"


def load_scalar(base: str, how: Loading, seed: int = 0) -> tuple[Any, Any]:
    """A language model whose head is new and gives one number, and its tokenizer, which pads on the left.

    Args:
        base: a folder or a name on the hub, of the families whose classifiers transformers builds as `model` and
            `score` (Llama, Mistral, Qwen2, Qwen3, …).
        how: precision, attention, quantisation.
        seed: of the head.

    Raises:
        InputError: for other families.
    """
    from transformers import AutoModelForSequenceClassification

    from mmrank.checkpoints import find_checkpoint, load_tokenizer

    checkpoint = find_checkpoint(base)
    whole = load_weights(checkpoint, how)
    tokenizer = load_tokenizer(checkpoint, whole)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    config = whole.config
    config.num_labels = 1
    # Without it the head would read the last token of the padding.
    config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)
    if not hasattr(model, HEAD) or not hasattr(whole, "model"):
        raise InputError(
            f"{base} has no classifier that can be built from it; use a model of the families Llama or Qwen"
        )
    model.model = whole.model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = nn.Linear(config.hidden_size, 1, bias=False)
        nn.init.normal_(head.weight, std=0.02)
    model.score = head.to(next(whole.parameters()).device, torch.float32)
    if not how.adapted:
        return placed(model, how), tokenizer
    model.score.to(next(whole.parameters()).dtype)
    return placed(model, how), tokenizer


def with_scalar_lora(model: Any, lora: LoraSettings | None) -> Any:
    """The model with a fresh adapter; its head is trained in full. The model itself where `lora` is None."""
    if lora is None:
        return model
    from peft import get_peft_model

    return get_peft_model(model, lora_config(lora, modules_to_save=[HEAD], exclude_modules=[HEAD], task_type="SEQ_CLS"))


def save_scalar(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write the whole model or, in peft's format, its adapter and head, and the tokenizer."""
    if ranks.writes():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


class PrefixedPairScorer:
    """The score of "query: …" and "document: …", each cut to its limit and with a beginning-of-text token.

    Args:
        tokenizer: the model's.
        query_tokens: of the question with its prefix.
        passage_tokens: of the candidate with its prefix; what is longer is cut and counted in `shortened`.
    """

    def __init__(self, tokenizer: Any, query_tokens: int, passage_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.query_tokens, self.passage_tokens = query_tokens, passage_tokens
        self._shortened = SharedCount()

    @property
    def shortened(self) -> int:
        """Candidates, or their questions, that were cut."""
        return int(self._shortened)

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`."""
        mask = grouped_mask(rows)
        ids = [self.ids(row["query"], text) for row in rows for text in row["candidates"]]
        width = max(map(len, ids))
        input_ids = torch.full((len(ids), width), self.tokenizer.pad_token_id)
        attention = torch.zeros((len(ids), width), dtype=torch.long)
        for place, row in enumerate(ids):
            input_ids[place, width - len(row) :] = torch.tensor(row)
            attention[place, width - len(row) :] = 1
        return {"input_ids": input_ids, "attention_mask": attention, "mask": mask, **teacher_scores(rows, mask)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        made = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        return ungroup(made.logits.float(), inputs["mask"])

    def ids(self, query: str, candidate: str) -> list[int]:
        """Token ids of a question and a candidate."""
        begin = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
        asked = self.tokenizer.encode(f"query: {query}", add_special_tokens=False)
        shown = self.tokenizer.encode(f"document: {candidate}", add_special_tokens=False)
        self._shortened.add(len(asked) > self.query_tokens or len(shown) > self.passage_tokens)
        return [*begin, *asked[: self.query_tokens], *begin, *shown[: self.passage_tokens]]
