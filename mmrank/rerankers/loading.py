"""From a name to a reranker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, MmrankError
from mmrank.llm.loading import EMBEDDED, ENGINES, engine_of, engine_section, load_chat_model
from mmrank.llm.settings import ServerSettings
from mmrank.rerankers.presentation import PIXELS_PER_TOKEN
from mmrank.rerankers.protocol import Reranker
from mmrank.rerankers.settings import (
    AttentionSettings,
    CascadeSettings,
    CrossEncoderSettings,
    DocumentCascadeSettings,
    DualStageSettings,
    IdcmSettings,
    LateInteractionSettings,
    LikelihoodSettings,
    ListwiseSettings,
    PointwiseSettings,
    ReaderSettings,
    ServedSettings,
    SetwiseSettings,
)
from mmrank.setting_models import SettingsModel, SettingsSection, check_settings

if TYPE_CHECKING:
    from mmrank.llm.protocol import ChatModel
    from mmrank.rerankers.listwise import Listwise
    from mmrank.rerankers.profiles import FamilyName
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

_OF_ENGINES = {name for engine in ENGINES.values() for name in engine.settings.model_fields}
Further = dict[str, Any]
"""Settings that a family passes on: those that are not its own."""


def _late_interaction(model: str, settings: LateInteractionSettings, _: Further) -> Reranker:
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


def _cross_encoder(model: str, settings: CrossEncoderSettings, _: Further) -> Reranker:
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


def _likelihood(model: str, settings: LikelihoodSettings, of_model: Further) -> Reranker:
    from mmrank.llm.protocol import LikelihoodModel
    from mmrank.rerankers.likelihood import Likelihood

    chat = load_chat_model(model or SCORES, **of_model)
    if not isinstance(chat, LikelihoodModel):
        raise InputError(
            f"{model or SCORES} gives no log-probability of a given text; use a model that transformers or"
            " llama.cpp runs"
        )
    return Likelihood(chat, max_tokens=settings.max_tokens)


def _pointwise(model: str, settings: PointwiseSettings, of_model: Further) -> Reranker:
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


def _reader(model: str, settings: ReaderSettings, of_model: Further) -> Reranker:
    from mmrank.rerankers.reader import load_reader

    return load_reader(model, settings, of_model)


def _setwise(model: str, settings: SetwiseSettings, of_model: Further) -> Reranker:
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


def _listwise(model: str, settings: ListwiseSettings, of_model: Further) -> Reranker:
    from mmrank.weights import LISTWISE, shipped

    if not model:
        given = settings.model_dump(exclude_unset=True)
        trained = dict(AS_TRAINED)
        if given.get("by") == "answer":
            del trained["rotations"]  # of first ids alone
        settings = ListwiseSettings(**(trained | given))
        of_model = {"adapter": shipped(LISTWISE)} | of_model
    return _listwise_of(load_chat_model(model or WRITES, **of_model), model, settings)


def _listwise_of(chat: ChatModel, model: str, settings: ListwiseSettings) -> Listwise:
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


def _dual_stage(model: str, settings: DualStageSettings, of_model: Further) -> Reranker:
    from mmrank.rerankers.compose import DualStage

    family, _, other = settings.first.partition(":")
    shared = not other and family == "pointwise"
    own = {name for part in _first_sections(settings.first, of_model) for name in part.model.model_fields}
    engine = engine_section(model or WRITES).model.model_fields
    chat = load_chat_model(model or WRITES, **{name: value for name, value in of_model.items() if name in engine})
    of_second = settings.model_dump(include={"prompt", "style", "think_tokens", "temperature"})
    second = _listwise_of(chat, model, ListwiseSettings(**of_second))
    if shared:
        from mmrank.rerankers.pointwise import Pointwise

        return DualStage(Pointwise(chat), second, head=settings.head)
    of_first = {name: value for name, value in of_model.items() if name in own}
    return DualStage(load_reranker(settings.first, **of_first), second, head=settings.head)


def _attention(model: str, settings: AttentionSettings, of_model: Further) -> Reranker:
    from mmrank.llm.protocol import AttentionModel
    from mmrank.rerankers.attention import Attention

    chat = load_chat_model(model or SCORES, **of_model)
    if not isinstance(chat, AttentionModel):
        raise InputError(f"the attention of {model or SCORES} cannot be read; use a model that transformers runs")
    return Attention(chat, task=settings.task, words=settings.words, window=settings.window, mode=settings.mode)


def _cascade(model: str, settings: CascadeSettings, of_expensive: Further) -> Reranker:
    from mmrank.rerankers.compose import Cascade

    cheap, expensive = load_reranker("late-interaction"), load_reranker(_named("pointwise", model), **of_expensive)
    return Cascade(cheap, expensive, keep=settings.keep, name="cascade")


def _document_cascade(model: str, settings: DocumentCascadeSettings, of_expensive: Further) -> Reranker:
    from mmrank.rerankers.document_cascade import DocumentCascade

    return DocumentCascade(
        _selector(settings),
        load_reranker(_named(settings.expensive, model), **of_expensive),
        keep=settings.keep,
        top=settings.top,
        more=settings.more,
        weights=settings.weights,
        missing=settings.missing,
        size=settings.size,
        overlap=settings.overlap,
        mode=settings.mode,
    )


def _idcm(model: str, settings: IdcmSettings, _: Further) -> Reranker:
    from mmrank.rerankers.idcm import Idcm

    if not model:
        raise InputError(
            "idcm needs a cascade: idcm:runs/idcm/model, written by mmrank train idcm, or a folder or name on the hub"
            " with the weights of the paper's authors as safetensors"
        )
    return Idcm.load(model, **settings.model_dump())


def _selector(settings: DocumentCascadeSettings) -> Selector:
    if settings.selector == "minilm":
        from mmrank.rerankers.minilm_selector import MiniLMSelector

        return MiniLMSelector()
    if settings.selector == "lexical":
        from mmrank.rerankers.selector import LexicalSelector

        return LexicalSelector()
    from mmrank.rerankers.ck import CKSelector

    return CKSelector.load(settings.selector, mode=settings.mode)


def _served(model: str, settings: ServedSettings, of_server: Further) -> Reranker:
    from mmrank.llm.http import ModelServer
    from mmrank.rerankers.served import Served

    url, _, name = model.partition("#")
    if not url or not name:
        raise InputError("where is the server, and which model? Name both: served:http://host:8000/v1#model")
    [checked] = check_settings("served", [SettingsSection("the server", ServerSettings)], of_server)
    server = ModelServer(url, **checked.model_dump())
    return Served(server, name, **settings.model_dump())


Given = Mapping[str, Any]
Sections = Callable[[str, Given], list[SettingsSection]]
"""From the model's name and all settings that were given to the sections that a family passes settings on to."""


