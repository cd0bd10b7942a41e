"""A reranker of one model, made of a name, its settings and those that it passes on: one function per family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, MmrankError
from mmrank.llm.loading import EMBEDDED, load_chat_model
from mmrank.llm.settings import ServerSettings
from mmrank.rerankers.protocol import Reranker
from mmrank.rerankers.settings import (
    AttentionSettings,
    CrossEncoderSettings,
    DocumentCascadeSettings,
    IdcmSettings,
    LateInteractionSettings,
    LikelihoodSettings,
    ListwiseSettings,
    PointwiseSettings,
    ReaderSettings,
    ServedSettings,
    SetwiseSettings,
)
from mmrank.setting_models import SettingsSection, check_settings

if TYPE_CHECKING:
    from mmrank.llm.protocol import ChatModel
    from mmrank.rerankers.listwise import Listwise
    from mmrank.rerankers.selector import Selector

SCORES, WRITES = "smollm2-torch", "smollm2"
"""The embedded model as it is fastest at scoring given text, and as it is fastest at writing."""

AS_TRAINED: dict[str, Any] = {
    "window": 4,
    "stride": 2,
    "words": 11,
    "passage_words": 44,
    "by": "first-id",
    "rotations": 2,
    "think_tokens": 140,
}
"""Settings of `listwise` without a model: how the adapter that comes with mmrank was trained."""

Further = dict[str, Any]
"""Settings that a family passes on: those that are not its own."""


def late_interaction(model: str, settings: LateInteractionSettings, _: Further) -> Reranker:
    """By vectors of tokens."""
    from mmrank.encoders.loading import load_encoder
    from mmrank.encoders.minilm import MiniLM
    from mmrank.encoders.protocol import EncoderInfo
    from mmrank.rerankers.late_interaction import LateInteraction, WeightedLateInteraction
    from mmrank.weights import LATE_INTERACTION, shipped

    device, dtype = settings.device, settings.dtype
    if not model:
        weights = settings.weights or shipped(LATE_INTERACTION)
        return WeightedLateInteraction(MiniLM(device=device, dtype=dtype), weights)
    if settings.weights is not None:
        raise InputError(
            f"weights of tokens are for the embedded MiniLM: late-interaction, not late-interaction:{model}"
        )
    encoder: Any = load_encoder(model, device=device, dtype=dtype)
    info: EncoderInfo = encoder.info
    if not info.multi_vector:
        raise InputError(f"{model} gives one vector per passage; late interaction needs one per token")
    return LateInteraction(encoder)


def cross_encoder(model: str, settings: CrossEncoderSettings, _: Further) -> Reranker:
    """By a scoring head that reads question and candidate together."""
    from mmrank.rerankers.cross_encoder import CrossEncoderReranker, MiniLMCrossEncoder

    device, dtype, weights = settings.device, settings.dtype, settings.weights
    if model and weights is not None:
        raise InputError(f"weights are for the embedded MiniLM: cross-encoder, not cross-encoder:{model}")
    if model:
        return CrossEncoderReranker.load(model, **settings.model_dump(exclude={"weights"}))
    if weights is None:
        raise InputError(
            "a cross-encoder needs a model (cross-encoder:owner/name) or weights that were trained for the embedded"
            " MiniLM (weights=runs/pointwise/adapter.safetensors, written by mmrank train pointwise)"
        )
    if not weights.is_file():
        raise MmrankError(f"the cross-encoder's weights {weights} are not there")
    return CrossEncoderReranker(MiniLMCrossEncoder(weights, device=device, dtype=dtype))


def likelihood(model: str, settings: LikelihoodSettings, of_model: Further) -> Reranker:
    """By how likely a language model finds the question after the candidate."""
    from mmrank.llm.protocol import LikelihoodModel
    from mmrank.rerankers.likelihood import Likelihood

    chat = load_chat_model(model or SCORES, **of_model)
    if not isinstance(chat, LikelihoodModel):
        raise InputError(
            f"{model or SCORES} gives no log-probability of a given text; use a model that transformers or"
            " llama.cpp runs"
        )
    return Likelihood(chat, max_tokens=settings.max_tokens)


def pointwise(model: str, settings: PointwiseSettings, of_model: Further) -> Reranker:
    """By a language model that says yes or no."""
    from mmrank.rerankers.pointwise import Pointwise
    from mmrank.rerankers.profiles import find_profile
    from mmrank.rerankers.prompts import YES_NO

    profile = find_profile("pointwise", settings.prompt, model)
    return Pointwise(
        load_chat_model(model or SCORES, **of_model),
        prompt=profile.judge if profile else YES_NO,
        instruction=settings.instruction or None,
        scale=settings.scale,
        shift=settings.shift,
        max_tokens=settings.max_tokens,
        total_tokens=settings.total_tokens,
        neutral=settings.neutral,
    )


def reader(model: str, settings: ReaderSettings, of_model: Further) -> Reranker:
    """By what `mmrank train reader` wrote."""
    from mmrank.rerankers.reader import load_reader

    return load_reader(model, settings, of_model)


def setwise(model: str, settings: SetwiseSettings, of_model: Further) -> Reranker:
    """By a language model that picks the best of several."""
    from mmrank.rerankers.answering import Thinking
    from mmrank.rerankers.profiles import find_profile
    from mmrank.rerankers.setwise import Setwise

    profile = find_profile("setwise", settings.prompt, model)
    return Setwise(
        load_chat_model(model or WRITES, **of_model),
        children=settings.children,
        top=settings.top,
        votes=settings.votes,
        seed=settings.seed,
        mode=settings.mode,
        thinking=Thinking(settings.think_tokens, settings.temperature, settings.top_p, settings.seed, settings.hold),
        layout=profile.layout if profile else None,
    )


def listwise(model: str, settings: ListwiseSettings, of_model: Further) -> Reranker:
    """By a language model that orders several and says why."""
    from mmrank.weights import LISTWISE, shipped

    if not model:
        given = settings.model_dump(exclude_unset=True)
        trained = dict(AS_TRAINED)
        if given.get("by") == "answer":
            del trained["rotations"]  # of first ids alone
        settings = ListwiseSettings(**(trained | given))
        of_model = {"adapter": shipped(LISTWISE)} | of_model
    return listwise_of(load_chat_model(model or WRITES, **of_model), model, settings)


def listwise_of(chat: ChatModel, model: str, settings: ListwiseSettings) -> Listwise:
    """The same, of a model that is loaded."""
    from mmrank.rerankers.answering import Thinking
    from mmrank.rerankers.listwise import Listwise
    from mmrank.rerankers.profiles import find_profile

    profile = find_profile("listwise", settings.prompt, model)
    style = settings.style
    if profile is not None and profile.answer != style:
        raise InputError(f"the prompt {profile.name} asks for the style {profile.answer}, not {style}")
    tokens, temperature, top_p = (8192, 0.3, 1.0) if style == "list" else (1024, 0.5, 0.9)
    if model in EMBEDDED or not model or settings.by == "first-id":
        tokens, temperature, top_p = 512, 0.0, 1.0
    thinking = Thinking(
        tokens if settings.think_tokens is None else settings.think_tokens,
        temperature if settings.temperature is None else settings.temperature,
        top_p if settings.top_p is None else settings.top_p,
        settings.seed,
        settings.hold,
    )
    return Listwise(
        chat,
        style=style,
        window=settings.window,
        stride=settings.stride,
        head=settings.head,
        words=settings.words,
        passage_words=settings.passage_words,
        by=settings.by,
        rotations=settings.rotations,
        mode=settings.mode,
        thinking=thinking,
        layout=profile.layout if profile else None,
    )


def attention(model: str, settings: AttentionSettings, of_model: Further) -> Reranker:
    """By the attention of the question to the candidates."""
    from mmrank.llm.protocol import AttentionModel
    from mmrank.rerankers.attention import Attention

    chat = load_chat_model(model or SCORES, **of_model)
    if not isinstance(chat, AttentionModel):
        raise InputError(f"the attention of {model or SCORES} cannot be read; use a model that transformers runs")
    return Attention(chat, task=settings.task, words=settings.words, window=settings.window, mode=settings.mode)


def idcm(model: str, settings: IdcmSettings, _: Further) -> Reranker:
    """By a cascade that was trained for long documents."""
    from mmrank.rerankers.idcm import Idcm

    if not model:
        raise InputError(
            "idcm needs a cascade: idcm:runs/idcm/model, written by mmrank train idcm, or a folder or name on the hub"
            " with the weights of the paper's authors as safetensors"
        )
    return Idcm.load(model, **settings.model_dump())


def selector(settings: DocumentCascadeSettings) -> Selector:
    """What chooses the windows of documents."""
    if settings.selector == "minilm":
        from mmrank.rerankers.minilm_selector import MiniLMSelector

        return MiniLMSelector()
    if settings.selector == "lexical":
        from mmrank.rerankers.selector import LexicalSelector

        return LexicalSelector()
    from mmrank.rerankers.ck import CKSelector

    return CKSelector.load(settings.selector, mode=settings.mode)


def served(model: str, settings: ServedSettings, of_server: Further) -> Reranker:
    """By a server's own reranker."""
    from mmrank.llm.http import ModelServer
    from mmrank.rerankers.served import Served

    url, _, name = model.partition("#")
    if not url or not name:
        raise InputError("where is the server, and which model? Name both: served:http://host:8000/v1#model")
    [checked] = check_settings("served", [SettingsSection("the server", ServerSettings)], of_server)
    server = ModelServer(url, **checked.model_dump())
    return Served(server, name, **settings.model_dump())
