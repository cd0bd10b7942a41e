"""A model's folder runs nothing, reads nothing else, claims nothing it does not hold; a broken one is one sentence."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from models import MEMORY, ask, save_cross_encoder, save_encoder, save_language_model

from mmrank import MmrankError
from mmrank.checkpoint_checks import check_checkpoint
from mmrank.encoders import load_encoder


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "language": save_language_model(folder / "language"),
        "cross": save_cross_encoder(folder / "cross"),
        "encoder": save_encoder(folder / "encoder"),
    }


@pytest.fixture
def copy(sound: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copied(kind: str) -> Path:
        return shutil.copytree(sound[kind], tmp_path / f"copy-of-{kind}", dirs_exist_ok=True)

    return copied


def change(path: Path, **values: object) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **values}))


@pytest.fixture
def bounded() -> Iterator[None]:
    """Whatever asks for far more memory than a tiny model needs fails instead of filling the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("kind", ["language", "cross", "encoder"])
def test_the_sound_folders_work(kind: str, sound: dict[str, Path]) -> None:
    ask(kind, sound[kind])


# Code


SPY = "from pathlib import Path\nPath({!r}).write_text('ran')\n"


def plant(folder: Path, mark: Path) -> None:
    """Code in every place from which a library would run it."""
    classes = "".join(
        f"class Own{name}:\n    pass\n" for name in ("Config", "Model", "Tokenizer", "Processor", "Module")
    )
    (folder / "own.py").write_text(SPY.format(str(mark)) + classes)
    (folder / "__init__.py").write_text(SPY.format(str(mark)))
    heads = ("", "ForCausalLM", "ForSequenceClassification", "ForImageTextToText")
    autos = {f"AutoModel{head}": "own.OwnModel" for head in heads}
    change(folder / "config.json", auto_map={"AutoConfig": "own.OwnConfig", **autos})
    change(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["own.OwnTokenizer", "own.OwnTokenizer"]},
        tokenizer_class="OwnTokenizer",
    )
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).write_text(
            json.dumps(
                {
                    "processor_class": "OwnProcessor",
                    "image_processor_type": "OwnProcessor",
                    "auto_map": {"AutoProcessor": "own.OwnProcessor", "AutoImageProcessor": "own.OwnProcessor"},
                }
            )
        )


USES = {
    "pointwise": "load_reranker('pointwise:{0}', device='cpu')",
    "listwise": "load_reranker('listwise:{0}', device='cpu')",
    "setwise": "load_reranker('setwise:{0}', device='cpu')",
    "likelihood": "load_reranker('likelihood:{0}', device='cpu')",
    "attention": "load_reranker('attention:{0}', device='cpu')",
    "dual-stage": "load_reranker('dual-stage:{0}', device='cpu')",
    "document-cascade": "load_reranker('document-cascade:{0}', device='cpu')",
    "cross-encoder": "load_reranker('cross-encoder:{0}', device='cpu')",
    "late-interaction": "load_reranker('late-interaction:{0}', device='cpu')",
    "encoder": "load_encoder('{0}', device='cpu')",
    "processor": "load_processor('{0}')",
    "base to train": "load_causal('{0}', [])",
    "base that sees": "load_vision('{0}')",
    "teacher": "load_teacher('{0}')",
}

