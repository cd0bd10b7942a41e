"""From a name to a reranker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError
from mmrank.llm.loading import EMBEDDED, ENGINES, engine_of, engine_section, load_chat_model
from mmrank.llm.settings import ServerSettings
from mmrank.rerankers import building
from mmrank.rerankers.building import SCORES, WRITES, Further
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
    from mmrank.rerankers.profiles import FamilyName

_OF_ENGINES = {name for engine in ENGINES.values() for name in engine.settings.model_fields}


def _dual_stage(model: str, settings: DualStageSettings, of_model: Further) -> Reranker:
    from mmrank.rerankers.compose import DualStage

    family, _, other = settings.first.partition(":")
    shared = not other and family == "pointwise"
    own = {name for part in _first_sections(settings.first, of_model) for name in part.model.model_fields}
    engine = engine_section(model or WRITES).model.model_fields
    chat = load_chat_model(model or WRITES, **{name: value for name, value in of_model.items() if name in engine})
    of_second = settings.model_dump(include={"prompt", "style", "think_tokens", "temperature"})
    second = building.listwise_of(chat, model, ListwiseSettings(**of_second))
    if shared:
        from mmrank.rerankers.pointwise import Pointwise

        return DualStage(Pointwise(chat), second, head=settings.head)
    of_first = {name: value for name, value in of_model.items() if name in own}
    return DualStage(load_reranker(settings.first, **of_first), second, head=settings.head)


def _cascade(model: str, settings: CascadeSettings, of_expensive: Further) -> Reranker:
    from mmrank.rerankers.compose import Cascade

    cheap, expensive = load_reranker("late-interaction"), load_reranker(_named("pointwise", model), **of_expensive)
    return Cascade(cheap, expensive, keep=settings.keep, name="cascade")


def _document_cascade(model: str, settings: DocumentCascadeSettings, of_expensive: Further) -> Reranker:
    from mmrank.rerankers.document_cascade import DocumentCascade

    return DocumentCascade(
        building.selector(settings),
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
    "late-interaction": Family(LateInteractionSettings, building.late_interaction),
    "cross-encoder": Family(CrossEncoderSettings, building.cross_encoder),
    "likelihood": Family(LikelihoodSettings, building.likelihood, _of_engine(SCORES)),
    "pointwise": Family(PointwiseSettings, building.pointwise, _of_engine(SCORES)),
    "reader": Family(ReaderSettings, building.reader, _of_reader),
    "setwise": Family(SetwiseSettings, building.setwise, _of_engine(WRITES)),
    "listwise": Family(ListwiseSettings, building.listwise, _of_engine(WRITES)),
    "dual-stage": Family(DualStageSettings, _dual_stage, _of_dual_stage),
    "attention": Family(AttentionSettings, building.attention, _of_engine(SCORES)),
    "cascade": Family(CascadeSettings, _cascade, _of_pointwise),
    "document-cascade": Family(DocumentCascadeSettings, _document_cascade, _of_expensive),
    "idcm": Family(IdcmSettings, building.idcm),
    "served": Family(ServedSettings, building.served, _of_server),
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
