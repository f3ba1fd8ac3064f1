"""Training: rows and labels in; tuned, calibrated, evaluated and registered models of churn and expansion out.

These names are what a notebook needs of this package; docs/python.md shows them at work. Each is imported when it is
first asked for. `backtest`, `train`, `importance` and `doubts` stand in modules of the same names, which Python would
put in their place here: `from training.backtest import backtest`.
"""

from typing import TYPE_CHECKING

from features.lazy import lazily

if TYPE_CHECKING:
    from training.comparing import Comparison, compare
    from training.dataset import Dataset, load_dataset
    from training.forecasts import refit
    from training.hazards import FittedHazards
    from training.kernel import Kernel, load_kernel
    from training.kernel.drivers import drivers
    from training.plan import Plan, make_plan
    from training.protocol import Judged, judge
    from training.recipe import Recipe
    from training.registry import RegisteredModel, challenger, champion, promote, rollback, version
    from training.train import TrainResult, train_dataset
    from training.tuning import best_recipe, tune
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "Comparison": "comparing",
            "Dataset": "dataset",
            "FittedHazards": "hazards",
            "Judged": "protocol",
            "Kernel": "kernel",
            "Plan": "plan",
            "Recipe": "recipe",
            "RegisteredModel": "registry",
            "TrainResult": "train",
            "best_recipe": "tuning",
            "challenger": "registry",
            "champion": "registry",
            "compare": "comparing",
            "drivers": "kernel.drivers",
            "judge": "protocol",
            "load_dataset": "dataset",
            "load_kernel": "kernel",
            "make_plan": "plan",
            "promote": "registry",
            "refit": "forecasts",
            "rollback": "registry",
            "train_dataset": "train",
            "tune": "tuning",
            "version": "registry",
        },
    )

__all__ = [
    "Comparison",
    "Dataset",
    "FittedHazards",
    "Judged",
    "Kernel",
    "Plan",
    "Recipe",
    "RegisteredModel",
    "TrainResult",
    "best_recipe",
    "challenger",
    "champion",
    "compare",
    "drivers",
    "judge",
    "load_dataset",
    "load_kernel",
    "make_plan",
    "promote",
    "refit",
    "rollback",
    "train_dataset",
    "tune",
    "version",
]
