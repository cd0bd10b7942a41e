"""The loss of imitation."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("trl")


def test_the_loss_of_answers_is_that_of_all_logits() -> None:
    from mmrank.train.trainers.imitation import Decisions, answer_loss
    from mmrank.train.trainers.language_models import load_causal

    model, tokenizer = load_causal("tiny", ["one two three four five six"])
    texts = ["one two three four five six", "six five four three two one"]
    ids = torch.tensor([tokenizer.encode(text) for text in texts])
    labels = ids.clone()
    labels[0, :3] = -100
    labels[1, :1] = -100
    labels[1, -2:] = -100
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    whole = model(**inputs).loss
    assert torch.allclose(answer_loss(model, inputs), whole, atol=1e-5)
    assert torch.allclose(answer_loss(model, inputs, 2 * (labels[:, 1:] != -100).sum()), whole / 2, atol=1e-5)
    logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    each = logits.gather(-1, ids[:, 1:, None])[..., 0]
    one, two, three, _, five, _ = ids[0].tolist()
    decisions = Decisions([[two, three], [five], [one]], 5.0)  # the last opening stands where no answer is, or ends one
    heavy = answer_loss(model, inputs, 1, decisions) - answer_loss(model, inputs, 1)
    # Of the first answer (four five six) what follows "two three" and "five"; of the second what follows "five".
    assert torch.allclose(heavy, -4 * (each[0, 2] + each[0, 4] + each[1, 1]), atol=1e-4)
