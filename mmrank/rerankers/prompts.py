"""Prompts. Their wording is ours; the form of answers (labels, tags, ids) is what the checkpoints were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.llm.protocol import Chat, Content, Message, assistant, system, user

JUDGE_INSTRUCTION = "Given a question, retrieve the passages and pages that answer it"


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """A question about one candidate, answered by one of two tokens."""

    system: str
    opening: str
    """Before the query; {instruction} stands for the instruction."""
    between: str
    """Between query and candidate."""
    closing: str
    """After the candidate."""
    positive: str
    negative: str

    def chat(self, query: Sequence[Content], candidate: Sequence[Content], instruction: str) -> Chat:
        """The conversation, up to where the model writes the label."""
        opening = self.opening.replace("{instruction}", instruction)
        turn = user(*_joined([opening, *query, self.between, *candidate, self.closing]))
        return [system(self.system), turn] if self.system else [turn]

    def frame(self, query: str, instruction: str) -> str:
        """All text but the candidate."""
        return self.system + self.opening.replace("{instruction}", instruction) + query + self.between + self.closing


YES_NO = JudgePrompt(
    system='Decide whether the Document satisfies the Query under the Instruct. The only possible answers are "yes" '
    'and "no".',
    opening="<Instruct>: {instruction}\n\n<Query>: ",
    between="\n\n<Document>: ",
    closing="",
    positive="yes",
    negative="no",
)
"""Qwen3-VL-Reranker and lychee: fields Instruct, Query, Document; yes or no."""

ZERO_ONE = JudgePrompt(
    system="",
    opening="instruction: {instruction}\nquery: ",
    between="\ndocument: ",
    closing="\nAs an expert on search relevance, say whether the document is relevant to the query: 1 if it is, 0 if it"
    " is not.\nRelevance:",
    positive="1",
    negative="0",
)
"""ProRank: 1 or 0."""

SETWISE_SYSTEM = (
    "You help people find documents. Think first, between <think> and </think>; then answer, between <answer> and"
    " </answer>. For example: <think> your reasoning </think> <answer> your answer </answer>."
)
SETWISE_SYSTEM_PLAIN = "You help people find documents. Answer between <answer> and </answer>."


def setwise_chat(query: Sequence[Content], candidates: Sequence[Sequence[Content]], *, reason: bool) -> list[Message]:
    """Which of the labelled candidates is the most relevant? (Rank-R1)"""
    asked: list[Content] = ["Query: ", *query, "\n\nDocuments:\n"]
    for i, content in enumerate(candidates, 1):
        asked += [f"[{i}] ", *content, "\n"]
    first = "Compare the documents, then say" if reason else "Say"
    asked.append(
        f"\n{first} which one is the most relevant to the query. Give only its label in brackets inside the answer"
        " tags, for example <answer>[2]</answer>."
    )
    return [system(SETWISE_SYSTEM if reason else SETWISE_SYSTEM_PLAIN), user(*_joined(asked))]


LISTWISE_SYSTEM = (
    "You rank candidates by how well they answer a question. Think first, between <think> and </think>; then give the"
    " ranking, between <answer> and </answer>."
)


def listwise_chat(
    query: Sequence[Content], candidates: Sequence[Sequence[Content]], *, noun: str, words: int
) -> list[Message]:
    """Reasons for each candidate, then all ids, best first. (MM-R5)

    The form is shown without numbers: a small model copies an example's order. The question comes last: a causal model
    reads it beside the candidates only if they stand before it.

    Args:
        query: what is asked.
        candidates: numbered from 1.
        noun: what a candidate is called: "Image" or "Passage".
        words: words per reason.
    """
    count = len(candidates)
    asked: list[Content] = [
        f"Rank the {count} {noun.lower()}s below by their relevance to the question after them. First write a line on"
        f" each, at most {words} words: <think>{noun} 1: why it helps or does not. {noun} 2: …</think>. Then give the"
        f" ids of all {count}, most relevant first: <answer>[id, id, …]</answer>.\n"
    ]
    for i, content in enumerate(candidates, 1):
        asked += [f"\n{noun} {i}: ", *content]
    asked += ["\n\nQuestion: ", *query]
    return [system(LISTWISE_SYSTEM), user(*_joined(asked))]


def stepwise_chat(query: Sequence[Content], candidates: Sequence[Sequence[Content]]) -> list[Message]:
    """Each passage in a turn of its own, acknowledged; then three steps and a chain of ids. (DeAR, stage 2)"""
    count = len(candidates)
    chat = [
        system("You are a ranking assistant: you order passages by how relevant they are to a query."),
        user(*_joined([f"{count} passages follow, each with its id in brackets. Rank them for the query: ", *query])),
        assistant("Understood. Please send the passages."),
    ]
    for i, content in enumerate(candidates, 1):
        chat += [user(*_joined([f"[{i}] ", *content])), assistant(f"Passage [{i}] received.")]
    chat.append(
        user(
            *_joined(
                [
                    "Query: ",
                    *query,
                    "\nWork in three steps between <think> and </think>: 1. what the query needs to know; 2. which"
                    f" passages hold it; 3. rank all {count} passages so that the needs are covered clearly and from"
                    " several sides. After </think> write only the ranking with all ids, best first, in the form"
                    " [2] > [1].",
                ]
            )
        )
    )
    return chat


def likelihood_chat(candidate: Sequence[Content], query: Sequence[Content]) -> list[Message]:
    """A passage, and the question as the model's answer. (UPR)"""
    asked = ["Passage: ", *candidate, "\n\nWrite a question that this passage answers."]
    return [system("You ask questions."), user(*_joined(asked)), assistant("".join(map(str, query)))]


ICR_OPENING = " Here are some paragraphs:"
ICR_ANSWER = "Please answer the question below from the paragraphs above."
ICR_FIND = "Please find in the paragraphs above what is relevant to the query below."


REASON_BEGINS = "The passage says that"
"""Begins a reason where the engine continues a started answer; a small model would praise the passage instead."""


def reason_chat(query: Sequence[Content], candidate: Sequence[Content]) -> list[Message]:
    """What one hit says about the question, in a sentence."""
    asked = ["Passage: ", *candidate, "\n\nQuestion: ", *query]
    return [user(*_joined([*asked, "\n\nAnswer in one short sentence, using the passage."]))]


def _joined(pieces: Sequence[Content]) -> list[Content]:
    """Neighbouring texts as one."""
    out: list[Content] = []
    for piece in pieces:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return out
