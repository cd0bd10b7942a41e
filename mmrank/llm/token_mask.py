"""Which tokens may come next under a form; shared by the engines that see every token."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.llm.protocol import Form


class TokenMask:
    """Constrains a model to a form, token by token.

    Args:
        form: what the answer may look like.
        pieces: the text of each token of the vocabulary; control tokens as "".
        stop_ids: tokens that end an answer.
        decode: token ids to text.
    """

    def __init__(
        self, form: Form, pieces: Sequence[str], stop_ids: Sequence[int], decode: Callable[[list[int]], str]
    ) -> None:
        self._form = form
        alphabet = getattr(form, "alphabet", None)
        self._tokens = [
            (i, piece) for i, piece in enumerate(pieces) if piece and (alphabet is None or alphabet.issuperset(piece))
        ]
        self._stop_ids = list(stop_ids)
        self._decode = decode

    def allowed(self, written: list[int]) -> NDArray[np.int64]:
        """Ids of the tokens that may follow what was written.

        Raises:
            MmrankError: when the vocabulary has no token that continues the form.
        """
        text = self._decode(written) if written else ""
        if self._form.is_complete(text):
            return np.array(self._stop_ids, dtype=np.int64)
        ids = [i for i, piece in self._tokens if self._form.allows(text + piece)]
        if not ids:
            raise MmrankError(f"the model's vocabulary cannot write an answer of the wanted form after {text!r}")
        return np.array(ids, dtype=np.int64)
