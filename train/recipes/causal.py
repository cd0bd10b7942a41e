"""Language models to train: SmolLM2 from its package, any folder or hub name, or one of some thousand weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrank.llm.protocol import Chat

TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def load_causal(base: str, texts: Sequence[str], seed: int = 0) -> tuple[Any, Any]:
    """Model and tokenizer.

    Args:
        base: "smollm2" (embedded), "tiny" (random weights, words of `texts`), a folder, or a name on the hub.
        texts: what a tiny model's tokenizer must know.
        seed: of a tiny model's weights.
    """
    if base == "tiny":
        return _tiny(texts, seed)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from mmrank.llm.smollm2 import transformers_folder

    source = str(transformers_folder()) if base == "smollm2" else base
    tokenizer = AutoTokenizer.from_pretrained(source)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(source, use_safetensors=True, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _tiny(texts: Sequence[str], seed: int) -> tuple[Any, Any]:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|unknown|>", "<|system|>", "<|user|>", "<|assistant|>"]
    inner = Tokenizer(models.WordLevel(unk_token="<|unknown|>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"</?\w+>|\d|\w+|[^\w\s]| |\n"), "isolated")
    inner.decoder = decoders.Fuse()
    marks = [*'0123456789[],.:>"', " ", "\n", "<think>", "</think>", "<answer>", "</answer>"]
    inner.train_from_iterator([*texts, *marks], trainers.WordLevelTrainer(special_tokens=special, show_progress=False))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        unk_token="<|unknown|>",
        additional_special_tokens=special[3:],
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=1024,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    return model, tokenizer


def turns(chat: Chat) -> list[dict[str, str]]:
    """A conversation as the trainers of trl take it."""
    return [{"role": message.role, "content": message.text} for message in chat]


def tokenised(tokenizer: Any, chats: Sequence[list[dict[str, str]]]) -> dict[str, Tensor]:
    """Prompts that end where the answer begins, padded on the left."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    tokenizer.padding_side = "left"
    encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


@torch.inference_mode()
def complete(
    model: Any, tokenizer: Any, chats: Sequence[list[dict[str, str]]], *, max_tokens: int, batch: int = 16
) -> list[str]:
    """Greedy answers, in order."""
    model.eval()
    answers: list[str] = []
    for start in range(0, len(chats), batch):
        inputs = tokenised(tokenizer, chats[start : start + batch])
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        written = model.generate(
            **inputs, max_new_tokens=max_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
        )
        answers += tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers
