"""The embedded MiniLM as a model of transformers: to be trained further, or given a head."""

from __future__ import annotations

from typing import Any


def bert_tokenizer() -> Any:
    """Its tokenizer (fast)."""
    from transformers import AutoTokenizer

    from mmrank.encoders.minilm_weights import embedded_folder

    return AutoTokenizer.from_pretrained(embedded_folder(), trust_remote_code=False, local_files_only=True)


def bert_model() -> Any:
    """The encoder without a head, float32, weights verified."""
    from transformers import BertConfig, BertModel

    from mmrank.encoders.minilm_network import verified_weights
    from mmrank.encoders.minilm_weights import embedded_folder

    model = BertModel(BertConfig.from_pretrained(embedded_folder()), add_pooling_layer=False)
    weights = {k: v for k, v in verified_weights(embedded_folder()).items() if not k.startswith("pooler.")}
    model.load_state_dict(weights, strict=False)
    return model.eval()