def _of_nothing(model: str, given: Given) -> list[SettingsSection]:
    return []


def _of_engine(default: str) -> Sections:
    return lambda model, given: [engine_section(model or default)]


def _of_reader(model: str, given: Given) -> list[SettingsSection]:
    # A folder or file of mmrank's names its base model, which transformers runs.
    return [engine_section(model if model.endswith(".gguf") or "://" in model else SCORES)]


def _of_server(model: str, given: Given) -> list[SettingsSection]:
    return [SettingsSection("the server", ServerSettings)]


def _of_dual_stage(model: str, given: Given) -> list[SettingsSection]:
    first = str(given.get("first", DualStageSettings.model_fields["first"].default))
    rest = {name: value for name, value in given.items() if name not in DualStageSettings.model_fields}
    return [engine_section(model or WRITES), *_first_sections(first, rest)]


def _first_sections(first: str, given: Given) -> list[SettingsSection]:
    """Settings of a first stage that is not the second stage's model."""
    return [] if first == "pointwise" else sections_of(first, given)


def _of_pointwise(model: str, given: Given) -> list[SettingsSection]:
    return sections_of(_named("pointwise", model), given)


def _of_expensive(model: str, given: Given) -> list[SettingsSection]:
    own = DocumentCascadeSettings.model_fields
    expensive = str(given.get("expensive", own["expensive"].default))
    rest = {name: value for name, value in given.items() if name not in own}
    return sections_of(_named(expensive, model), rest)


def _named(family: str, model: str) -> str:
    """The name of a reranker that is part of another, which was given the model's name."""
    if model and ":" in family:
        raise InputError(f"two expensive models are named, {model} and {family}; name one of them")
    return f"{family}:{model}" if model else family


@dataclass(frozen=True, slots=True)
class Family:
    """How rerankers of a family are made.

    Attributes:
        settings: its own settings.
        build: makes one from the model's name ("" for the embedded one), its settings, and those it passes on.
        further: the sections of settings that it passes on.
    """

    settings: type[SettingsModel]
    build: Callable[[str, Any, Further], Reranker]
    further: Sections = _of_nothing


