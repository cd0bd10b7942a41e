"""Metrics, benchmarks, run files and reports."""

from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion, Paper, Region
from mmrank.evaluate.evaluation import Evaluation, evaluate, run_mmdocir, score_run
from mmrank.evaluate.loading import load_system, system_names
from mmrank.evaluate.protocol import Layout, System, SystemRanking
from mmrank.evaluate.report import Report, score
from mmrank.evaluate.run_files import Answered, read_run, write_run

__all__ = [
    "Answered",
    "Benchmark",
    "BenchmarkQuestion",
    "Evaluation",
    "Layout",
    "Paper",
    "Region",
    "Report",
    "System",
    "SystemRanking",
    "evaluate",
    "load_system",
    "read_run",
    "run_mmdocir",
    "score",
    "score_run",
    "system_names",
    "write_run",
]
