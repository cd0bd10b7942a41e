"""Metrics, benchmarks, run files and reports."""
