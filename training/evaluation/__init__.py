"""Evaluation: labels and several models' probabilities in, figures with account-bootstrap intervals out."""

from training.evaluation.bands import risk_bands, tenure_bands, terms
from training.evaluation.figures import Difference, Figure
from training.evaluation.judging import Evaluation, evaluate
from training.evaluation.lead import LeadTime
from training.evaluation.losses import bin_of, calibration_error, log_losses
from training.evaluation.slices import Slice
from training.evaluation.stability import Stability, list_stability

__all__ = [
    "Difference",
    "Evaluation",
    "Figure",
    "LeadTime",
    "Slice",
    "Stability",
    "bin_of",
    "calibration_error",
    "evaluate",
    "list_stability",
    "log_losses",
    "risk_bands",
    "tenure_bands",
    "terms",
]
