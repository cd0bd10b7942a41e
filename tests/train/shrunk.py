"""Each recipe on the real class of its paper's model, shrunk: three steps, with pictures where they belong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

import tiny_models
import torch

from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.data.pages import page_reference

COLOURS = {"red": (1, 0, 0), "green": (0, 0.7, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
STEPS = {
    "max_steps": 3,
    "save_steps": 1,
    "log_steps": 1,
    "batch": 2,
    "accumulation": 1,
    "learning_rate": 1e-3,
    "warmup": 0.0,  # with it the first step would change nothing, and a stop after it lose nothing
}
LORA = {"rank": 2, "alpha": 4, "dropout": 0.0}
LANGUAGE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def bases(folder: Path) -> dict[str, str]:
    """Checkpoints by name."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    found = {"vl": str(tiny_models.tiny_qwen2_5_vl().save(folder / "qwen2_5_vl"))}
    tokenizer = tiny_models.tiny_tokenizer()
    tokenizer.chat_template = tiny_models.qwen_chat()
    for name, config, kind in (
        ("qwen", Qwen2Config, Qwen2ForCausalLM),
        ("llama", LlamaConfig, LlamaForCausalLM),
    ):
        torch.manual_seed(0)
        model = kind(
            config(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=4096,
                tie_word_embeddings=name == "qwen",
                eos_token_id=tokenizer.eos_token_id,
                bos_token_id=None,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        found[name] = str(folder / name)
    found["bert"] = str(distilbert(folder / "bert"))
    return found


def distilbert(folder: Path) -> Path:
    """A shrunk DistilBERT, with the vocabulary of BERT."""
    from transformers import DistilBertConfig, DistilBertModel

    from mmrank.rerankers.minilm_bert import bert_tokenizer

    torch.manual_seed(0)
    model = DistilBertModel(DistilBertConfig(dim=16, hidden_dim=32, n_layers=2, n_heads=2, dropout=0.0))
    model.save_pretrained(folder)
    bert_tokenizer().save_pretrained(folder)
    return folder


def pages(folder: Path, *, drawn: bool = True) -> dict[str, str]:
    """Files of examples whose candidates are pages of one colour each; `drawn` False names pages that are not there."""
    made = {}
    for side in ("examples", "held_out"):
        path = folder / f"{side}.pdf"
        if drawn:
            import pymupdf

            with pymupdf.open() as file:
                for colour in COLOURS.values():
                    file.new_page(width=56, height=56).draw_rect((6, 6, 50, 50), fill=colour)
                file.save(path)
        names = [page_reference(path, page) for page in range(4)]
        examples = [
            RankingExample(
                f"which page is {name}",
                (names[page],),
                tuple(names[other] for other in range(4) if other != page),
                f"{side} {page % 2}",
                evidence={names[other]: list(COLOURS)[other] for other in range(4)},
            )
            for page, name in enumerate(COLOURS)
        ]
        made[side] = str(folder / f"{side}.jsonl")
        write_examples(Path(made[side]), examples * (3 if side == "examples" else 1))
    return made


def scores(folder: Path) -> str:
    """A teacher's scores of the toy task's candidates."""
    import json

    from mmrank.train.data.toy import toy_examples

    with (folder / "teacher.jsonl").open("w") as file:
        for example in (*toy_examples(16), *toy_examples(4, held_out=True)):
            for place, text in enumerate((*example.positives, *example.negatives)):
                file.write(json.dumps({"query": example.query, "candidate": text, "score": -place}) + "\n")
    return str(folder / "teacher.jsonl")


def runs(folder: Path, *, bf16: bool = False, drawn: bool = True) -> list[dict[str, Any]]:
    """The arguments of `run_recipe`, `out` under `folder`."""
    base = bases(folder)
    steps = {**STEPS, "bf16": bf16}
    source = {"toy": 16, "held_out_limit": 4}
    shown = {"pictures": True, "max_pixels": 56 * 56, "source": pages(folder, drawn=drawn)}
    lora = {**LORA, "modules": LANGUAGE}
    grpo = {"completions": 2, "completion_tokens": 8}
    written = {"answers": 2, "batch": 2}
    made: list[dict[str, Any]] = [
        {"recipe": "contrastive", "encoder": base["vl"], "lora": LORA, "trainer": steps, **shown},
        {
            "recipe": "mm_r5",
            "base": base["vl"],
            "candidates": 3,
            "grpo": grpo,
            "sft_lora": {**lora, "plus": 16},
            "lora": lora,
            "prompt_tokens": 1200,
            "measure": written,
            "sft": {**steps, "batch": 1},
            "trainer": steps,
            **shown,
        },
        {
            "recipe": "rank_r1",
            "base": base["qwen"],
            "grpo": grpo,
            "lora": lora,
            "stages": ["sft", "rl"],
            "measure": written,
            "sft": steps,
            "trainer": steps,
            "source": source,
        },
        {
            "recipe": "prorank",
            "base": base["qwen"],
            "candidates": 3,
            "grpo": {**grpo, "completion_tokens": 2},
            "lora": LORA,
            "measure": written,
            "warmup": steps,
            "trainer": steps,
            "source": source,
        },
        {
            "recipe": "sft_vs_cl",
            "base": base["vl"],
            "candidates": 3,
            "combinations": ["sft+sft", "masked+cl", "cl+learned"],
            "lora": LORA,
            "trainer": {**steps, "batch": 1},
            **shown,
        },
        {
            "recipe": "dear",
            "base": base["llama"],
            "teacher": scores(folder),
            "lora": {**LORA, "modules": LANGUAGE},
            "trainer": steps,
            "source": source,
        },
        {
            "recipe": "mm_r5",
            "name": "dear stage 2",
            "variant": "dear",
            "base": base["llama"],
            "candidates": 3,
            "measure": written,
            "grpo": {"completion_tokens": 8},
            "sft_lora": lora,
            "sft": {**steps, "epochs": 1.0},
            "source": source,
        },
        {"recipe": "likelihood", "base": base["llama"], "lora": lora, "trainer": steps, "source": source},
        {
            "recipe": "idcm",
            "base": base["bert"],
            "window": 4,
            "overlap": 1,
            "keep": 2,
            "best": 2,
            "expensive": steps,
            "trainer": steps,
            "source": source,
        },
        {
            "recipe": "identify",
            "base": base["vl"],
            "section_tokens": 200,
            "candidates": 3,
            "sections": 3,
            "lora": LORA,
            "trainer": {**steps, "batch": 4},
            "reranker": {**steps, "batch": 1},
            **shown,
        },
    ]
    made += [
        {"recipe": recipe, "variant": "small", "trainer": {**steps, "learning_rate": 5e-3}}
        for recipe in ("pointwise", "late_interaction", "query_adapter", "token_weights")  # MiniLM itself
    ]
    for run in made:
        run["out"] = str(folder / "runs" / run.pop("name", run["recipe"]).replace(" ", "_"))
    return made


def assert_same_weights(out: Path, before: dict[str, dict[str, torch.Tensor]]) -> None:
    """The results are those that `weights` had read."""
    after = weights(out)
    assert after.keys() == before.keys()
    for name, tensors in before.items():
        assert after[name].keys() == tensors.keys(), name
        for key, value in tensors.items():
            assert torch.allclose(after[name][key].float(), value.float(), atol=1e-5), (name, key)


def weights(out: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors of each result of a run, by its file; checkpoints are none."""
    from safetensors.torch import load_file

    files = (path for path in out.rglob("*.safetensors") if "checkpoints" not in path.parts)
    return {str(path.relative_to(out)): load_file(path) for path in files}


def stop_short(out: Path) -> int:
    """Take away each last checkpoint, as if the run had been stopped before; returns how many."""
    import shutil

    last = list(out.rglob("checkpoint-3"))
    for folder in last:
        shutil.rmtree(folder)
    return len(last)
