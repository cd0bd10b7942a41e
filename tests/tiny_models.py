"""Small vision-language models, built from the real classes of transformers with random weights.

The tokenizer is a byte-level BPE trained here, with the special tokens and the chat structure of the real families.
Nothing is downloaded. Each function returns a model in eval mode and its processor; `save` writes both as a
checkpoint that `from_pretrained` and sentence-transformers load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from mmrank.processors import without_video

QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
QWEN_PLAIN = ("<think>", "</think>", "<tool_call>", "</tool_call>")
IDEFICS_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)),
)

CHAT = (
    "{%- for message in messages -%}<|im_start|>{{ message.role + '\\n' }}"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}{%- for item in message.content -%}"
    "{%- if item.type == 'image' -%}IMAGE"
    "{%- elif item.type == 'text' -%}{{ item.text }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}<|im_end|>\n{% endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif -%}"
)

WORDS = """
A page of a report holds text, a table and a picture. Which page shows the red circle at the top left? The bar chart
has a blue, a green and a yellow bar; the square, the triangle, the cross and the ring are at the bottom right.
Judge whether the document meets the query. Answer only yes or no. Query: Document: Instruct: Relevance: 0 1 [1] [2]
Represent the passage. Rank the images by relevance: [3, 1, 2]. Image 1: Image 2: <think> </think> <answer> </answer>
purple orange black centre middle left right largest smallest first second third one two three four five
"""


@dataclass(frozen=True)
class Tiny:
    """A model and its processor."""

    model: Any
    processor: Any

    def save(self, folder: Path) -> Path:
        """Write both as a checkpoint; returns the folder."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        return folder


def tiny_tokenizer(special: tuple[str, ...] = QWEN_SPECIAL, vocabulary: int = 512, texts: str = WORDS) -> Any:
    """A byte-level BPE tokenizer trained on `texts`; single digits and the words yes and no are tokens of their own."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts.splitlines(), *["yes", "no"] * 50], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=2048,
        padding_side="left",
    )
    fast.add_special_tokens({"additional_special_tokens": [t for t in special if t not in fast.all_special_tokens]})
    if special is QWEN_SPECIAL:
        fast.add_tokens(list(QWEN_PLAIN))
    return fast


def _qwen_text(**changes: Any) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        **changes,
    }


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    return {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(token)
        for name, token in {
            "image": "<|image_pad|>",
            "video": "<|video_pad|>",
            "vision_start": "<|vision_start|>",
            "vision_end": "<|vision_end|>",
        }.items()
    }


def _qwen_pictures(patch: int, most_pixels: int) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    factor = patch * 2
    return Qwen2VLImageProcessorPil(
        patch_size=patch,
        temporal_patch_size=2,
        merge_size=2,
        size={"shortest_edge": factor**2, "longest_edge": most_pixels},
    )


def qwen_chat() -> str:
    """The chat template of the Qwen families: role headers, pictures where they stand."""
    return CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")


def tiny_llama(*, seed: int = 3, **changes: Any) -> tuple[Any, Any]:
    """A small Llama with random weights, and a tokenizer that knows yes, no and digits.

    Args:
        seed: of the weights.
        changes: to its configuration.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = qwen_chat()
    config = LlamaConfig(
        **{
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 6,
            "max_position_embeddings": 2048,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "initializer_range": 0.15,
            **changes,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval(), tokenizer


def tiny_qwen2_5_vl(
    *, seed: int = 0, max_pixels: int = 56 * 56, vision: dict[str, Any] | None = None, **text: Any
) -> Tiny:
    """Qwen2.5-VL for generation; `text` and `vision` change its configs."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    tokenizer = tiny_tokenizer()
    shape = _qwen_text(
        vocab_size=len(tokenizer),
        **{"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}, **text},
    )
    config = Qwen2_5_VLConfig(
        text_config=shape,
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 14,
            "out_hidden_size": shape["hidden_size"],
            "window_size": 56,
            "fullatt_block_indexes": [1],
            **(vision or {}),
        },
        tie_word_embeddings=True,
        **_qwen_ids(tokenizer),
    )
    processor = without_video(Qwen2_5_VLProcessor)(
        _qwen_pictures(14, max_pixels), tokenizer, None, chat_template=qwen_chat()
    )
    return _built(Qwen2_5_VLForConditionalGeneration, config, processor, seed)


def tiny_qwen3_vl(
    *, seed: int = 0, max_pixels: int = 64 * 64, vision: dict[str, Any] | None = None, **text: Any
) -> Tiny:
    """Qwen3-VL for generation; `text` and `vision` change its configs."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor

    tokenizer = tiny_tokenizer()
    shape = _qwen_text(
        vocab_size=len(tokenizer),
        head_dim=8,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [2, 1, 1],
            "mrope_interleaved": True,
        },
    )
    shape |= text
    config = Qwen3VLConfig(
        text_config=shape,
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 16,
            "out_hidden_size": shape["hidden_size"],
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
            **(vision or {}),
        },
        tie_word_embeddings=True,
        **_qwen_ids(tokenizer),
    )
    patch = config.vision_config.patch_size
    processor = without_video(Qwen3VLProcessor)(
        _qwen_pictures(patch, max_pixels), tokenizer, None, chat_template=qwen_chat()
    )
    return _built(Qwen3VLForConditionalGeneration, config, processor, seed)


