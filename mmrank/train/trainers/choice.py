"""Choosing by number: what a small model learns before it learns to write reasoned rankings.

In a whole answer, the one decision that matters (which passage comes first) is a few hundredths of the loss. Here it is
the whole loss: the model sees passages and says the number of the one that answers. Several questions over the same
passages make one conversation, so that the passages are read once for all of them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmrank.errors import MmrankError
from mmrank.llm.protocol import assistant, user
from mmrank.rerankers.focus import focus
from mmrank.rerankers.prompts import listwise_chat
from mmrank.train.data.examples import RankingExample
from mmrank.train.trainers.grouped import Row
from mmrank.train.trainers.language_models import turns

NOUN = "Passage"
"""What a candidate is called in prompts and answers."""


def conversations(
    examples: Sequence[RankingExample], *, candidates: int, questions: int, seed: int = 0
) -> list[dict[str, Any]]:
    """Conversations: shuffled `passages`, and `asked`, questions with the position of the passage that answers.

    A conversation starts from one question, its passage and its negatives; negatives that answer other questions of
    the document come first. Those other questions join the conversation if exactly one of its passages answers them.
    Every question is asked once; one without enough negatives is left out.

    Args:
        examples: of any documents; questions of different documents never share a conversation.
        candidates: passages per conversation.
        questions: per conversation, at most.
        seed: of all random choices.
    """
    rng = random.Random(seed)
    documents: dict[str, list[RankingExample]] = defaultdict(list)
    for example in examples:
        documents[example.group].append(example)
    made = []
    for document in documents.values():
        waiting = list(document)
        rng.shuffle(waiting)
        while waiting:
            first = waiting.pop()
            negatives = [text for text in dict.fromkeys(first.negatives) if text not in first.positives]
            if len(negatives) < candidates - 1:
                continue
            answering = {other.positives[0] for other in waiting}
            negatives.sort(key=lambda text: (text not in answering, rng.random()))
            passages = [first.positives[0], *negatives[: candidates - 1]]
            rng.shuffle(passages)
            asked = [first]
            rest: list[RankingExample] = []
            for other in waiting:
                alone = sum(text in other.positives for text in passages) == 1
                (asked if alone and len(asked) < questions else rest).append(other)
            waiting = rest
            rng.shuffle(asked)
            answers = [
                next(place for place, text in enumerate(passages) if text in example.positives) for example in asked
            ]
            made.append({"passages": passages, "asked": list(zip([e.query for e in asked], answers, strict=True))})
    rng.shuffle(made)
    return made


class ChoiceScorer:
    """Logits of the passages' numbers where an answer begins; the number of the right passage comes first.

    Args:
        tokenizer: the model's.
        words: words per reason, as the listwise prompt states them.
        passage_words: words that are shown of a passage.

    Raises:
        MmrankError: (in `collate`) when the chat template changes earlier turns, or a number is not one token.
    """

    def __init__(self, tokenizer: Any, words: int, passage_words: int) -> None:
        self.tokenizer = tokenizer
        self.words = words
        self.passage_words = passage_words

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`; a group is a question.

        `at` (questions, 2) holds conversation and token where a number comes next; `numbers` (questions, passages)
        holds the token ids of the passages' numbers, the right one first.
        """
        read = [self._read(row) for row in rows]
        width = max(len(ids) for ids, _ in read)
        input_ids = torch.full((len(read), width), self.tokenizer.pad_token_id)
        attention = torch.zeros((len(read), width), dtype=torch.long)
        at, labels = [], []
        for place, (ids, decisions) in enumerate(read):
            input_ids[place, : len(ids)] = torch.tensor(ids)
            attention[place, : len(ids)] = 1
            count = len(rows[place]["passages"])
            numbers = [self._number(number) for number in range(1, count + 1)]
            for token, right in decisions:
                at.append((place, token - 1))
                labels.append([numbers[right], *(one for other, one in enumerate(numbers) if other != right)])
        most = max(map(len, labels))
        return {
            "input_ids": input_ids,
            "attention_mask": attention,
            "at": torch.tensor(at),
            "numbers": torch.tensor([row + row[:1] * (most - len(row)) for row in labels]),
            "mask": torch.tensor([[place < len(row) for place in range(most)] for row in labels]),
        }

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(questions, passages, 1)."""
        conversations, tokens = inputs["at"].unbind(dim=1)
        places, place = torch.unique(tokens, return_inverse=True)
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            use_cache=False,
            logits_to_keep=places,
        ).logits  # (conversations, places, vocabulary)
        return logits[conversations, place].float().gather(1, inputs["numbers"])[..., None]

    def _read(self, row: Row) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of a conversation, and for each question the token that says the number, and the right position."""
        everything = " ".join(query for query, _ in row["asked"])
        shown = [(focus(everything, text, self.passage_words),) for text in row["passages"]]
        chat = listwise_chat((row["asked"][0][0],), shown, noun=NOUN, words=self.words)
        ends = []
        for place, (query, right) in enumerate(row["asked"]):
            if place:
                chat.append(user(f"Question: {query}"))
            begun = self.tokenizer.apply_chat_template(turns(chat), tokenize=False, add_generation_prompt=True)
            ends.append((f"{begun}{NOUN} ", right))
            chat.append(assistant(f"{NOUN} {right + 1}"))
        text = self.tokenizer.apply_chat_template(turns(chat), tokenize=False)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        starts = {begin: token for token, (begin, end) in enumerate(encoded["offset_mapping"]) if end > begin}
        if not all(text.startswith(begun) and len(begun) in starts for begun, _ in ends):
            raise MmrankError("this model's chat template changes earlier turns; leave out the stage choice")
        return encoded["input_ids"], [(starts[len(begun)], right) for begun, right in ends]

    def _number(self, number: int) -> int:
        ids = self.tokenizer.encode(f"{NOUN} {number}", add_special_tokens=False)
        if self.tokenizer.decode(ids[-1:]).strip() != str(number):
            raise MmrankError(f"the number {number} is not one token of this model; leave out the stage choice")
        return int(ids[-1])
