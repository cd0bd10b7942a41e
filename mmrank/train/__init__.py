"""Training: losses and rewards as pure functions, trainers, data builders, and one recipe per published system.

`run_recipe` trains; `RECIPES` lists what there is.
"""

from mmrank.train.loading import RECIPES, run_recipe
from mmrank.train.protocol import TrainingReport

__all__ = ["RECIPES", "TrainingReport", "run_recipe"]
