"""Settings of the reranker families: one model per family. `mmrank.rerankers.loading.FAMILIES` says which."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mmrank.setting_models import SettingsModel

Dtype = Literal["float32", "bfloat16", "float16"]
Mode = Literal["official", "fixed"]

DEVICE = "where it runs: auto, cpu, cuda, cuda:N or mps"
PROMPT = "how a question and candidates are put before the model. auto for the way of the checkpoint, by its name"
THOUGHTS = "upper bound of the thoughts before an answer, in tokens; 0 for none, less where the context is short"
TEMPERATURE = "of the thoughts; 0 always takes the most probable token"
TOP_P = "share of the probability that thoughts are sampled from; 1 for all of it"
HOLD = "constrain the final answer to its form; without it the model writes freely and what it writes is parsed"
DTYPE = "number format of the weights; none for what the device is fastest in"


class LateInteractionSettings(SettingsModel):
    """Of `late-interaction`."""

    weights: Path | None = Field(
        default=None,
        description="token weights that `mmrank train token_weights` wrote, for the embedded encoder alone; none for"
        " those that come with mmrank",
    )
    device: str = Field(default="auto", description=DEVICE)
    dtype: Dtype | None = Field(default=None, description=DTYPE)


class CrossEncoderSettings(SettingsModel):
    """Of `cross-encoder`."""

    weights: Path | None = Field(
        default=None,
        description="a safetensors file that `mmrank train pointwise` or `mmrank train dear` wrote, for the embedded"
        " MiniLM; needed where no model is named",
    )
    device: str = Field(default="auto", description=DEVICE)
    dtype: Dtype | None = Field(default=None, description=DTYPE)
    adapter: Path | None = Field(
        default=None,
        description="merged into a named model's weights: a folder that peft wrote, or the hub's name of one",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=8,
        description="upper bound of a question and a candidate together, in tokens; none for the model's",
    )
    max_pixels: int = Field(
        default=1_003_520,
        ge=784,
        description="larger pictures are scaled down to this many pixels, of a model that reads any",
    )
    batch: int = Field(default=32, ge=1, description="candidates per forward pass of a named model")


class LikelihoodSettings(SettingsModel):
    """Of `likelihood`."""

    max_tokens: int = Field(default=160, ge=8, description="a candidate's text is cut after this many tokens")


class PointwiseSettings(SettingsModel):
    """Of `pointwise`."""

    prompt: str = Field(
        default="auto",
        description=f"{PROMPT}: yes-no, zero-one, qwen3-vl-reranker, lychee, qwen3-reranker, prorank; template for the"
        " chat template of a checkpoint that takes a query and a document; or a YAML file. auto without a known"
        " checkpoint is yes-no",
    )
    instruction: str = Field(
        default="",
        description="what relevance means here, in a sentence that the model reads; empty for what the prompt says",
    )
    scale: Literal["difference", "probability", "positive"] = Field(
        default="difference",
        description="how the labels' logits become a score: their difference, its sigmoid, or the positive label's"
        " logit alone (for models trained contrastively)",
    )
    shift: float = Field(
        default=0.0, description="subtracted before the sigmoid of `scale=probability`; ProRank: half of its m"
    )
    max_tokens: int = Field(
        default=0, ge=0, description="upper bound of a candidate's text, in tokens; 0 for what the context holds"
    )
    total_tokens: int = Field(
        default=0, ge=0, description="upper bound of a whole prompt, in tokens; 0 for the model's context"
    )
    neutral: bool = Field(
        default=False,
        description="take from each score the one that the candidate gets for no question, so that a text that says yes"
        " gains nothing; a second call per candidate",
    )


class ReaderSettings(SettingsModel):
    """Of `reader`."""

    weight: float | None = Field(
        default=None,
        ge=0,
        description="of the model's margin beside retrieval's score; none for the one that was fitted in training",
    )
    max_tokens: int = Field(default=400, ge=64, description="upper bound of a prompt, which holds one page, in tokens")
    reason: bool = Field(
        default=False, description="let the model write a sentence on the first page, kept where the page supports it"
    )


class SetwiseSettings(SettingsModel):
    """Of `setwise`."""

    prompt: str = Field(
        default="auto",
        description=f"{PROMPT}: choice, choice-plain (without thoughts), rank-r1; or a YAML file. auto without a known"
        " checkpoint is choice, or with `think_tokens=0` choice-plain",
    )
    think_tokens: int = Field(
        default=2048, ge=0, description=f"{THOUGHTS} (Rank-R1: 2,048); with the embedded model 512 by default"
    )
    temperature: float = Field(default=0.0, ge=0, description=TEMPERATURE)
    top_p: float = Field(default=1.0, gt=0, le=1, description=TOP_P)
    hold: bool = Field(default=True, description=HOLD)
    children: int = Field(
        default=19, ge=1, description="candidates that one is compared with in a call (Rank-R1: 19, so 20 per call)"
    )
    top: int = Field(default=10, ge=1, description="how many are ranked; the rest keep their order")
    votes: int = Field(
        default=1, ge=1, description="calls per comparison, each with another shuffle; the majority decides"
    )
    seed: int = Field(default=929, description="of the shuffles and of sampled thoughts")
    mode: Mode = Field(
        default="fixed",
        description="how answers are read: fixed repairs one valid label written otherwise; official repairs nothing"
        " and, of a model that thinks, wants the think tags before the answer",
    )


class ListwiseSettings(SettingsModel):
    """Of `listwise`."""

    prompt: str = Field(
        default="auto",
        description=f"{PROMPT}: list, chain, mm-r5, dear; or a YAML file. auto without a known checkpoint is the one of"
        " `style`",
    )
    style: Literal["list", "chain"] = Field(
        default="list",
        description="form of the ranking: `[3, 1, 2]` (MM-R5) or `[3] > [1] > [2]` (DeAR); a prompt brings its own",
    )
    think_tokens: int | None = Field(
        default=None,
        ge=0,
        description=f"{THOUGHTS}; none for 8,192 with the style list (MM-R5), 1,024 with chain (DeAR), and 512 with"
        " `by=first-id` or the embedded model",
    )
    temperature: float | None = Field(
        default=None, ge=0, description=f"{TEMPERATURE}; none for .3 with list, .5 with chain, 0 with 512 thoughts"
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description=f"{TOP_P}; none for .9 with the style chain, otherwise 1"
    )
    hold: bool = Field(default=True, description=HOLD)
    window: int = Field(default=20, ge=1, description="candidates per prompt")
    stride: int = Field(default=10, ge=1, description="how far the window slides, at most `window`")
    head: int | None = Field(
        default=None, ge=1, description="only this many first candidates are ranked (DeAR: 30); none for all"
    )
    words: int = Field(default=40, ge=1, description="words per reason that the prompt asks for (style list)")
    passage_words: int = Field(
        default=0,
        ge=0,
        description="words shown of a candidate, those that fit the query best, at least 8; 0 for all that the context"
        " holds. Show a model as many as it was trained with",
    )
    by: Literal["answer", "first-id"] = Field(
        default="answer",
        description="what orders a window: the list that is written, or the log-probability of each id where the first"
        " reason begins (FIRST), for models that were trained to begin with the best candidate",
    )
    rotations: int = Field(
        default=1,
        ge=1,
        description="`by=first-id` averages over this many rotations of the candidates, at most `window`, so that"
        " places count less",
    )
    seed: int = Field(default=0, description="of sampled thoughts")
    mode: Mode = Field(
        default="fixed",
        description="how windows are laid: fixed from the last candidate to the first; official (DeAR) over the places"
        " 0 to `head` (none: 30) however few candidates there are, so that the first are left out where no window"
        " begins at 0",
    )


class DualStageSettings(SettingsModel):
    """Of `dual-stage`."""

    first: str = Field(
        default="pointwise",
        description="what scores all candidates, as family or family:model; pointwise without a model scores with the"
        " second stage's (DeAR: cross-encoder:abdoelsayed/dear-8b-reranker-ce-v1)",
    )
    head: int = Field(default=30, ge=1, description="candidates that the listwise stage reads")
    prompt: str = Field(default="auto", description="of the listwise stage; see `listwise`")
    style: Literal["list", "chain"] = Field(
        default="chain", description="form of the listwise stage's ranking; see `listwise`"
    )
    think_tokens: int | None = Field(
        default=None,
        ge=0,
        description="upper bound of the listwise stage's thoughts, in tokens; 0 for none, none as with `listwise`",
    )
    temperature: float | None = Field(
        default=None, ge=0, description="of the listwise stage's thoughts; see `listwise`"
    )


class AttentionSettings(SettingsModel):
    """Of `attention`."""

    task: Literal["answer", "find"] = Field(
        default="answer", description="instruction in the prompt: answer for questions, find for statements and topics"
    )
    words: int = Field(default=300, ge=0, description="upper bound of a candidate, in words; 0 for none")
    window: int = Field(
        default=0,
        ge=0,
        description="candidates per prompt, at least 2; 0 for all in one. The window slides by half of itself",
    )
    mode: Mode = Field(
        default="fixed", description="a candidate of a single token counts with fixed and scores 0 with official"
    )


class CascadeSettings(SettingsModel):
    """Of `cascade`."""

    keep: int = Field(default=8, ge=1, description="candidates that the expensive stage, `pointwise`, reads")


class DocumentCascadeSettings(SettingsModel):
    """Of `document-cascade`."""

    selector: str | Path = Field(
        default="minilm",
        description="what chooses windows: minilm, lexical (BM25), or a file that `mmrank train idcm` wrote",
    )
    expensive: str = Field(
        default="pointwise",
        description="the reranker that scores the chosen windows, as family or family:model; its scores must not depend"
        " on the other candidates",
    )
    keep: int = Field(default=4, ge=0, description="windows chosen per candidate; 0 for all")
    top: int = Field(
        default=5,
        ge=0,
        description="how many candidates matter: the four whose scores are nearest to the border below the first `top`"
        " have `more` windows scored; 0 for no second look, as published",
    )
    more: int = Field(default=5, ge=0, description="further windows of candidates near the border; see `top`")
    weights: tuple[float, ...] = Field(
        default=(1.0, 1.0, 1.0), min_length=1, description="of a candidate's best window scores, best first"
    )
    missing: float | None = Field(
        default=None,
        description="score of windows that a short candidate does not have; none for the least score of any window",
    )
    size: int = Field(default=50, ge=1, description="words per window")
    overlap: int = Field(default=7, ge=0, description="words of context on both sides of a window")
    mode: Mode = Field(
        default="fixed", description="official counts a missing window as 0 and lets a trained selector see padding"
    )


class IdcmSettings(SettingsModel):
    """Of `idcm`."""

    encoder: str | None = Field(
        default=None,
        description="where the config and the tokenizer of the expensive model are, a folder or a name on the hub; none"
        " for what the cascade names",
    )
    device: str = Field(default="auto", description=DEVICE)
    dtype: Dtype | None = Field(default=None, description=DTYPE)
    keep: int | None = Field(default=None, ge=0, description="windows chosen per candidate; none as trained, 0 for all")
    max_tokens: int = Field(default=2000, ge=16, description="what is read of a candidate, in tokens")
    batch: int = Field(default=64, ge=1, description="windows per forward pass")


class ServedSettings(SettingsModel):
    """Of `served`."""

    path: Literal["rerank", "score"] = Field(
        default="rerank", description="what is called: /rerank in one request, or /score in batches at the same time"
    )
    batch: int = Field(default=16, ge=1, description="candidates per request to /score, and to /rerank with pictures")
    pictures: bool = Field(
        default=False,
        description="send pictures, to a server whose model reads them (vLLM with Qwen3-VL-Reranker, jina-reranker-m0)",
    )
    max_images: int = Field(
        default=0,
        ge=0,
        description="pictures that the server takes of a question and a candidate together; further ones are sent as"
        " their text. 0 for no bound",
    )
    max_pixels: int = Field(
        default=1_003_520,
        ge=784,
        description="larger pictures are scaled down to this many pixels before they are sent",
    )
    max_tokens: int = Field(
        default=0,
        ge=0,
        description="upper bound of query and candidate together, in estimated tokens, at least 32; 0 for no bound, so"
        " that the server must cut",
    )
