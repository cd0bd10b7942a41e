"""Metrics, benchmarks, run files and reports."""

from mmrank.evaluate.benchmark import Benchmark, Paper, Question, Region
from mmrank.evaluate.evaluation import Evaluation, evaluate, run_mmdocir, score_run, system_names
from mmrank.evaluate.report import Report, score
from mmrank.evaluate.runs import Answered, read_run, write_run
from mmrank.evaluate.systems import Layout, Ranking, System

__all__ = [
    "Answered",
    "Benchmark",
    "Evaluation",
    "Layout",
    "Paper",
    "Question",
    "Ranking",
    "Region",
    "Report",
    "System",
    "evaluate",
    "read_run",
    "run_mmdocir",
    "score",
    "score_run",
    "system_names",
    "write_run",
]
