"""Answers in sentences, each with the boxes that it rests on."""

from mmrank.answer.result import Answer, AnswerSentence, Step

__all__ = ["Answer", "AnswerSentence", "Step"]
