"""From a name to a reranker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, MmrankError
from mmrank.rerankers.protocol import Reranker

if TYPE_CHECKING:
    from mmrank.rerankers.selector import Selector


def _chat(model: str, settings: dict[str, Any]) -> Any:
    from mmrank.llm.loading import load_chat_model

    return load_chat_model(model, **settings)


def _late_interaction(
    model: str, *, weights: str | Path | None = None, device: str = "auto", dtype: str | None = None
) -> Reranker:
    from mmrank.encoders.loading import load_encoder
    from mmrank.encoders.minilm import MiniLM
    from mmrank.encoders.protocol import EncoderInfo
    from mmrank.rerankers.late_interaction import LateInteraction, WeightedLateInteraction
    from mmrank.weights import LATE_INTERACTION, shipped

    if not model:
        return WeightedLateInteraction(MiniLM(device=device, dtype=dtype), weights or shipped(LATE_INTERACTION))
    if weights is not None:
        raise InputError(
            f"weights of tokens are for the embedded MiniLM: late-interaction, not late-interaction:{model}"
        )
    encoder: Any = load_encoder(model, device=device, dtype=dtype)
    info: EncoderInfo = encoder.info
    if not info.multi_vector:
        raise InputError(f"{model} gives one vector a passage; late interaction needs one a token")
    return LateInteraction(encoder)


def _cross_encoder(
    model: str, *, weights: str | Path | None = None, device: str = "auto", dtype: str | None = None
) -> Reranker:
    from mmrank.rerankers.cross_encoder import CrossEncoderReranker, MiniLMCrossEncoder

    if model:
        return CrossEncoderReranker.load(model, device=device, dtype=dtype)
    if weights is None:
        raise InputError(
            "a cross-encoder needs a model (cross-encoder:owner/name) or weights that were trained for the embedded"
            " MiniLM (weights=runs/pointwise/adapter.safetensors, written by mmrank train pointwise)"
        )
    if not Path(weights).is_file():
        raise MmrankError(f"the cross-encoder's weights {weights} are not there")
    return CrossEncoderReranker(MiniLMCrossEncoder(weights, device=device, dtype=dtype))


def _likelihood(model: str, *, max_tokens: int = 160, **of_model: Any) -> Reranker:
    from mmrank.llm.protocol import LikelihoodModel
    from mmrank.rerankers.likelihood import Likelihood

    chat = _chat(model or "smollm2-torch", of_model)
    if not isinstance(chat, LikelihoodModel):
        raise InputError(f"{model} does not say how likely an answer is; use a model that transformers runs")
    return Likelihood(chat, max_tokens=max_tokens)


def _pointwise(
    model: str,
    *,
    prompt: str = "yes-no",
    instruction: str = "",
    scale: str = "difference",
    shift: float = 0.0,
    max_tokens: int = 0,
    **of_model: Any,
) -> Reranker:
    from mmrank.rerankers.pointwise import Pointwise
    from mmrank.rerankers.prompts import JUDGE_INSTRUCTION, YES_NO, ZERO_ONE

    prompts = {"yes-no": YES_NO, "zero-one": ZERO_ONE}
    if prompt not in prompts:
        raise InputError(f"unknown prompt {prompt!r}; there are: {', '.join(prompts)}")
    return Pointwise(
        _chat(model or "smollm2-torch", of_model),
        prompt=prompts[prompt],
        instruction=instruction or JUDGE_INSTRUCTION,
        scale=scale,  # type: ignore[arg-type]
        shift=shift,
        max_tokens=max_tokens,
    )


def _thinking(think_tokens: int, temperature: float, top_p: float, seed: int, hold: bool) -> Any:
    from mmrank.rerankers.answering import Thinking

    return Thinking(think_tokens, temperature, top_p, seed, hold)


def _setwise(
    model: str,
    *,
    children: int = 19,
    top: int = 10,
    votes: int = 1,
    seed: int = 929,
    mode: str = "fixed",
    think_tokens: int = 512,
    temperature: float = 0.0,
    top_p: float = 1.0,
    hold: bool = True,
    **of_model: Any,
) -> Reranker:
    from mmrank.rerankers.setwise import Setwise

    return Setwise(
        _chat(model or "smollm2", of_model),
        children=children,
        top=top,
        votes=votes,
        seed=seed,
        mode=mode,  # type: ignore[arg-type]
        thinking=_thinking(think_tokens, temperature, top_p, seed, hold),
    )


AS_TRAINED: dict[str, Any] = {
    "window": 4,
    "stride": 2,
    "words": 11,
    "passage_words": 44,
    "by": "first-id",
    "rotations": 2,
    "think_tokens": 140,
}
"""How the listwise adapter that comes with mmrank was shown its candidates, and is therefore at inference."""


def _listwise(model: str, **settings: Any) -> Reranker:
    if model:
        return _listwise_of(model, **settings)
    from mmrank.weights import LISTWISE, shipped

    trained = AS_TRAINED | {"adapter": shipped(LISTWISE)}
    if settings.get("by") == "answer":
        del trained["rotations"]  # a written list knows none
    return _listwise_of("smollm2", **(trained | settings))


def _listwise_of(
    model: str,
    *,
    style: str = "list",
    window: int = 20,
    stride: int = 10,
    head: int | None = None,
    words: int = 40,
    passage_words: int = 0,
    by: str = "answer",
    rotations: int = 1,
    mode: str = "fixed",
    think_tokens: int = 512,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    hold: bool = True,
    **of_model: Any,
) -> Reranker:
    from mmrank.rerankers.listwise import Listwise

    return Listwise(
        _chat(model, of_model),
        style=style,  # type: ignore[arg-type]
        window=window,
        stride=stride,
        head=head,
        words=words,
        passage_words=passage_words,
        by=by,  # type: ignore[arg-type]
        rotations=rotations,
        mode=mode,  # type: ignore[arg-type]
        thinking=_thinking(think_tokens, temperature, top_p, seed, hold),
    )


def _dual_stage(model: str, *, head: int = 30, think_tokens: int = 512, **of_model: Any) -> Reranker:
    from mmrank.rerankers.compose import DualStage
    from mmrank.rerankers.listwise import Listwise
    from mmrank.rerankers.pointwise import Pointwise

    chat = _chat(model or "smollm2", of_model)
    thinking = _thinking(think_tokens, 0.0, 1.0, 0, True)
    return DualStage(Pointwise(chat), Listwise(chat, style="chain", thinking=thinking), head=head)


def _attention(
    model: str, *, task: str = "answer", words: int = 300, window: int = 0, mode: str = "fixed", **of_model: Any
) -> Reranker:
    from mmrank.llm.protocol import AttentionModel
    from mmrank.rerankers.attention import Attention

    chat = _chat(model or "smollm2-torch", of_model)
    if not isinstance(chat, AttentionModel):
        raise InputError(f"the attention of {model} cannot be read; use a model that transformers runs")
    return Attention(chat, task=task, words=words, window=window, mode=mode)  # type: ignore[arg-type]


def _cascade(model: str, *, keep: int = 8, **of_model: Any) -> Reranker:
    from mmrank.rerankers.compose import Cascade

    return Cascade(_late_interaction(""), _pointwise(model, **of_model), keep=keep, name="cascade")


def _document_cascade(
    model: str,
    *,
    keep: int = 4,
    top: int = 5,
    more: int = 5,
    weights: Sequence[float] = (1.0, 1.0, 1.0),
    missing: float | None = None,
    size: int = 50,
    overlap: int = 7,
    selector: str | Path = "minilm",
    dear: str = "pointwise",
    mode: str = "fixed",
    **of_dear: Any,
) -> Reranker:
    from mmrank.rerankers.document_cascade import DocumentCascade

    if model and ":" in dear:
        raise InputError(f"document-cascade is told two dear models, {model} and {dear}; name one of them")
    return DocumentCascade(
        _selector(selector, mode),
        load_reranker(f"{dear}:{model}" if model else dear, **of_dear),
        keep=keep,
        top=top,
        more=more,
        weights=weights,
        missing=missing,
        size=size,
        overlap=overlap,
        mode=mode,  # type: ignore[arg-type]
    )


def _selector(name: str | Path, mode: str) -> Selector:
    if name == "minilm":
        from mmrank.rerankers.minilm_selector import MiniLMSelector

        return MiniLMSelector()
    if name == "lexical":
        from mmrank.rerankers.selector import LexicalSelector

        return LexicalSelector()
    from mmrank.rerankers.ck import CKSelector

    return CKSelector.load(name, mode=mode)  # type: ignore[arg-type]


def _served(model: str, *, path: str = "rerank", batch: int = 16, max_tokens: int = 0, **of_server: Any) -> Reranker:
    from mmrank.llm.http import ModelServer
    from mmrank.rerankers.served import Served

    url, _, name = model.partition("#")
    if not url or not name:
        raise InputError("where is the server, and which model? Name both: served:http://host:8000/v1#model")
    server = ModelServer(url, **of_server)
    return Served(server, name, path=path, batch=batch, max_tokens=max_tokens)  # type: ignore[arg-type]


FAMILIES: dict[str, Callable[..., Reranker]] = {
    "late-interaction": _late_interaction,
    "cross-encoder": _cross_encoder,
    "likelihood": _likelihood,
    "pointwise": _pointwise,
    "setwise": _setwise,
    "listwise": _listwise,
    "dual-stage": _dual_stage,
    "attention": _attention,
    "cascade": _cascade,
    "document-cascade": _document_cascade,
    "served": _served,
}
"""Each builder is given the model's name ("" for the embedded one) and the settings."""


def load_reranker(name: str, *, fuse: float | None = None, first_stage: str = "score", **settings: Any) -> Reranker:
    """Load a reranker.

    Args:
        name: a family, or family:model with a model as `load_chat_model` takes it: "late-interaction",
            "pointwise:Qwen/Qwen3-VL-Reranker-2B", "listwise:http://host:8000/v1#i2vec/MM-R5".
        fuse: weight of the reranker beside the first stage's scores; None to rank by the reranker alone.
        first_stage: which score of the candidates is fused, "score" or a name in `Candidate.scores`.
        settings: those of the family's class, and of the model's engine.

    Raises:
        InputError: for an unknown family, which lists the known ones, or an unknown setting.
        MmrankError: when the model cannot be loaded.
    """
    from mmrank.rerankers.compose import Fused

    family, _, model = name.partition(":")
    if family not in FAMILIES:
        raise InputError(f"unknown reranker {family!r}; there are: {', '.join(FAMILIES)}")
    try:
        reranker = FAMILIES[family](model, **settings)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise InputError(f"{family} does not take these settings: {error}") from error
        raise
    return reranker if fuse is None else Fused(reranker, first_stage, fuse)
