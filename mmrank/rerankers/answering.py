"""Answers of models that think first; the answer itself is constrained to a form where the engine can do that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmrank.llm.forms import Framed
from mmrank.llm.protocol import Answer, Chat, ChatModel, Form, Sampling, assistant, user
from mmrank.llm.shorten import shorten

THINK, THOUGHT, ANSWER, ANSWERED = "<think>", "</think>", "<answer>", "</answer>"

SEAMS = 32
"""Upper bound of the tokens of the tags around thoughts and answer."""
FINALLY = "Now give the final answer alone, in the form asked for."
"""Asks again where an engine does not continue an answer; its tokens are taken from those of the thoughts."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """How an answer is generated.

    Args:
        tokens: upper bound of the thoughts; 0 for none.
        temperature: of the thoughts; a constrained answer is always greedy.
        top_p: of the thoughts.
        seed: of the sampling.
        hold: constrain the answer to its form, in a call of its own that continues the thoughts or, where the engine
            cannot continue them, answers a second question. Without it, and with engines that cannot constrain answers,
            the model writes freely and what it writes is parsed.
        answer_tokens: upper bound of the answer.
    """

    tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    hold: bool = True
    answer_tokens: int = 160

    @property
    def budget(self) -> int:
        """Tokens to keep free for thoughts and answer."""
        return self.tokens + self.answer_tokens + SEAMS


def answer(
    model: ChatModel, chat: Chat, form: Form, thinking: Thinking, *, opening: str, closing: str
) -> tuple[str, list[Answer]]:
    """One answer, with thoughts in think tags, and the model's calls that it needed.

    Args:
        model: the model that answers.
        chat: ends with the user's turn.
        form: what may stand between `opening` and `closing`.
        thinking: how the answer is generated.
        opening: what stands before the constrained part, e.g. "<answer>[".
        closing: what stands after it.
    """
    draw = Sampling(thinking.budget, temperature=thinking.temperature, top_p=thinking.top_p, seed=thinking.seed)
    if not (thinking.hold and model.info.holds):
        [[free]] = model.generate([chat], draw)
        return free.text, [free]
    continues = model.info.continues
    calls: list[Answer] = []
    begun = ""
    if thinking.tokens:
        first = [*chat, assistant(THINK)] if continues else chat
        [[thoughts]] = model.generate([first], replace(draw, max_tokens=thinking.tokens, stop=(THOUGHT, ANSWER)))
        calls.append(thoughts)
        # Written text may take more tokens when it is read again than it took to write.
        room = thinking.tokens if continues else max(thinking.tokens - model.count_tokens(FINALLY), 0)
        kept = shorten(thoughts.text.removeprefix(THINK).partition(THOUGHT)[0], room, model.count_tokens)
        begun = f"{THINK}{kept}{THOUGHT}\n"
        if kept.strip() and not continues:
            # Without tags: chat templates leave tagged thoughts out of earlier turns.
            chat = [*chat, assistant(kept.strip()), user(FINALLY)]
    if continues:
        chat = [*chat, assistant(begun + opening)]
    else:
        form, opening, closing = Framed(opening, form, closing), "", ""
    # Half of the seams: the tags, where they are part of the form.
    [[held]] = model.generate([chat], Sampling(thinking.answer_tokens + SEAMS // 2, seed=thinking.seed, form=form))
    calls.append(held)
    return begun + opening + held.text + closing, calls
