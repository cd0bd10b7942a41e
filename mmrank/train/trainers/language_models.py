"""Language models to train: loaded, given conversations, asked for answers, and written as checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrank.llm.protocol import Chat
from mmrank.train.trainers.vision_language import check_picture_tokens

TINY_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def load_causal(base: str, texts: Sequence[str], seed: int = 0) -> tuple[Any, Any]:
    """Model (in float32) and tokenizer.

    Args:
        base: "smollm2" (embedded), "tiny" (a Llama of some 200 thousand random weights that knows the words of
            `texts`), a folder, or a name on the Hugging Face hub.
        texts: what a tiny model's tokenizer must know.
        seed: of a tiny model's weights.
    """
    if base == "tiny":
        return _tiny(texts, seed)
    from mmrank.checkpoints import find_checkpoint, load_language_model, load_tokenizer
    from mmrank.llm.smollm2 import transformers_folder

    checkpoint = find_checkpoint(transformers_folder() if base == "smollm2" else base)
    model = load_language_model(checkpoint, dtype=torch.float32)
    tokenizer = load_tokenizer(checkpoint, model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _tiny(texts: Sequence[str], seed: int) -> tuple[Any, Any]:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|unknown|>", "<|system|>", "<|user|>", "<|assistant|>"]
    inner = Tokenizer(models.WordLevel(unk_token="<|unknown|>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"</?\w+>|\d| ?[^\W\d]+|[^\w\s]| |\n"), "isolated")
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
    tokenizer.chat_template = TINY_TEMPLATE
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
            tie_word_embeddings=True,
            initializer_range=0.05,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    return model, tokenizer


Turns = list[dict[str, Any]]


def turns(chat: Chat) -> Turns:
    """A conversation in the form of trl: plain texts, or, with pictures, lists of parts with places for pictures."""
    if not any(message.images for message in chat):
        return [{"role": message.role, "content": message.text} for message in chat]
    return [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": piece} if isinstance(piece, str) else {"type": "image"}
                for piece in message.content
            ],
        }
        for message in chat
    ]


def tokenised(tokenizer: Any, chats: Sequence[Turns]) -> dict[str, Tensor]:
    """`input_ids` and `attention_mask` (chats, tokens), padded on the left; a prompt ends where its answer begins."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    tokenizer.padding_side = "left"
    encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


@torch.inference_mode()
def complete(
    model: Any,
    tokenizer: Any,
    chats: Sequence[Turns],
    *,
    max_tokens: int,
    batch: int = 16,
    pictures: Callable[[int], list[Any]] | None = None,
) -> list[str]:
    """Greedy answers to prompts, in their order.

    Args:
        model: put in eval mode.
        tokenizer: the model's, or its processor if `pictures` are shown.
        chats: prompts.
        max_tokens: of each answer, at most.
        batch: prompts that are answered together; with pictures always one.
        pictures: position of a chat → its pictures, rendered.
    """
    model.eval()
    answers: list[str] = []
    step = batch if pictures is None else 1
    for start in range(0, len(chats), step):
        if pictures is None:
            inputs: Any = tokenised(tokenizer, chats[start : start + step])
        else:
            text = tokenizer.apply_chat_template(chats[start], tokenize=False, add_generation_prompt=True)
            inputs = tokenizer(text=[text], images=pictures(start), return_tensors="pt")
            check_picture_tokens(tokenizer, inputs["input_ids"], inputs)
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        pad = getattr(tokenizer, "tokenizer", tokenizer).pad_token_id
        written = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False, pad_token_id=pad)
        answers += tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


def spoken(completion: Any) -> str:
    """The text of a completion that trl gives to a reward, be it a text or a conversation."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer (or processor) as a checkpoint that inference loads; an adapter is merged into it."""
    whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
