"""What a page costs a vision-language model of real size on a GPU: time and memory, with random weights.

    python benchmarks/vision_sizes.py                 Qwen2.5-VL at the sizes of 7B and 3B, in bfloat16
    python benchmarks/vision_sizes.py --device cpu    the same steps with a tiny model, to try the script

Nothing is downloaded: a model is built from its configuration, and pictures and words are noise, so time and memory
are real and answers are not. A page is 1,280 picture tokens. Prints one JSON line per measurement, with the peak of the
GPU's memory, and a last one with the ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

SIZES: dict[str, dict[str, int]] = {
    "7B": {"hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4}
    | {"intermediate_size": 18944, "vocab_size": 152064},
    "3B": {"hidden_size": 2048, "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2}
    | {"intermediate_size": 11008, "vocab_size": 151936},
}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2} | {
    "intermediate_size": 128,
    "vocab_size": 512,
}
QUESTION = 200
"""Tokens of words in a prompt."""


class Model:
    """Qwen2.5-VL with random weights.

    Args:
        size: one of `SIZES`.
        device: "cuda" builds that size in bfloat16, "cpu" a tiny model in float32.
    """

    def __init__(self, size: str, device: str) -> None:
        from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

        self.size, self.device, self.tiny = size, device, device == "cpu"
        self.dtype = torch.float32 if self.tiny else torch.bfloat16
        text = TINY if self.tiny else SIZES[size]
        half = text["hidden_size"] // text["num_attention_heads"] // 2
        first = half // 4 if half == 64 else half - 2 * (half // 3)
        sections = [first, (half - first) // 2, (half - first) // 2]
        rope = {"rope_type": "default", "mrope_section": sections, "rope_theta": 1e6}
        vision = {"patch_size": 14, "spatial_merge_size": 2, "window_size": 112, "out_hidden_size": text["hidden_size"]}
        vision |= (
            {"depth": 2, "hidden_size": 64, "intermediate_size": 96, "num_heads": 4, "fullatt_block_indexes": [1]}
            if self.tiny
            else {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
            | {"fullatt_block_indexes": [7, 15, 23, 31]}
        )
        self.image, begin, end = (7, 8, 9) if self.tiny else (151655, 151652, 151653)
        self.frame = (begin, end)
        config = Qwen2_5_VLConfig(
            text_config={**text, "max_position_embeddings": 128_000, "rope_parameters": rope},
            vision_config=vision,
            image_token_id=self.image,
            vision_start_token_id=begin,
            vision_end_token_id=end,
            tie_word_embeddings=size == "3B",
        )
        config._attn_implementation = "sdpa"
        before = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with torch.device(device):
                self.network: Any = Qwen2_5_VLForConditionalGeneration(config).eval()
        finally:
            torch.set_default_dtype(before)

    def prompts(self, rows: int, pages: int, words: int) -> dict[str, torch.Tensor]:
        """Inputs of `rows` prompts, each with `pages` pictures and then words."""
        high, wide = (8, 8) if self.tiny else (64, 80)
        begin, end = self.frame
        row = [begin, *[self.image] * (high * wide // 4), end] * pages + torch.randint(20, 500, (words,)).tolist()
        ids = torch.tensor([row] * rows, device=self.device)
        patches = torch.randn(rows * pages * high * wide, 3 * 2 * 14 * 14, device=self.device, dtype=self.dtype)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": patches,
            "image_grid_thw": torch.tensor([[1, high, wide]] * (rows * pages), device=self.device),
            "mm_token_type_ids": (ids == self.image).long(),
        }

    def seconds(self, call: Callable[[], object], times: int = 2) -> float:
        """Of one call, the mean after one that is not counted."""
        call()
        self._wait()
        if not self.tiny:
            torch.cuda.reset_peak_memory_stats()
        begun = time.perf_counter()
        for _ in range(times):
            call()
        self._wait()
        return (time.perf_counter() - begun) / times

    def _wait(self) -> None:
        if not self.tiny:
            torch.cuda.synchronize()

    def say(self, what: str, **figures: float) -> dict[str, float]:
        """Print one measurement."""
        if not self.tiny:
            figures["peak GiB"] = torch.cuda.max_memory_allocated() / 2**30
        rounded = {name: round(value, 3) for name, value in figures.items()}
        print(json.dumps({"model": self.size, "measured": what, **rounded}), flush=True)
        return rounded


@contextmanager
def _apart(model: Model) -> Iterator[None]:
    """A measurement that does not fit says so, and the next one finds the memory free."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        print(json.dumps({"model": model.size, "failed": str(error)[:200]}), flush=True)
    gc.collect()
    if not model.tiny:
        torch.cuda.empty_cache()


