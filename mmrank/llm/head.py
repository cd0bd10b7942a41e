"""Logits and log-probabilities of given tokens, without computing those of all others where that is expensive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@torch.inference_mode()
def label_logits(model: Any, columns: list[int], **inputs: Any) -> NDArray[np.float32]:
    """Next-token logits of some tokens, multiplied out in float32 from the last hidden state.

    In bfloat16 logits about 27 lie 1/8 apart, so that the best candidates tie; the hidden states do not.

    Args:
        model: a model of transformers with a language head.
        columns: token ids.
        inputs: of the forward pass; the last position is the one that counts.

    Returns:
        (batch, columns).
    """
    head = model.get_output_embeddings()
    seen: list[torch.Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, given: seen.append(given[0][:, -1]))
    try:
        logits = model(**inputs, logits_to_keep=1).logits[:, -1]  # (batch, vocabulary)
    finally:
        handle.remove()
    config = model.config.get_text_config()
    changed = getattr(config, "final_logit_softcapping", None) or getattr(config, "logits_scaling", 1.0) != 1.0
    if changed:  # what the model does after its head is its own
        return logits[:, columns].float().cpu().numpy()
    exact = seen[-1].float() @ head.weight[columns].float().T
    if head.bias is not None:
        exact = exact + head.bias[columns].float()
    return exact.cpu().numpy()


@torch.inference_mode()
def answer_log_likelihoods(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, counts: Sequence[int]
) -> NDArray[np.float32]:
    """Summed log-probabilities of the last tokens of each row; logits in the model's precision, the rest in float32.

    The head runs over the positions before those tokens alone: over whole prompts it costs as much as the model.

    Args:
        model: a model of transformers with a language head.
        ids: (batch, tokens), padded on the left.
        mask: (batch, tokens), 0 at padding.
        counts: (batch,), how many last tokens of each row are asked for; at least one.

    Returns:
        (batch,).
    """
    device = model.device
    longest = max(counts)
    logits = model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0).to(device),
        logits_to_keep=longest + 1,
        use_cache=False,
    ).logits[:, :-1]  # (batch, longest, vocabulary)
    wanted = ids[:, -longest:].to(device)
    log_probabilities = logits.float().log_softmax(-1).gather(-1, wanted[..., None])[..., 0]  # (batch, longest)
    places = torch.arange(longest, device=device)
    asked = places[None] >= longest - torch.tensor(counts, device=device)[:, None]
    return log_probabilities.masked_fill(~asked, 0.0).sum(-1).cpu().numpy()
