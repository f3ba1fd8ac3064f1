"""The scoring kernel: stored LightGBM text and JSON in; calibrated probabilities, their figures and drivers out.

Its modules, put one after the other, are the MLflow models-from-code file (`training.packaging`), so they import
nothing of Tenure but each other, do nothing when imported, and need only numpy, pandas and lightgbm. A name stands
for one thing in all of them.
"""

from typing import TYPE_CHECKING

from features.lazy import lazily

if TYPE_CHECKING:
    from training.kernel.files import FORMAT, load_kernel, save_kernel
    from training.kernel.maps import SmoothMap, sigmoid
    from training.kernel.model import Encoded, Explanation, Interval, Kernel
    from training.kernel.rows import encode_rows, fill_gaps
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "FORMAT": "files",
            "load_kernel": "files",
            "save_kernel": "files",
            "SmoothMap": "maps",
            "sigmoid": "maps",
            "Encoded": "model",
            "Explanation": "model",
            "Interval": "model",
            "Kernel": "model",
            "encode_rows": "rows",
            "fill_gaps": "rows",
        },
    )

__all__ = [
    "FORMAT",
    "Encoded",
    "Explanation",
    "Interval",
    "Kernel",
    "SmoothMap",
    "encode_rows",
    "fill_gaps",
    "load_kernel",
    "save_kernel",
    "sigmoid",
]
