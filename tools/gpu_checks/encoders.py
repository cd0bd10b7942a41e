"""Every kind of encoder gives the vectors that it gives on the processor in float32."""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gpu_checks.made import Figures, least_cosine, mixed_passages, require, saved, text_passages
from mmrank.types import Query

QUERIES = [Query("which country sells the most steel"), Query("revenue of the second quarter"), Query("offices")]
ENOUGH = 0.999


def same_as_on_cpu(source: str, passages: Any, device: str, **limits: Any) -> Figures:
    """Least cosine of passages and of queries, in float32 and in the device's own precision."""
    from mmrank.encoders import load_encoder

    there = load_encoder(source, device="cpu", dtype="float32", **limits)
    expected, asked = there.encode_passages(passages), there.encode_queries(QUERIES)
    figures: Figures = {}
    for dtype in ("float32", None):
        here = load_encoder(source, device=device, dtype=dtype, **limits)
        name = here.info.dtype
        figures[f"passages {name}"] = least_cosine(here.encode_passages(passages), expected)
        figures[f"queries {name}"] = least_cosine(here.encode_queries(QUERIES), asked)
    require(min(figures.values()) >= ENOUGH, f"a cosine is below {ENOUGH}", figures)
    return figures


def minilm(name: str, device: str) -> Figures:
    """The embedded MiniLM."""
    return same_as_on_cpu(name, text_passages(64), device)


def sentence_transformer(device: str) -> Figures:
    """A text encoder that sentence-transformers loads."""
    from mmrank.encoders.minilm_weights import embedded_folder

    return same_as_on_cpu(str(embedded_folder()), text_passages(64), device)


def text_tokens(device: str) -> Figures:
    """A text encoder with one vector per token."""
    from sentence_transformers import MultiVectorEncoder

    from mmrank.encoders.minilm_weights import embedded_folder

    folder = Path(tempfile.mkdtemp(prefix="mmrank-gpu-check-")) / "colbert"
    MultiVectorEncoder(str(embedded_folder()), device="cpu").save(str(folder))
    return same_as_on_cpu(str(folder), text_passages(64), device)


def vision(family: str, device: str) -> Figures:
    """A vision-language encoder of a real class, shrunk: texts, pictures and both."""
    return same_as_on_cpu(str(saved(family)), mixed_passages(16), device, max_tokens=200, max_pixels=3136)


def speed(device: str) -> Figures:
    """Passages per second of the embedded MiniLM and of sentence-transformers, in turns."""
    from sentence_transformers import SentenceTransformer

    from mmrank.encoders import passage_text
    from mmrank.encoders.minilm import MiniLM
    from mmrank.encoders.minilm_weights import embedded_folder

    gpu = device != "cpu"
    passages = text_passages(8192 if gpu else 48)
    texts = [passage_text(one) for one in passages]
    ours = MiniLM(device=device)
    theirs = SentenceTransformer(str(embedded_folder()), device=device)
    half = SentenceTransformer(str(embedded_folder()), device=device, model_kwargs={"dtype": ours.info.dtype})
    runs = {
        "mmrank": partial(ours.encode_passages, passages),
        "sentence-transformers": partial(theirs.encode, texts, normalize_embeddings=True, show_progress_bar=False),
        f"sentence-transformers {ours.info.dtype}, batch 256": partial(
            half.encode, texts, normalize_embeddings=True, batch_size=256, show_progress_bar=False
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    vectors = {}
    for turn in range(4 if gpu else 2):
        for name, run in runs.items():
            start = time.perf_counter()
            vectors[name] = np.asarray(run(), np.float32)
            if turn:
                rates[name].append(len(passages) / (time.perf_counter() - start))
    figures: Figures = {f"{name} passages/s": round(statistics.median(found), 1) for name, found in rates.items()}
    figures["dtype"] = ours.info.dtype
    figures["cosine"] = least_cosine(vectors["mmrank"], vectors["sentence-transformers"])
    require(figures["cosine"] >= ENOUGH, f"a cosine is below {ENOUGH}", figures)
    return figures


CHECKS = {
    "qwen2_vl": partial(vision, "qwen2_vl"),
    "qwen2_5_vl": partial(vision, "qwen2_5_vl"),
    "qwen3_vl": partial(vision, "qwen3_vl"),
    "smolvlm": partial(vision, "smolvlm"),
    "colqwen2": partial(vision, "colqwen2"),
    "minilm": partial(minilm, "minilm"),
    "minilm-tokens": partial(minilm, "minilm-tokens"),
    "text": sentence_transformer,
    "text-tokens": text_tokens,
    "speed": speed,
}
