"""Prompts. Their wording is ours; the form of answers (labels, tags, ids) is what the checkpoints were trained on.

Layouts of single checkpoints, and words of your own, are in `mmrank.rerankers.profiles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.llm.protocol import Chat, Content, Message, assistant, system, user
from mmrank.rerankers.layout import Layout, Turn, joined

JUDGE_INSTRUCTION = "Given a question, retrieve the passages and pages that answer it"


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """A question about one candidate, answered by one of two tokens.

    Args:
        layout: the conversation.
        positive: label of a relevant candidate.
        negative: label of another.
        instruction: what relevance means, where nothing else is said; "" for nothing.
    """

    layout: Layout
    positive: str = "yes"
    negative: str = "no"
    instruction: str = JUDGE_INSTRUCTION

    def chat(self, query: Sequence[Content], candidate: Sequence[Content], instruction: str) -> Chat:
        """The conversation, up to where the model writes the label."""
        return self.layout.chat(query, [candidate], instruction=instruction)

    def frame(self, query: str, instruction: str) -> str:
        """All text but the candidate."""
        return "".join(message.text for message in self.chat((query,), (), instruction))


YES_NO = JudgePrompt(
    Layout(
        (
            Turn(
                "system",
                "Decide whether the Document satisfies the Query under the Instruct. The only possible answers are"
                ' "yes" and "no".',
            ),
            Turn("user", "<Instruct>: {instruction}\n\n<Query>: {query}\n\n<Document>: {candidate}"),
        )
    )
)
"""Fields Instruct, Query, Document; yes or no."""

ZERO_ONE = JudgePrompt(
    Layout(
        (
            Turn(
                "user",
                "instruction: {instruction}\nquery: {query}\ndocument: {candidate}\nAs an expert on search relevance,"
                " say whether the document is relevant to the query: 1 if it is, 0 if it is not.\nRelevance:",
            ),
        )
    ),
    positive="1",
    negative="0",
    instruction="",
)
"""ProRank: 1 or 0. The instruction is left out unless one is given."""

TEMPLATE = JudgePrompt(
    Layout((Turn("system", "{instruction}"), Turn("query", "{query}"), Turn("document", "{candidate}")))
)
"""The checkpoint's own chat template, which takes a query and a document and writes everything around them."""

_SETWISE_ASKED = (
    "Query: {query}\n\nDocuments:\n{candidates}\nSAY which one is the most relevant to the query. Give only its label"
    " in brackets inside the answer tags, for example <answer>[2]</answer>."
)
SETWISE = Layout(
    (
        Turn(
            "system",
            "You help people find documents. Think first, between <think> and </think>; then answer, between <answer>"
            " and </answer>. For example: <think> your reasoning </think> <answer> your answer </answer>.",
        ),
        Turn("user", _SETWISE_ASKED.replace("SAY", "Compare the documents, then say")),
    ),
    candidate="[{number}] {candidate}\n",
)
"""Which of the labelled candidates is the most relevant? (Rank-R1)"""
SETWISE_PLAIN = Layout(
    (
        Turn("system", "You help people find documents. Answer between <answer> and </answer>."),
        Turn("user", _SETWISE_ASKED.replace("SAY", "Say")),
    ),
    candidate="[{number}] {candidate}\n",
)
"""The same without thoughts."""


def setwise_chat(query: Sequence[Content], candidates: Sequence[Sequence[Content]], *, reason: bool) -> list[Message]:
    """`SETWISE`, or without thoughts `SETWISE_PLAIN`."""
    return (SETWISE if reason else SETWISE_PLAIN).chat(query, candidates)


LISTWISE = Layout(
    (
        Turn(
            "system",
            "You rank candidates by how well they answer a question. Think first, between <think> and </think>; then"
            " give the ranking, between <answer> and </answer>.",
        ),
        Turn(
            "user",
            "Rank the {count} {nouns} below by their relevance to the question after them. First write a line on each,"
            " at most {words} words: <think>{noun} 1: why it helps or does not. {noun} 2: …</think>. Then give the ids"
            " of all {count}, most relevant first: <answer>[id, id, …]</answer>.\n{candidates}\n\nQuestion: {query}",
        ),
    ),
    candidate="\n{noun} {number}: {candidate}",
)
"""Reasons for each candidate, then all ids, best first.

The form is shown without numbers: a small model copies an example's order. The question comes last: a causal model
reads it beside the candidates only if they stand before it.
"""


def listwise_chat(
    query: Sequence[Content], candidates: Sequence[Sequence[Content]], *, noun: str, words: int
) -> list[Message]:
    """`LISTWISE`.

    Args:
        query: what is asked.
        candidates: numbered from 1.
        noun: what a candidate is called: "Image" or "Passage".
        words: words per reason.
    """
    return LISTWISE.chat(query, candidates, noun=noun, words=words)


STEPWISE = Layout(
    (
        Turn("system", "You are a ranking assistant: you order passages by how relevant they are to a query."),
        Turn("user", "{count} passages follow, each with its id in brackets. Rank them for the query: {query}"),
        Turn("assistant", "Understood. Please send the passages."),
        Turn("user", "[{number}] {candidate}", each=True),
        Turn("assistant", "Passage [{number}] received.", each=True),
        Turn(
            "user",
            "Query: {query}\nWork in three steps between <think> and </think>: 1. what the query needs to know; 2."
            " which passages hold it; 3. rank all {count} passages so that the needs are covered clearly and from"
            " several sides. After </think> write only the ranking with all ids, best first, in the form [2] > [1].",
        ),
    )
)
"""Each passage in a turn of its own, acknowledged; then three steps and a chain of ids. (DeAR, stage 2)"""


def stepwise_chat(query: Sequence[Content], candidates: Sequence[Sequence[Content]]) -> list[Message]:
    """`STEPWISE`."""
    return STEPWISE.chat(query, candidates)


def likelihood_chat(candidate: Sequence[Content], query: Sequence[Content]) -> list[Message]:
    """A passage, and the question as the model's answer. (UPR)"""
    asked = ["Passage: ", *candidate, "\n\nWrite a question that this passage answers."]
    return [system("You ask questions."), user(*joined(asked)), assistant("".join(map(str, query)))]


ICR_OPENING = " Here are some paragraphs:"
ICR_ANSWER = "Please answer the question below from the paragraphs above."
ICR_FIND = "Please find in the paragraphs above what is relevant to the query below."


REASON_BEGINS = "The passage says that"
"""Begins a reason where the engine continues a started answer; a small model would praise the passage instead."""


def reason_chat(query: Sequence[Content], candidate: Sequence[Content]) -> list[Message]:
    """What one hit says about the question, in a sentence."""
    asked = ["Passage: ", *candidate, "\n\nQuestion: ", *query]
    return [user(*joined([*asked, "\n\nAnswer in one short sentence, using the passage."]))]
