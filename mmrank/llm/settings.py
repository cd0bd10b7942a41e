"""Settings of the engines that run chat models: one model per engine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mmrank.setting_models import SettingsModel


class TransformersSettings(SettingsModel):
    """Of a model that transformers runs: `smollm2-torch`, a folder, or a repository of the hub."""

    device: str = Field(default="auto", description="where it runs: auto, cpu, cuda, cuda:N or mps")
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(
        default=None, description="number format of the weights; none for what the device is fastest in"
    )
    attention: str = Field(
        default="mmrank_readable",
        description="attention implementation of transformers; the default computes like `sdpa` and is the only one"
        " that the family `attention` can read",
    )
    adapter: Path | None = Field(
        default=None,
        description="merged into the weights: a safetensors file that `mmrank train` wrote, a folder that peft wrote,"
        " or the hub's name of one (owner/name)",
    )
    context_tokens: int | None = Field(
        default=None, ge=1, description="longest prompt and answer together, in tokens; none for the model's own limit"
    )
    batch_tokens: int = Field(
        default=4096, ge=1, description="upper bound of one forward pass, in tokens, padding included"
    )
    max_pixels: int = Field(
        default=1_003_520, ge=784, description="larger pictures are scaled down to this many pixels"
    )
    cache_prefixes: bool = Field(
        default=True,
        description="compute the beginning that prompts share once and keep it between calls; of prompts with pictures,"
        " the last one whose answer is continued (costs the memory of one prompt's keys and values)",
    )


class LlamaCppSettings(SettingsModel):
    """Of a model that llama.cpp runs: `smollm2` where llama.cpp is installed, or a GGUF file."""

    context_tokens: int = Field(
        default=4096, ge=1, description="longest prompt and answer together, in tokens; memory grows with it"
    )
    threads: int = Field(
        default=0, ge=0, description="processor threads; 0 for one per core that is idle when the model is loaded"
    )
    gpu_layers: int = Field(
        default=0, ge=-1, description="layers kept on a GPU, where llama.cpp was built for one; -1 for all"
    )
    adapter: Path | None = Field(
        default=None,
        description="a safetensors file that `mmrank train` wrote, or a folder that peft wrote, for a model of the"
        " architectures Llama and Qwen2",
    )


class ServerSettings(SettingsModel):
    """How a model server is called."""

    key: str | None = Field(default=None, description="sent as a bearer token")
    concurrency: int = Field(default=8, ge=1, description="requests under way at the same time")
    timeout: float = Field(default=120.0, gt=0, description="seconds to wait for one answer")
    retries: int = Field(default=4, ge=0, description="further tries of a request that failed")
    wait: float = Field(
        default=0.5, ge=0, description="upper bound of the wait before the first retry, in seconds; doubles each time"
    )
    budget: int | None = Field(
        default=None, ge=1, description="requests that may be sent in all, retries included; none for no bound"
    )


class ChatServerSettings(ServerSettings):
    """Of a model behind an OpenAI-compatible server: `http(s)://host/v1#model`."""

    context_tokens: int | None = Field(
        default=None,
        ge=1,
        description="longest prompt and answer together, in tokens; none for what the server reports (vLLM, SGLang and"
        " llama.cpp do), 8,192 where it reports nothing",
    )
    image_tokens: int = Field(
        default=0,
        ge=0,
        description="upper bound of one picture, in tokens; 0 for a model that reads no pictures. Of checkpoints with a"
        " prompt of their own it is known",
    )
    max_images: int = Field(
        default=0,
        ge=0,
        description="pictures that the server takes per prompt (vLLM: `--limit-mm-per-prompt`); 0 for what the context"
        " holds. A window has no more",
    )
    max_pixels: int = Field(
        default=1_003_520,
        ge=784,
        description="larger pictures are scaled down to this many pixels before they are sent",
    )
    flavour: Literal["openai", "vllm", "sglang", "llama.cpp"] = Field(
        default="openai",
        description="extensions of the server: vllm and sglang continue a started answer and take regular expressions,"
        " llama.cpp takes grammars, openai none of these",
    )
