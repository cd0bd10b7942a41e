"""Retrieved and generated text compared: open-domain questions, reranking, language modelling.

Follows "From Retrieval to Generation: Comparing Different Approaches" (Abdallah et al., 2025). What of its set-up is
not published is fixed here and named in `settings`.
"""

from __future__ import annotations

from mmrank.evaluate.generation.data import GenerationData, load_generation_data
from mmrank.evaluate.generation.report import GenerationReport, report_of
from mmrank.evaluate.generation.run import compare_generation

__all__ = ["GenerationData", "GenerationReport", "compare_generation", "load_generation_data", "report_of"]