def tiny_qwen2_vl(*, seed: int = 0, max_pixels: int = 56 * 56) -> Tiny:
    """Qwen2-VL for generation (the family of GME and of jina-reranker-m0)."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor

    tokenizer = tiny_tokenizer()
    config = Qwen2VLConfig(**_qwen2_vl_parts(tokenizer), tie_word_embeddings=True, **_qwen_ids(tokenizer))
    processor = without_video(Qwen2VLProcessor)(
        _qwen_pictures(14, max_pixels), tokenizer, None, chat_template=qwen_chat()
    )
    return _built(Qwen2VLForConditionalGeneration, config, processor, seed)


def tiny_colqwen2(*, seed: int = 0, max_pixels: int = 56 * 56, dimension: int = 16) -> Tiny:
    """ColQwen2: `dimension` numbers a token."""
    from transformers import ColQwen2Config, ColQwen2ForRetrieval, Qwen2VLConfig
    from transformers.models.colqwen2.processing_colqwen2 import ColQwen2Processor

    tokenizer = tiny_tokenizer()
    inner = Qwen2VLConfig(**_qwen2_vl_parts(tokenizer), **_qwen_ids(tokenizer))
    config = ColQwen2Config(vlm_config=inner, embedding_dim=dimension)
    processor = ColQwen2Processor(_qwen_pictures(14, max_pixels), tokenizer, chat_template=qwen_chat())
    return _built(ColQwen2ForRetrieval, config, processor, seed)


def _qwen2_vl_parts(tokenizer: Any) -> dict[str, Any]:
    return {
        "text_config": _qwen_text(
            vocab_size=len(tokenizer),
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]},
        ),
        "vision_config": {
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
    }


def tiny_smolvlm(*, seed: int = 0) -> Tiny:
    """SmolVLM for generation (the family of ColSmol), 64-pixel tiles of 4 tokens each."""
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
    from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

    tokenizer = tiny_tokenizer(IDEFICS_SPECIAL)
    config = SmolVLMConfig(
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        text_config={
            "model_type": "llama",
            **_qwen_text(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id),
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 64,
            "patch_size": 16,
        },
    )
    pictures = SmolVLMImageProcessorPil(size={"longest_edge": 128}, max_image_size={"longest_edge": 64})
    chat = CHAT.replace("IMAGE", "<image>").replace("<|im_end|>", "<end_of_utterance>")
    processor = without_video(SmolVLMProcessor)(pictures, tokenizer, None, image_seq_len=4, chat_template=chat)
    return _built(SmolVLMForConditionalGeneration, config, processor, seed)


def _built(kind: Any, config: Any, processor: Any, seed: int) -> Tiny:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(config).eval()
    tokenizer = processor.tokenizer
    model.config.pad_token_id = tokenizer.pad_token_id
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.pad_token_id = tokenizer.pad_token_id
        model.generation_config.eos_token_id = tokenizer.eos_token_id
    return Tiny(model, processor)
