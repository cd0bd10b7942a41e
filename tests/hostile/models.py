"""Small model folders to break: a language model, a text encoder and a cross-encoder, with random weights.

As a program it breaks one in every way and says what was no sentence, was slow, or took much memory:

    python tests/hostile/models.py KIND FOLDER COPY STEP
"""

from __future__ import annotations

import importlib.util
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mmrank import MmrankError, Query
from mmrank.encoders import load_encoder
from mmrank.rerankers import load_reranker
from mmrank.types import Candidate, Part, PartKind

MEMORY = 3 << 30
"""Bytes beyond what the libraries take; a small model needs a few millions."""
SECONDS = 10
WORDS = "cranes fly south in october while hedgehogs sleep all winter yes no 0 1 which passage answers".split()


def tiny_models() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parent.parent / "tiny_models.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.get("tiny_models") or importlib.util.module_from_spec(spec)
    sys.modules["tiny_models"] = module
    spec.loader.exec_module(module)
    return module


def save_language_model(folder: Path) -> Path:
    model, tokenizer = tiny_models().tiny_llama(num_hidden_layers=2, num_attention_heads=4, initializer_range=0.02)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bert_tokenizer() -> Any:
    from transformers import BertTokenizerFast

    return BertTokenizerFast(
        vocab={word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])},
    )


def _bert(labels: int) -> Any:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        num_labels=labels or 2,
    )
    return BertForSequenceClassification(config) if labels else BertModel(config)


def save_cross_encoder(folder: Path) -> Path:
    _bert(1).save_pretrained(folder)
    _bert_tokenizer().save_pretrained(folder)
    return folder


def save_encoder(folder: Path) -> Path:
    """A text encoder of sentence-transformers: transformer, mean, a dense layer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    plain = folder.with_name(folder.name + "-plain")
    _bert(0).save_pretrained(plain)
    _bert_tokenizer().save_pretrained(plain)
    modules = [Transformer(str(plain)), Pooling(32, "mean"), Dense(32, 16)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    return folder


def ask(kind: str, folder: Path, family: str = "pointwise") -> None:
    """Use the model as a search would."""
    texts = ("cranes fly south", "hedgehogs sleep all winter")
    candidates = [Candidate(text, (Part(PartKind.TEXT, text, ()),), 0.0) for text in texts]
    if kind == "encoder":
        load_encoder(str(folder), device="cpu", dtype="float32").encode_queries([Query("which cranes fly")])
        return
    reranker = load_reranker(f"{family}:{folder}" if kind == "language" else f"cross-encoder:{folder}", device="cpu")
    assert len(reranker.rerank(Query("which cranes fly"), candidates).items) == 2


BROKEN: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1e400,
    10**30,
    "",
    "x",
    "\ud800",
    [],
    [[]],
    {},
    {"a": {"a": {}}},
    ["x"] * 9,
)


def broken_files(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Ways to break a folder: each file gone, empty, cut, of other content; each value of each JSON file another."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        whole = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        yield f"{name} gone", path.unlink
        for what, data in {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "bytes": bytes(range(256)) * 4,
            "deep": b"[" * 100_000,
            "deep object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
            "list": b"[]",
            "object": b"{}",
            "null": b"null",
            "digits": b"9" * 10_000,
        }.items():
            yield f"{name} {what}", lambda path=path, data=data: path.write_bytes(data)  # type: ignore[misc]
        if path.suffix == ".safetensors":
            header = int.from_bytes(whole[:8], "little")
            for what, data in {
                "length": b"\xff" * 8 + whole[8:],
                "short": (header - 2).to_bytes(8, "little") + whole[8:],
                "offsets": whole.replace(b'"data_offsets":[0', b'"data_offsets":[9', 1),
                "kind": whole.replace(b'"F32"', b'"F99"', 1),
                "other kind": whole.replace(b'"F32"', b'"I32"', 1),
                "name": whole.replace(b".weight", b".wEight", 1),
                "more": whole + b"0" * 100,
            }.items():
                yield f"{name} {what}", lambda path=path, data=data: path.write_bytes(data)  # type: ignore[misc]
        elif path.suffix == ".json" and isinstance(content := json.loads(whole), dict):
            for key in content:
                for value in BROKEN:
                    written = json.dumps({**content, key: value})
                    yield f"{name} {key} {value!r:.20}", lambda path=path, text=written: path.write_text(text)  # type: ignore[misc]


def fuzz(kind: str, sound: Path, work: Path, step: int) -> None:
    """Break copies of a sound folder and use them."""
    ask(kind, sound)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, -1))
    count = sum(1 for _ in broken_files(sound))
    worked = []
    for at in range(0, count, step):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(sound, work)
        name, harm = next(way for number, way in enumerate(broken_files(work)) if number == at)
        harm()
        begun = time.monotonic()
        try:
            ask(kind, work)
            worked.append(name)
        except MmrankError as error:
            said = str(error)
            if "\n" in said or len(said) > 1200 or str(work) not in said:
                print("SAID", name, repr(said))
        except BaseException as error:
            print("RAISED", name, type(error).__name__, repr(str(error))[:300])
        if time.monotonic() - begun > SECONDS:
            print("SLOW", name, time.monotonic() - begun)
    print(*worked, sep="\n", file=sys.stderr)
    print("DONE", count, len(worked))


if __name__ == "__main__":
    fuzz(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