PROGRAM = """
import sys
from mmrank.encoders import load_encoder
from mmrank.processors import load_processor
from mmrank.rerankers import load_reranker
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.teachers import load_teacher
from mmrank.train.trainers.vision_language import load_vision
for use in {uses!r}:
    try:
        eval(use)
    except Exception as error:
        print(type(error).__name__, str(error).replace(chr(10), ' ')[:200])
print('left', len(sys.stdin.read(400)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("model_type", [None, "own"])
def test_no_code_of_a_folder_runs_and_nothing_asks(
    model_type: str | None, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    uses = []
    for kind in ("language", "cross", "encoder"):
        folder = copy(kind)
        plant(folder, tmp_path / "ran")
        if model_type:
            change(folder / "config.json", model_type=model_type, architectures=["OwnModel"])
        uses += [use.format(folder) for use in USES.values()]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(uses=uses)],
        input="y\n" * 200,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
    )
    assert not (tmp_path / "ran").exists()
    assert done.stdout.rstrip().endswith("left 400"), done.stdout + done.stderr
    assert "[y/N]" not in done.stdout + done.stderr


def test_a_module_of_another_library_is_not_loaded(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("encoder")
    (folder / "own.py").write_text(SPY.format(str(tmp_path / "ran")))
    modules = json.loads((folder / "modules.json").read_text())
    for name in ("own.Module", "os.system", "subprocess.Popen"):
        modules[-1]["type"] = name
        (folder / "modules.json").write_text(json.dumps(modules))
        with pytest.raises(MmrankError):
            load_encoder(str(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_of_a_module_are_not_read(copy: Callable[[str], Path]) -> None:
    import torch

    folder = copy("encoder")
    [dense] = folder.glob("2_*")
    torch.save({"linear.weight": torch.zeros(16, 32), "linear.bias": torch.zeros(16)}, dense / "pytorch_model.bin")
    load_encoder(str(folder), device="cpu")
    (dense / "model.safetensors").unlink()
    with pytest.raises(MmrankError, match=r"pytorch_model\.bin is pickled"):
        load_encoder(str(folder), device="cpu")


def test_pickles_stay_readable_for_others_afterwards(copy: Callable[[str], Path], tmp_path: Path) -> None:
    import torch

    load_encoder(str(copy("encoder")), device="cpu")
    torch.save({"a": 1}, tmp_path / "mine.pt")
    assert torch.load(tmp_path / "mine.pt") == {"a": 1}


# Claims

ABSURD: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("language", "config.json", {"hidden_size": 4_000_000, "intermediate_size": 4_000_000}),
    ("language", "config.json", {"vocab_size": 2_000_000_000}),
    ("language", "config.json", {"num_hidden_layers": 10_000_000}),
    ("language", "config.json", {"num_attention_heads": 10**12}),
    ("language", "config.json", {"intermediate_size": 1e15}),
    ("language", "config.json", {"max_position_embeddings": 10**15}),
    ("language", "config.json", {"num_labels": 10**9}),
    ("cross", "config.json", {"max_position_embeddings": 10**10}),
    ("cross", "config.json", {"num_labels": 10**10}),
    ("cross", "config.json", {"type_vocab_size": 10**10}),
    (
        "cross",
        "tokenizer.json",
        {
            "padding": {
                "strategy": {"Fixed": 10**10},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "[PAD]",
            }
        },
    ),
    ("encoder", "config.json", {"hidden_size": 10**9}),
    ("encoder", "2_Dense/config.json", {"in_features": 200_000, "out_features": 200_000}),
    ("encoder", "1_Pooling/config.json", {"embedding_dimension": 10**12}),
)


@pytest.mark.parametrize(("kind", "file", "claim"), ABSURD, ids=lambda value: str(value)[:40])
def test_absurd_sizes_are_refused_before_memory_is_asked_for(
    kind: str, file: str, claim: dict[str, Any], copy: Callable[[str], Path], bounded: None
) -> None:
    folder = copy(kind)
    change(folder / file, **claim)
    begun = time.monotonic()
    with pytest.raises(MmrankError, match="claims"):
        ask(kind, folder)
    assert time.monotonic() - begun < 5


def test_pictures_and_their_tokens_are_bounded_too(tmp_path: Path) -> None:
    for number, claim in enumerate(
        ({"max_pixels": 10**12}, {"size": {"shortest_edge": 10**9}}, {"min_pixels": 10**9}, {"image_seq_len": 10**9})
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "preprocessor_config.json").write_text(json.dumps(claim))
        with pytest.raises(MmrankError, match="which no model has"):
            check_checkpoint(folder)


def test_weights_larger_than_the_memory_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("language")
    header = json.dumps({"w": {"dtype": "U8", "shape": [1 << 44], "data_offsets": [0, 1 << 44]}}).encode()
    with (folder / "more.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        try:
            file.truncate(8 + len(header) + (1 << 44))
        except OSError:
            pytest.skip("this file system has no sparse files of this size")
    with pytest.raises(MmrankError, match="memory"):
        ask("language", folder)


def test_a_tokenizer_that_multiplies_is_refused(copy: Callable[[str], Path], bounded: None) -> None:
    folder = copy("language")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Replace", "pattern": {"String": "a"}, "content": "b c" * 20_000}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(MmrankError, match="tokens of"):
        ask("language", folder)


# Ways out


def test_modules_lie_below_the_folder(copy: Callable[[str], Path]) -> None:
    folder = copy("encoder")
    modules = json.loads((folder / "modules.json").read_text())
    for path in ("../elsewhere", "/etc", "2_Dense/../../elsewhere", "..\\elsewhere", "a\0b"):
        modules[-1]["path"] = path
        (folder / "modules.json").write_text(json.dumps(modules))
        with pytest.raises(MmrankError, match=r"outside|cannot be"):
            load_encoder(str(folder), device="cpu")


@pytest.mark.parametrize(
    "given",
    [
        {"model_args": {"cache_dir": "/tmp/elsewhere"}},
        {"model_kwargs": {"use_safetensors": False}},
        {"model_kwargs": {"device_map": "auto", "offload_folder": "elsewhere"}},
        {"processor_kwargs": {"tokenizer_file": "/etc/passwd"}},
        {"config_args": {"gguf_file": "x.gguf"}},
        {"tokenizer_name_or_path": "nobody/else"},
    ],
)
def test_a_folder_does_not_choose_how_it_is_loaded(given: dict[str, Any], copy: Callable[[str], Path]) -> None:
    folder = copy("encoder")
    change(folder / "sentence_bert_config.json", **given)
    with pytest.raises(MmrankError, match="may not decide"):
        load_encoder(str(folder), device="cpu")


def test_attention_from_the_hub_is_refused(copy: Callable[[str], Path]) -> None:
    for kind in ("encoder", "language"):
        for key in ("attn_implementation", "_attn_implementation"):
            folder = copy(kind)
            change(folder / "config.json", **{key: "nobody/kernels"})
            with pytest.raises(MmrankError, match="code of others"):
                ask(kind, folder)


def test_what_is_no_regular_file_is_not_opened(copy: Callable[[str], Path]) -> None:
    for name, target in (("config.json", None), ("vocab.json", "/dev/zero"), ("generation_config.json", "/nowhere")):
        folder = copy("language")
        (folder / name).unlink(missing_ok=True)
        if target is None:
            os.mkfifo(folder / name)
        else:
            (folder / name).symlink_to(target)
        with pytest.raises(MmrankError, match=name):
            ask("language", folder)
        shutil.rmtree(folder)


# Anything else


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["language", "cross", "encoder"])
def test_a_broken_folder_works_or_is_one_sentence_that_names_it(
    kind: str, sound: dict[str, Path], tmp_path: Path
) -> None:
    program = Path(__file__).parent / "models.py"
    arguments = [sys.executable, str(program), kind, str(sound[kind]), str(tmp_path / "copy"), str(STEP)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=500)
    lines = done.stdout.splitlines()
    assert lines and lines[-1].startswith("DONE"), done.stdout[-2000:] + done.stderr[-2000:]
    assert lines[:-1] == []


STEP = 23
"""Every so many ways to break a folder are tried; 1 tries all, in some minutes."""