def look(model: Model, rows: int) -> float:
    """Score pages one per prompt: milliseconds per page."""
    inputs = model.prompts(rows, 1, 100)
    with torch.inference_mode():
        spent = model.seconds(lambda: model.network(**inputs, logits_to_keep=1))
    figures = {"rows": rows, "tokens": inputs["input_ids"].shape[1], "ms per page": 1000 * spent / rows}
    return model.say("forward, one page per prompt", **figures)["ms per page"]


def see(model: Model, rows: int) -> None:
    """The part of the model that turns pictures into tokens, alone."""
    inputs = model.prompts(rows, 1, 1)
    with torch.inference_mode():
        spent = model.seconds(lambda: model.network.model.visual(inputs["pixel_values"], inputs["image_grid_thw"]))
    model.say("pictures into tokens", rows=rows, **{"ms per page": 1000 * spent / rows})


def read_together(model: Model, pages: int) -> None:
    """Read several pages in one prompt, before the first token is written."""
    inputs = model.prompts(1, pages, QUESTION)
    with torch.inference_mode():
        spent = model.seconds(lambda: model.network(**inputs, logits_to_keep=1))
    model.say("prompt of several pages", pages=pages, tokens=inputs["input_ids"].shape[1], seconds=spent)


def write(model: Model, rows: int, tokens: int) -> None:
    """Write answers about five pages with transformers' own loop: tokens per second of all rows."""
    inputs = model.prompts(rows, 5, QUESTION)

    def generate(count: int) -> None:
        with torch.inference_mode():
            model.network.generate(
                **inputs, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0
            )

    first = model.seconds(lambda: generate(1), 1)
    spent = model.seconds(lambda: generate(tokens + 1), 1)
    model.say("writing", rows=rows, **{"tokens/s": rows * tokens / (spent - first), "seconds to first": first})


def train(model: Model, rank: int, rows: int, answer: int) -> None:
    """One optimiser step of LoRA on five pages per prompt, activations checkpointed."""
    from peft import LoraConfig, get_peft_model

    names = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    adapted: Any = get_peft_model(model.network, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names))
    adapted.train()
    model.network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.network.enable_input_require_grads()
    weights = [weight for weight in adapted.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-5)
    inputs = model.prompts(rows, 5, QUESTION + answer)
    labels = inputs["input_ids"].clone()
    labels[:, :-answer] = -100

    def step() -> None:
        adapted(**inputs, labels=labels, use_cache=False).loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    spent = model.seconds(step)
    figures = {"rank": rank, "rows": rows, "tokens": inputs["input_ids"].shape[1], "seconds": spent}
    figures |= {"trainable millions": sum(weight.numel() for weight in weights) / 1e6}
    model.say("LoRA step", **figures, **{"tokens/s": inputs["input_ids"].numel() / spent})
    adapted.unload()
    model.network.gradient_checkpointing_disable()
    model.network.eval()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    arguments = parser.parse_args()
    ratios: dict[str, float] = {}
    for size in arguments.sizes:
        model = Model(size, arguments.device)
        model.say("built", **{"billion parameters": sum(one.numel() for one in model.network.parameters()) / 1e9})
        each = []
        for rows in (1, 8):
            with _apart(model):
                each.append(look(model, rows))
            with _apart(model):
                see(model, rows)
        if len(each) == 2:
            ratios[f"one_over_eight_per_page_{size}"] = round(each[0] / each[1], 3)
        for pages in (5, 10, 20):
            with _apart(model):
                read_together(model, pages)
        for rows in (1, 4):
            with _apart(model):
                write(model, rows, 4 if model.tiny else 64)
        for rank, rows in ((8, 1), (64, 1)):
            with _apart(model):
                train(model, rank, rows, 300)
        del model
        gc.collect()
        if arguments.device == "cuda":
            torch.cuda.empty_cache()
    print(json.dumps({"benchmark": "vision_sizes", "ratios": ratios}))


if __name__ == "__main__":
    main()