FAMILIES: dict[str, Family] = {
    "late-interaction": Family(LateInteractionSettings, _late_interaction),
    "cross-encoder": Family(CrossEncoderSettings, _cross_encoder),
    "likelihood": Family(LikelihoodSettings, _likelihood, _of_engine(SCORES)),
    "pointwise": Family(PointwiseSettings, _pointwise, _of_engine(SCORES)),
    "reader": Family(ReaderSettings, _reader, _of_reader),
    "setwise": Family(SetwiseSettings, _setwise, _of_engine(WRITES)),
    "listwise": Family(ListwiseSettings, _listwise, _of_engine(WRITES)),
    "dual-stage": Family(DualStageSettings, _dual_stage, _of_dual_stage),
    "attention": Family(AttentionSettings, _attention, _of_engine(SCORES)),
    "cascade": Family(CascadeSettings, _cascade, _of_pointwise),
    "document-cascade": Family(DocumentCascadeSettings, _document_cascade, _of_expensive),
    "idcm": Family(IdcmSettings, _idcm),
    "served": Family(ServedSettings, _served, _of_server),
}


def sections_of(name: str, given: Given) -> list[SettingsSection]:
    """The settings that a reranker takes: its family's, then those of the model, server or reranker inside it.

    Args:
        name: as `load_reranker` takes it.
        given: settings; of `document-cascade`, `expensive` decides what else may be set.

    Raises:
        InputError: for an unknown family or model.
    """
    family, _, model = name.partition(":")
    if family not in FAMILIES:
        raise InputError(f"unknown reranker {family!r}; there are: {', '.join(FAMILIES)}")
    return [SettingsSection(family, FAMILIES[family].settings), *FAMILIES[family].further(model, given)]


def load_reranker(name: str, *, fuse: float | None = None, first_stage: str = "score", **settings: Any) -> Reranker:
    """Load a reranker.

    Args:
        name: a family, or family:model with a model as `load_chat_model` takes it: "late-interaction",
            "pointwise:Qwen/Qwen3-VL-Reranker-2B", "listwise:http://host:8000/v1#i2vec/MM-R5".
        fuse: weight of the reranker beside the first stage's scores, 0 to 1; None to rank by the reranker alone.
        first_stage: which score of the candidates is fused, "score" or a name in `Candidate.scores`.
        settings: those of the family (`mmrank.rerankers.settings`) and of what it runs, as values or as text.

    Raises:
        InputError: for an unknown family, an unknown setting or a wrong value; the error lists what there is.
        MmrankError: when the model cannot be loaded.
    """
    from mmrank.rerankers.compose import Fused

    sections = sections_of(name, settings)
    family, _, model = name.partition(":")
    settings = {**_of_prompt(family, model, sections, settings), **settings}
    own, *_ = check_settings(name, sections, settings)
    further = {key: value for key, value in settings.items() if key not in FAMILIES[family].settings.model_fields}
    reranker = FAMILIES[family].build(model, own, further)
    return reranker if fuse is None else Fused(reranker, first_stage, fuse)


def _of_prompt(family: str, model: str, sections: Sequence[SettingsSection], given: Given) -> Further:
    """What a prompt sets unless it is given: settings of the family, and of the engine that is known to have them.

    Raises:
        InputError: when a prompt file sets what there is not.
    """
    from mmrank.rerankers.profiles import AUTO, find_profile

    if family in ("setwise", "listwise") and model in EMBEDDED:
        return {"think_tokens": 512, "temperature": 0.0}
    asked: FamilyName
    if family == "dual-stage":
        asked = "listwise"
    elif family in ("pointwise", "setwise", "listwise"):
        asked = family  # type: ignore[assignment]
    else:
        return {}
    profile = find_profile(asked, str(given.get("prompt", AUTO)), model)
    if profile is None:
        return {}
    known = {name for section in sections for name in section.model.model_fields}
    whole = known if family != "dual-stage" else {*known, *ListwiseSettings.model_fields}
    if unknown := sorted(profile.settings.keys() - whole - _OF_ENGINES):
        raise InputError(f"the prompt {profile.name} sets {unknown[0]!r}, which {family} does not have")
    found = {name: value for name, value in profile.settings.items() if name in known}
    if asked == "listwise":
        found["style"] = profile.answer
    if profile.reads_pictures and engine_of(model or WRITES) == "server":
        pixels = int(given.get("max_pixels", found.get("max_pixels", 1_003_520)))
        found["image_tokens"] = pixels // PIXELS_PER_TOKEN + 2
    return found
