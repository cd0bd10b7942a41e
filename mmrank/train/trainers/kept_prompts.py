"""Prompts that are read once by a base model, for adapters that act on their last tokens only.

Such an adapter leaves what the base model makes of all tokens before as it is (activated LoRA, Greenewald et al. 2025),
so keys and values of these tokens are computed once per prompt, and every fold, epoch and way of training pays for the
last tokens alone. What the prompts of a question begin with is read once for all of them.
"""

from __future__ import annotations

import copy
import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache

from mmrank.errors import InputError

TOGETHER = 6
"""Prompts that are read together, at most."""
ALIKE = 24
"""Tokens that prompts have in common at their beginning, at least, to be read together."""
_KEY, _COUNT = 16, 8
_SUFFIX = ".states"


class KeptSettings(BaseModel):
    """The setting `kept:` of `reader`: prompts are read once, and the adapter acts on their last tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int = Field(1, ge=1, description="at the end of a prompt, on which the adapter acts")
    layers: int = Field(12, ge=1, description="up to the last one, which are adapted")
    folder: Path | None = Field(
        None, description="of what is kept; runs at the same time may share it. None: in the folder of the run"
    )


class States:
    """Rows of numbers by prompt, in the files of a folder: each process appends to its own, and finds those of others.

    Args:
        folder: made where it is missing.
        whose: names what made the rows; others are not looked at.
        dtype: of the numbers.
    """

    def __init__(self, folder: Path, whose: str, dtype: torch.dtype) -> None:
        self._folder, self._whose, self._dtype = folder, whose, dtype
        self._seen: dict[Path, int] = {}
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / f"{whose}-{os.getpid()}-{time.time_ns()}{_SUFFIX}"

    def find(self, ids: Sequence[int]) -> Tensor | None:
        """The numbers of a prompt in one row, or None where no process has read it."""
        key = _key(ids)
        if key not in self._places:
            self._look()
        if (place := self._places.get(key)) is None:
            return None
        path, begin, size = place
        with path.open("rb") as file:
            file.seek(begin)
            return torch.frombuffer(bytearray(file.read(size)), dtype=self._dtype)

    def keep(self, ids: Sequence[int], numbers: Tensor) -> None:
        """Keep the numbers of a prompt."""
        held = numbers.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        with self._own.open("ab") as file:
            file.write(_key(ids) + len(held).to_bytes(_COUNT, "little") + held)

    def _look(self) -> None:
        """Learn what was appended since the last look; a record that is not whole yet waits."""
        for path in self._folder.glob(f"{self._whose}-*{_SUFFIX}"):
            size, at = path.stat().st_size, self._seen.get(path, 0)
            with path.open("rb") as file:
                while at + _KEY + _COUNT <= size:
                    file.seek(at)
                    key, count = file.read(_KEY), int.from_bytes(file.read(_COUNT), "little")
                    begin = at + _KEY + _COUNT
                    if begin + count > size:
                        break
                    self._places[key] = (path, begin, count)
                    at = begin + count
            self._seen[path] = at


class ReadOnce:
    """A causal language model whose adapter acts on the last tokens of a prompt.

    Args:
        model: with or without an adapter; its weights are used, not copied.
        settings: which layers are adapted, and on how many tokens.
        folder: of what is kept.

    Raises:
        InputError: when the model has no more than so many layers, or none that can be told.
    """

    def __init__(self, model: Any, settings: KeptSettings, folder: Path) -> None:
        causal = model.get_base_model() if hasattr(model, "peft_config") else model
        frozen = frozen_layers(causal, settings)
        layers = causal.model.layers
        above = _with_layers(causal.model, slice(frozen, len(layers)))
        self._parts = model, causal, above
        self._frozen, self._last = frozen, settings.tokens
        weight = next(iter(layers[-1].parameters()))
        self._dtype, self._device = weight.dtype, weight.device
        text = causal.config.get_text_config()
        self._heads = text.num_key_value_heads
        self._each = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        self._hidden = text.hidden_size
        whose = hashlib.blake2b(f"{frozen} {self._last} {weight.dtype}".encode(), digest_size=8)
        whose.update(causal.get_input_embeddings().weight[:64].detach().cpu().contiguous().view(torch.uint8).numpy())
        self._states = States(folder, whose.hexdigest(), self._dtype)
        self.seconds, self.tokens = 0.0, 0

    def logits(self, input_ids: Tensor, attention_mask: Tensor, labels: Sequence[int]) -> Tensor:
        """(prompts, labels) in float32: logits of these tokens after each prompt.

        Args:
            input_ids: (prompts, tokens), padded on the left.
            attention_mask: (prompts, tokens).
            labels: tokens; only their rows of the head are computed.
        """
        prompts = [ids[mask.bool()].tolist() for ids, mask in zip(input_ids, attention_mask, strict=True)]
        read = self._read(prompts)
        size = max(map(len, prompts))
        keys, values, hidden = zip(*(self._apart(numbers, size) for numbers in read), strict=True)
        past, layers = DynamicCache(), len(self._parts[1].model.layers)
        length = torch.zeros(len(prompts), 1, size - self._last, 1, dtype=self._dtype, device=self._device)
        for layer in range(layers):  # of the layers below only the length matters
            pair = [length, length]
            if layer >= self._frozen:
                pair = [torch.stack([one[layer - self._frozen] for one in each]) for each in (keys, values)]
            past.update(*pair, layer)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=self._device)
        places = lengths[:, None] - self._last + torch.arange(self._last, device=self._device)
        mask = torch.arange(size, device=self._device) >= size - lengths[:, None]
        made = self._parts[2](
            inputs_embeds=torch.stack(hidden),
            attention_mask=mask.long(),
            position_ids=places,
            past_key_values=past,
            use_cache=True,
        )
        head = self._parts[1].get_output_embeddings()
        bias = None if head.bias is None else head.bias[labels].float()
        return F.linear(made.last_hidden_state[:, -1].float(), head.weight[labels].float(), bias)

    def _apart(self, numbers: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values (layers, heads, tokens, width), padded on the left, and states of the last tokens."""
        cut = self._last * self._hidden
        hidden = numbers[:cut].view(self._last, self._hidden).to(self._device)
        both = numbers[cut:].view(2, -1, self._heads, numbers[cut:].numel() // self._per_token(), self._each)
        padded = F.pad(both, (0, 0, size - self._last - both.shape[3], 0)).to(self._device)
        return padded[0], padded[1], hidden

    def _per_token(self) -> int:
        return 2 * (len(self._parts[1].model.layers) - self._frozen) * self._heads * self._each

    @torch.no_grad()
    def _read(self, prompts: Sequence[Sequence[int]]) -> list[Tensor]:
        found = [self._states.find(prompt) for prompt in prompts]
        missing = sorted((at for at, one in enumerate(found) if one is None), key=lambda at: list(prompts[at]))
        begun = time.perf_counter()
        while missing:
            some = [missing.pop()]
            while missing and len(some) < TOGETHER and _alike([prompts[some[0]], prompts[missing[-1]]]) >= ALIKE:
                some.append(missing.pop())
            for at, numbers in zip(some, self._of_base([prompts[at] for at in some]), strict=True):
                self._states.keep(prompts[at], numbers)
                found[at] = numbers
            self.seconds += time.perf_counter() - begun
            begun = time.perf_counter()
        return [numbers for numbers in found if numbers is not None]

    def _of_base(self, prompts: Sequence[Sequence[int]]) -> list[Tensor]:
        """What is kept of each prompt: states of its last tokens, then keys and values of all before."""
        model, causal, _ = self._parts
        shared = _alike([prompt[: -self._last] for prompt in prompts]) if len(prompts) > 1 else 0
        own = [list(prompt[shared:]) for prompt in prompts]
        size = max(map(len, own))
        ids = torch.tensor([[0] * (size - len(each)) + each for each in own], device=self._device)
        mask = torch.tensor([[1] * shared + [0] * (size - len(p)) + [1] * len(p) for p in own], device=self._device)
        places = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
        taken: list[Tensor] = []
        cache = DynamicCache()
        with model.disable_adapter() if hasattr(model, "peft_config") else nullcontext():
            if shared:
                first = torch.tensor([list(prompts[0][:shared])], device=self._device)
                causal.model(input_ids=first, past_key_values=cache, use_cache=True)
                cache.batch_repeat_interleave(len(prompts))
            hook = causal.model.layers[self._frozen].register_forward_pre_hook(
                lambda _, given, named: taken.append(given[0] if given else named["hidden_states"]), with_kwargs=True
            )
            causal.model(input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True)
            hook.remove()
        self.tokens += shared + sum(map(len, own))
        made = []
        for row, each in enumerate(own):
            held = [*range(shared), *range(shared + size - len(each), shared + size - self._last)]
            upper = cache.layers[self._frozen :]
            pairs = [torch.stack([getattr(one, kind)[row][:, held] for one in upper]) for kind in ("keys", "values")]
            made.append(torch.cat([taken[0][row, -self._last :].flatten(), *(pair.flatten() for pair in pairs)]))
        return [numbers.to("cpu", self._dtype) for numbers in made]


def frozen_layers(causal: Any, settings: KeptSettings) -> int:
    """How many layers from the first are not adapted.

    Raises:
        InputError: when that cannot be told, or the model has fewer layers than are to be adapted.
    """
    layers = getattr(getattr(causal, "model", None), "layers", None)
    if not isinstance(layers, nn.ModuleList) or settings.layers > len(layers):
        count = f"has {len(layers)}" if isinstance(layers, nn.ModuleList) else "has no list of layers"
        raise InputError(f"kept.layers: {settings.layers} cannot be adapted, the model {count}")
    return len(layers) - settings.layers


def _with_layers(body: Any, which: slice) -> Any:
    """A transformer's body with a part of its layers."""
    layers = body.layers[which]
    made = _with_children(body, layers=layers)
    made.config = copy.deepcopy(body.config)
    made.config.num_hidden_layers = len(layers)
    if getattr(made.config, "layer_types", None) is not None:
        made.config.layer_types = body.config.layer_types[which]
    return made


def _with_children(module: Any, **children: nn.Module) -> Any:
    """The module with other children; weights are shared."""
    made = copy.copy(module)
    made._modules = {**module._modules, **children}
    return made


def _alike(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens prompts have in common at their beginning."""
    return sum(takewhile(bool, (len(set(each)) == 1 for each in zip(*prompts, strict=False))))


def _key(ids: Sequence[int]) -> bytes:
    return hashlib.blake2b(str(list(ids)).encode(), digest_size=_KEY).digest()
