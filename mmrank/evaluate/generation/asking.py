"""Open-domain questions and reranking: what each arm ranks first, and what a reader answers from it."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmrank.evaluate.generation.data import AnsweredQuestion
from mmrank.evaluate.generation.sources import Generator, Retriever, Text, merge, reranked
from mmrank.evaluate.text_benchmarks import query_figures
from mmrank.llm.protocol import ChatModel, Sampling, user
from mmrank.llm.shorten import shorten
from mmrank.rerankers.protocol import Reranker

CUTS = (1, 5, 10, 20, 50, 100)
NO_TEXT = "no text"
"""The arm whose reader sees the question alone."""
PASSAGE_TOKENS, ANSWER_TOKENS = 120, 24
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

Measures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Arms:
    """Ranks texts for a question in every way that is compared.

    Attributes:
        retriever: BM25, vectors, both.
        generator: writes documents.
        rerankers: by name.
        depth: texts that are retrieved.
        rerank_depth: texts that a reranker sees.
    """

    retriever: Retriever
    generator: Generator
    rerankers: Mapping[str, Reranker] = field(default_factory=dict)
    depth: int = 20
    rerank_depth: int = 20

    def rank(self, question: str) -> dict[str, list[Text]]:
        """The texts of each arm, best first.

        `merged` holds all that `hybrid` does, and the generated documents. Each reranker orders both: what it brings
        is then told from what generated text brings.
        """
        found = {
            "bm25": self.retriever.bm25(question, self.depth),
            "dense": self.retriever.dense(question, self.depth),
            "hybrid": self.retriever.hybrid(question, self.depth),
            "generated": self.generator.write(question),
        }
        found["merged"] = merge(found["hybrid"], found["generated"])
        for name, reranker in self.rerankers.items():
            for first in ("hybrid", "merged"):
                found[f"{first}, {name}"] = reranked(reranker, question, found[first], self.rerank_depth)
        return found


def ask_question(
    question: AnsweredQuestion, arms: Arms, reader: ChatModel, *, passages: int = 3
) -> tuple[dict[str, Measures], dict[str, object]]:
    """Measures of each arm for one question, and what was found and answered.

    `accuracy@k`: a normalised answer occurs in one of the first k texts. Generated text says much that is wrong and may
    name the answer by chance, so `accuracy@k, retrieved` counts retrieved texts alone.
    """
    ranked = {NO_TEXT: [], **arms.rank(question.text)}
    measures: dict[str, Measures] = {}
    shown: dict[str, object] = {}
    answers: dict[tuple[str, ...], str] = {}
    for arm, texts in ranked.items():
        read = tuple(one.text for one in texts[:passages])
        if read not in answers:
            answers[read] = read_answer(reader, question.text, read)
        answer = answers[read]
        row = {
            "exact match": float(any(normal(answer) == normal(one) for one in question.answers)),
            "F1": max(word_f1(answer, one) for one in question.answers),
        }
        if arm != NO_TEXT:
            row |= accuracies(texts, question.answers, CUTS, arms.depth)
            row["texts generated of the first 5"] = sum(one.source == "generated" for one in texts[:5]) / 5
        measures[arm] = row
        shown[arm] = {"answer": answer, "texts": [[one.source, one.id] for one in texts[:10]]}
    return measures, {"question": question.text, "answers": question.answers, "arms": shown}


def accuracies(texts: Sequence[Text], answers: Sequence[str], cuts: Iterable[int], depth: int) -> Measures:
    """Accuracy at each cut that `depth` reaches: over all texts, and over retrieved ones alone."""
    found = [holds(one.text, answers) for one in texts]
    own = [hit and one.source == "retrieved" for hit, one in zip(found, texts, strict=True)]
    row: Measures = {}
    for k in cuts:
        if k <= depth:
            row[f"accuracy@{k}"] = float(any(found[:k]))
            row[f"accuracy@{k}, retrieved"] = float(any(own[:k]))
    return row


def rank_judged(question: str, judged: Mapping[str, int], arms: Arms) -> tuple[dict[str, Measures], dict[str, object]]:
    """nDCG@10 of each arm for one judged question.

    Generated text has no judgement, so it is never ranked here: it expands the question (`hybrid, expanded`: question
    and generated text are searched together) or conditions the reranker (`hybrid, NAME, conditioned`: the reranker is
    asked for question and generated text).
    """
    retriever, depth = arms.retriever, arms.depth
    wider = " ".join([question, *(one.text for one in arms.generator.write(question))])
    runs = {
        "bm25": retriever.bm25(question, depth),
        "dense": retriever.dense(question, depth),
        "hybrid": retriever.hybrid(question, depth),
        "bm25, expanded": retriever.bm25(wider, depth),
        "hybrid, expanded": retriever.hybrid(wider, depth),
    }
    for name, reranker in arms.rerankers.items():
        for label, asked in (("", question), (", conditioned", wider)):
            runs[f"hybrid, {name}{label}"] = reranked(reranker, asked, runs["hybrid"], arms.rerank_depth)
    measures = {}
    for arm, texts in runs.items():
        order = {one.id: float(len(texts) - at) for at, one in enumerate(texts)}
        measures[arm] = {"nDCG@10": query_figures({"q": order}, {"q": judged}, ["nDCG@10"])["q"]["nDCG@10"]}
    return measures, {"question": question, "generated": wider[len(question) :].strip()}


def read_answer(reader: ChatModel, question: str, texts: Sequence[str]) -> str:
    """A few words that answer a question from texts, or from none."""
    shown = [f"Passage {at}: {shorten(text, PASSAGE_TOKENS, reader.count_tokens)}" for at, text in enumerate(texts, 1)]
    given = "\n\n".join([*shown, f"Question: {question}"])
    asked = f"{given}\n\nAnswer with the shortest words that are right, without a sentence."
    [[written]] = reader.generate([[user(asked)]], Sampling(ANSWER_TOKENS, stop=("\n",)))
    return written.text.strip()


def normal(text: str) -> str:
    """Case, punctuation and articles aside, as SQuAD's measure has it.

    >>> normal("The Gannet, a ferry.")
    'gannet ferry'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the answers stands in a text, whole words, after `normal`."""
    plain = f" {normal(text)} "
    return any(normal(answer) and f" {normal(answer)} " in plain for answer in answers)


def word_f1(answer: str, reference: str) -> float:
    """F1 of the words of an answer and a reference, after `normal`.

    >>> word_f1("the blue ferry", "Ferry")
    0.6666666666666666
    """
    said, wanted = Counter(normal(answer).split()), Counter(normal(reference).split())
    shared = (said & wanted).total()
    return 2 * shared / (said.total() + wanted.total()) if shared else 0.0
