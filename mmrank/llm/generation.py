"""Decoding with transformers: sampling, stop texts, forms and reuse of a prompt's beginning."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from mmrank.llm.prefix import PrefixCache
from mmrank.llm.protocol import Answer, Sampling
from mmrank.llm.stops import cut_at
from mmrank.llm.token_mask import TokenMask


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Ids that end an answer."""
    ids = model.generation_config.eos_token_id if model.generation_config is not None else None
    found = [ids] if isinstance(ids, int) else list(ids or ())
    return list(dict.fromkeys([*found, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])]))


class Decoding:
    """Runs `generate` of one model."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._ends = end_tokens(model, tokenizer)

    @cached_property
    def _pieces(self) -> list[str]:
        special = set(self._tokenizer.all_special_ids)
        size = len(self._tokenizer)
        texts = self._tokenizer.batch_decode([[i] for i in range(size)])
        return ["" if i in special or "\ufffd" in text else text for i, text in enumerate(texts)]

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    @torch.inference_mode()
    def run(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        sampling: Sampling,
        samples: int,
        prefixes: PrefixCache | None,
        extra: dict[str, Any] | None = None,
    ) -> list[tuple[Answer, ...]]:
        """Answer prompts.

        Args:
            ids: (prompts, tokens), left-padded.
            mask: (prompts, tokens), 0 on padding; None where nothing is padded.
            sampling: how answers are generated.
            samples: answers per prompt.
            prefixes: used and refilled for a single prompt; None to use none.
            extra: further inputs of the model (pictures).
        """
        device = self._model.device
        mask = torch.ones_like(ids) if mask is None else mask
        width = ids.shape[1]
        cache = prefixes.take(ids[0].tolist())[0] if prefixes is not None else None
        # Tiny models made from a config may have no generation config of their own, so everything is set here.
        draws = (
            {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
            if sampling.temperature > 0
            else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        )
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(sampling.seed)
            out = self._model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=sampling.max_tokens,
                num_return_sequences=samples,
                repetition_penalty=1.0,
                eos_token_id=self._ends,
                pad_token_id=self._ends[0],
                past_key_values=cache,
                logits_processor=self._processors(sampling, width),
                stopping_criteria=self._stoppers(sampling, width),
                return_dict_in_generate=True,
                **draws,
                **(extra or {}),
            )
        if prefixes is not None:
            prefixes.keep(out.sequences[0].tolist(), out.past_key_values)
        found = [
            self._answer(row.tolist(), sampling, int(mask[i // samples].sum()))
            for i, row in enumerate(out.sequences[:, width:])
        ]
        return [tuple(found[i : i + samples]) for i in range(0, len(found), samples)]

    def _answer(self, ids: list[int], sampling: Sampling, prompt_tokens: int) -> Answer:
        ended = next((at for at, token in enumerate(ids) if token in self._ends), None)
        text, stopped = cut_at(self._text(ids[:ended]), sampling.stop)
        whole = sampling.form is not None and sampling.form.is_complete(text)
        count = len(ids) if ended is None else ended + 1
        return Answer(text, stopped or whole or ended is not None, prompt_tokens, count)

    def _processors(self, sampling: Sampling, width: int) -> Any:
        from transformers import LogitsProcessor, LogitsProcessorList

        if sampling.form is None:
            return LogitsProcessorList()
        allowed = TokenMask(sampling.form, self._pieces, self._ends, self._text).allowed
        ends = set(self._ends)

        class Held(LogitsProcessor):
            def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
                masked = torch.full_like(scores, -torch.inf)
                for row, written in enumerate(input_ids[:, width:].tolist()):
                    free = sorted(ends) if ends.intersection(written) else allowed(written)
                    columns = torch.as_tensor(free, device=scores.device)
                    masked[row, columns] = scores[row, columns]
                return masked  # type: ignore[return-value]

        return LogitsProcessorList([Held()])

    def _stoppers(self, sampling: Sampling, width: int) -> Any:
        from transformers import StoppingCriteria, StoppingCriteriaList

        stops, text_of = sampling.stop, self._text
        if not stops:
            return StoppingCriteriaList()
        reach = max(map(len, stops)) + 8  # a token writes at least one byte

        class Stopped(StoppingCriteria):
            def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: object) -> torch.BoolTensor:
                tails = (text_of(row[-reach:]) for row in input_ids[:, width:].tolist())
                done = [any(stop in tail for stop in stops) for tail in tails]
                return torch.tensor(done, device=input_ids.device)  # type: ignore[return-value]

        return StoppingCriteriaList([Stopped()])
