"""How fast the embedded encoder is beside sentence-transformers in float32: same texts, same threads, same run.

    python benchmarks/encode.py [--threads N] [--passages N] [--openvino]

The texts are the documentation strings of Python's own library, cut to passages of 40 to 160 words. Both encoders
take turns on blocks of them, so that whatever else the machine does slows both. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from mmrank.encoders import passage_text
from mmrank.encoders.minilm import MiniLM
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.types import Part, PartKind, Passage, Query

QUESTIONS = (
    "What was the operating margin in the third quarter of 2024?",
    "Which figure shows how retrieval quality depends on the number of passages?",
    "How do I reset the device to its factory settings?",
)
Encode = Callable[[Sequence[Passage]], np.ndarray]
BLOCK = 128


MODULES = (
    "argparse asyncio collections datetime decimal difflib email inspect logging mailbox os pathlib pickle pydoc "
    "random re shutil socket statistics string subprocess tarfile threading turtle typing unittest"
)


def library_words() -> list[str]:
    """The words of the documentation of Python's library."""
    words: list[str] = []
    for module in map(importlib.import_module, MODULES.split()):
        for thing in [module, *vars(module).values()]:
            parts = vars(thing).values() if isinstance(thing, type) else ()
            for documented in (thing, *parts):
                text = getattr(documented, "__doc__", None)
                words += text.split() if isinstance(text, str) else []
    return words


def make_passages(count: int) -> list[Passage]:
    """Passages of 40 to 160 words."""
    chance, words = random.Random(0), library_words()
    passages = []
    for position in range(count):
        size = chance.randint(40, 160)
        start = chance.randrange(len(words) - size)
        part = Part(PartKind.TEXT, " ".join(words[start : start + size]), ())
        passages.append(Passage(f"d/{position}", "d", position, 0, (part,), (), ()))
    return passages


def sentence_transformers() -> Encode:
    """The alternative, as its documentation shows it."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedded_folder()), device="cpu")
    return lambda passages: model.encode([passage_text(one) for one in passages], normalize_embeddings=True)


def openvino(precision: str, threads: int) -> Encode:
    """The same network compiled by OpenVINO, with our batches."""
    import openvino as ov
    from transformers import AutoModel

    from mmrank.encoders.batches import batched_by_length

    model = AutoModel.from_pretrained(str(embedded_folder()), attn_implementation="eager").eval()
    example = {"input_ids": torch.ones(2, 16, dtype=torch.long), "attention_mask": torch.ones(2, 16, dtype=torch.long)}
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    compiled = ov.Core().compile_model(ov.convert_model(model, example_input=example), "CPU", settings)
    tokens = MiniLM(device="cpu")

    def encode(passages: Sequence[Passage]) -> np.ndarray:
        rows = [tokens.passage_tokens(one) for one in passages]
        vectors = np.empty((len(rows), 384), np.float32)
        for chosen in batched_by_length(list(map(len, rows)), 4096):
            longest = max(len(rows[row]) for row in chosen)
            ids = np.array([rows[row] + [0] * (longest - len(rows[row])) for row in chosen])
            mask = (np.arange(longest) < np.array([[len(rows[row])] for row in chosen])).astype(np.int64)
            states = compiled({"input_ids": ids, "attention_mask": mask})[0] * mask[..., None]
            vectors[chosen] = states.sum(1) / np.linalg.norm(states.sum(1), axis=1, keepdims=True)
        return vectors

    return encode


COLD = {
    "mmrank": (
        "from mmrank.encoders import load_encoder\nfrom mmrank.types import Query\n"
        "load_encoder('minilm', device='cpu').encode_queries([Query('first question')])"
    ),
    "sentence_transformers": (
        "from sentence_transformers import SentenceTransformer\n"
        "SentenceTransformer({folder!r}, device='cpu').encode(['first question'])"
    ),
}


def cold_start(program: str) -> float:
    """Seconds from starting Python to the first query's vector; the better of two."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--passages", type=int, default=512)
    parser.add_argument("--openvino", action="store_true", help="measure OpenVINO too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    passages = make_passages(arguments.passages)
    embedded = MiniLM(device="cpu")
    ways: dict[str, Encode] = {
        "mmrank": embedded.encode_passages,
        "sentence_transformers_fp32": sentence_transformers(),
    }
    if embedded.info.dtype != "float32":
        ways["mmrank_fp32"] = MiniLM(device="cpu", dtype="float32").encode_passages
    if arguments.openvino:
        ways |= {f"openvino_{precision}": openvino(precision, arguments.threads) for precision in ("f32", "bf16")}

    seconds = dict.fromkeys(ways, 0.0)
    vectors: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for encode in ways.values():
        encode(passages[:16])
    for start in range(0, len(passages), BLOCK):
        for name, encode in ways.items():
            started = time.perf_counter()
            vectors[name].append(encode(passages[start : start + BLOCK]))
            seconds[name] += time.perf_counter() - started
    exact = np.concatenate(vectors["sentence_transformers_fp32"])
    length = statistics.mean(len(embedded.passage_tokens(one)) for one in passages)
    print(f"{len(passages)} passages of {length:.0f} tokens, {arguments.threads} threads, {embedded.info.dtype}")
    for name in ways:
        cosine = (np.concatenate(vectors[name]) * exact).sum(1)
        print(
            f"{name:28} {len(passages) / seconds[name]:7.1f} passages/s   cosine to float32 at least {cosine.min():.5f}"
        )

    waits = []
    for number in range(60):
        started = time.perf_counter()
        embedded.encode_queries([Query(QUESTIONS[number % len(QUESTIONS)])])
        waits.append(time.perf_counter() - started)
    print(f"one query, warm: median {statistics.median(waits) * 1e3:.1f} ms, best {min(waits) * 1e3:.1f} ms")
    cold = {name: cold_start(program.format(folder=str(embedded_folder()))) for name, program in COLD.items()}
    print("first query from a cold start: " + ", ".join(f"{name} {took:.1f} s" for name, took in cold.items()))

    reference = seconds["sentence_transformers_fp32"]
    ratios = {"vs_sentence_transformers_fp32": reference / seconds["mmrank"]}
    ratios["cold_start_vs_sentence_transformers"] = cold["sentence_transformers"] / cold["mmrank"]
    for name in ways.keys() - {"mmrank", "sentence_transformers_fp32"}:
        ratios[f"{name}_vs_sentence_transformers_fp32"] = reference / seconds[name]
    print(json.dumps({"benchmark": "encode", "ratios": {name: round(value, 2) for name, value in ratios.items()}}))


if __name__ == "__main__":
    main()
