"""Language and vision-language models behind one protocol: transformers, llama.cpp, any OpenAI-compatible server."""

from __future__ import annotations

from mmrank.errors import InputError, MissingExtraError, MmrankError
from mmrank.llm.loading import ENGINES, load_chat_model
from mmrank.llm.protocol import AttentionModel, ChatModel, LikelihoodModel, Message, Sampling, assistant, system, user

__all__ = [
    "ENGINES",
    "AttentionModel",
    "ChatModel",
    "InputError",
    "LikelihoodModel",
    "Message",
    "MissingExtraError",
    "MmrankError",
    "Sampling",
    "assistant",
    "load_chat_model",
    "system",
    "user",
]
