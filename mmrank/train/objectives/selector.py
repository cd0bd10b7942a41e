"""Labels and loss of IDCM's selector (Hofstätter et al. 2021), with the LambdaLoss framework (Wang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor


def selection_gains(teacher: Tensor, mask: Tensor, best: int) -> Tensor:
    """Labels for the selector: the `best` highest windows of the teacher get best, best − 1, …, 1; the others get 0.

    Args:
        teacher: (documents, windows) scores of the expensive model.
        mask: (documents, windows) boolean, False for padding.
        best: how many windows the selector will keep.
    """
    order = teacher.float().masked_fill(~mask, float("-inf")).argsort(dim=1, descending=True)
    gains = torch.zeros_like(teacher, dtype=torch.float32)
    count = min(best, teacher.shape[1])
    places = torch.arange(best, best - count, -1, dtype=torch.float32, device=teacher.device)
    gains.scatter_(1, order[:, :count], places.expand(len(gains), count))
    return gains.masked_fill(~mask, 0.0)


def lambda_loss(scores: Tensor, gains: Tensor, mask: Tensor | None = None) -> Tensor:
    """NDCG-loss-2 of the LambdaLoss framework, summed over pairs and lists.

    −Σ_{y_i > y_j} |1/D(d) − 1/D(d+1)| · |G_i − G_j| · log2 σ(s_i − s_j), with d the distance of the two ranks under the
    predicted order, D(r) = log2(1 + r) and G = (2^y − 1) / maxDCG. A list without a positive gain adds nothing.

    Args:
        scores: (lists, items) of the selector.
        gains: (lists, items), 0 or more.
        mask: (lists, items) boolean, False for padding.
    """
    scores, gains = scores.float(), gains.float()
    present = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    ranked, order = scores.masked_fill(~present, float("-inf")).sort(dim=1, descending=True)
    labels = gains.masked_fill(~present, 0.0).gather(1, order)
    present = present.gather(1, order)
    ranked = ranked.masked_fill(~present, 0.0)

    position = torch.arange(1, scores.shape[1] + 1, dtype=torch.float32, device=scores.device)
    discount = (1 + position).log2()
    ideal = labels.sort(dim=1, descending=True).values
    best = ((2**ideal - 1) / discount).sum(dim=1, keepdim=True)
    gain = (2**labels - 1) / best.clamp(min=torch.finfo(torch.float32).tiny)  # (lists, items)

    distance = (position.unsqueeze(0) - position.unsqueeze(1)).abs()  # (items, items)
    step = (1 / (1 + distance.clamp(min=1)).log2() - 1 / (2 + distance.clamp(min=1)).log2()).abs()
    margin = ranked.unsqueeze(2) - ranked.unsqueeze(1)  # (lists, items, items)
    change = (gain.unsqueeze(2) - gain.unsqueeze(1)).abs()
    counted = (labels.unsqueeze(2) > labels.unsqueeze(1)) & present.unsqueeze(2) & present.unsqueeze(1)
    log_odds = torch.nn.functional.logsigmoid(margin) / torch.log(torch.tensor(2.0))
    return -(step * change * log_odds).masked_fill(~counted, 0.0).sum()
