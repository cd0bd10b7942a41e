"""Loading the processor of a vision-language checkpoint, without the half that reads videos.

mmrank shows models pictures, never videos. Of the processors of Qwen and SmolVLM only the video half needs
torchvision, and a checkpoint that was saved without that half cannot be loaded with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


def load_processor(name: str, **options: Any) -> Any:
    """What `AutoProcessor.from_pretrained(name, **options)` gives, without video.

    Code of the checkpoint's own runs only with `trust_remote_code=True`; nobody is asked.

    Raises:
        OSError: when there is no such checkpoint.
    """
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name

    options = {"trust_remote_code": False, **options}
    passed_on = ("revision", "cache_dir", "local_files_only", "token", "trust_remote_code", "subfolder")
    config = AutoConfig.from_pretrained(name, **{key: options[key] for key in passed_on if key in options})
    listed = PROCESSOR_MAPPING_NAMES.get(config.model_type)
    kind = processor_class_from_name(listed) if isinstance(listed, str) else None
    if kind is not None and "video_processor" in kind.get_attributes():
        return without_video(kind).from_pretrained(name, **options)
    return AutoProcessor.from_pretrained(name, **options)


@cache
def without_video(kind: type[Any]) -> type[Any]:
    """A processor class that takes and stores no video processor; its name on disk stays that of `kind`.

    A processor made by it is called like its parent: `without_video(Qwen3VLProcessor)(pictures, tokenizer, None)`.
    """

    from transformers import ProcessorMixin

    def get_attributes(cls: type[Any]) -> list[str]:
        return [name for name in kind.get_attributes() if name != "video_processor"]

    def from_args_and_dict(cls: type[Any], /, args: list[Any], processor_dict: dict[str, Any], **options: Any) -> Any:
        # Classes like SmolVLM's take the video processor by position, without a default.
        return kind.from_args_and_dict.__func__(cls, [*args, None], processor_dict, **options)

    return type(
        kind.__name__,
        (kind,),
        {
            "__doc__": kind.__doc__,
            "__module__": kind.__module__,
            "get_attributes": classmethod(get_attributes),
            "from_args_and_dict": classmethod(from_args_and_dict),
            "apply_chat_template": ProcessorMixin.apply_chat_template,  # SmolVLM's own only adds videos
        },
    )


@contextmanager
def sentence_transformers_without_video() -> Iterator[None]:
    """While it lasts, models loaded by sentence-transformers get their processor from `load_processor`."""
    from sentence_transformers.base.modules import transformer

    class Loader:
        from_pretrained = staticmethod(load_processor)

    found = transformer.AutoProcessor
    transformer.AutoProcessor = Loader
    try:
        yield
    finally:
        transformer.AutoProcessor = found
