"""Language models to train: loaded, given conversations, asked for answers, and written as checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrank.llm.protocol import Chat
from mmrank.train.trainers import ranks
from mmrank.train.trainers.base_weights import Loading, load_weights, placed
from mmrank.train.trainers.vision_language import check_picture_tokens

TINY_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def load_causal(base: str, texts: Sequence[str], seed: int = 0, how: Loading | None = None) -> tuple[Any, Any]:
    """Model, on the device of this process, and tokenizer.

    Args:
        base: "smollm2" (embedded), "tiny" (a Llama of some 200 thousand random weights that knows the words of
            `texts`), a folder, or a name on the Hugging Face hub.
        texts: what a tiny model's tokenizer must know.
        seed: of a tiny model's weights.
        how: precision, attention, quantisation; by default float32.
    """
    how = how or Loading()
    if base == "tiny":
        model, tokenizer = _tiny(texts, seed)
        return placed(model, how), tokenizer
    from mmrank.checkpoints import find_checkpoint, load_tokenizer
    from mmrank.llm.smollm2 import transformers_folder

    checkpoint = find_checkpoint(transformers_folder() if base == "smollm2" else base)
    model = load_weights(checkpoint, how)
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


@torch.no_grad()
def complete(
    model: Any,
    tokenizer: Any,
    chats: Sequence[Turns],
    *,
    max_tokens: int,
    batch: int = 16,
    pictures: Callable[[int], list[Any]] | None = None,
) -> list[str]:
    """Greedy answers to prompts, in their order; several processes share the work.

    Args:
        model: put in eval mode.
        tokenizer: the model's, or its processor if `pictures` are shown.
        chats: prompts.
        max_tokens: of each answer, at most.
        batch: prompts that are answered together.
        pictures: position of a chat → its pictures, rendered.
    """
    model.eval()
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    together = ranks.is_split(model)

    def written(batches: Sequence[Sequence[int]]) -> list[list[str]]:
        found = []
        for places in batches:
            given = [chats[place] for place in places]
            inputs = tokenised(tokenizer, given) if pictures is None else _seen(tokenizer, given, places, pictures)
            inputs = {name: value.to(ranks.device()) for name, value in inputs.items()}
            made = model.generate(
                **inputs,
                max_new_tokens=max_tokens,
                do_sample=False,
                pad_token_id=inner.pad_token_id,
                synced_gpus=together,
            )
            found.append(tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
        return found

    order = list(range(len(chats)))
    answers = ranks.spread([order[start : start + batch] for start in range(0, len(order), batch)], written)
    return [answer for batch_answers in answers for answer in batch_answers]


def _seen(processor: Any, chats: Sequence[Turns], places: Sequence[int], pictures: Callable[[int], list[Any]]) -> Any:
    texts = [processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    processor.tokenizer.padding_side = "left"
    shown = [pictures(place) for place in places]
    inputs = processor(text=texts, images=shown, return_tensors="pt", padding=True)
    check_picture_tokens(processor, inputs["input_ids"], inputs)
    return inputs


def spoken(completion: Any) -> str:
    """The text of a completion that trl gives to a reward, be it a text or a conversation."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer (or processor) as a checkpoint that inference loads; an adapter is merged into it.

    The adapter of a model that is split over processes is not merged but written in peft's format.
    """
    if ranks.is_split(model):
        weights = {name: ranks.whole(weight) for name, weight in model.named_parameters()}
        if ranks.writes():
            model.save_pretrained(folder, state_dict=weights)
            tokenizer.save_pretrained(folder)
        ranks.wait()
        return
    if not ranks.writes():
        return
    whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
