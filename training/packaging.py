"""Packaging: a kernel and its card in, an MLflow pyfunc folder (models from code, no pickle) out."""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.kernel import Kernel, files, maps, model, rows, save_kernel
from training.tracking import quiet_mlflow

__all__ = ["CARD_FILE", "CARD_TEXT", "KERNEL_FOLDER", "pyfunc_source", "write_pyfunc"]

KERNEL_FOLDER = "kernel"
CARD_FILE = "card.json"
CARD_TEXT = "card.md"

_TAIL = '''

import mlflow.pyfunc
from mlflow.models import set_model


class TenureModel(mlflow.pyfunc.PythonModel):
    """Tenure's kernel for MLflow: feature rows in, one column of calibrated probabilities per horizon out."""

    def load_context(self, context):
        self.kernel = load_kernel(Path(context.artifacts["kernel"]))

    def predict(self, context, model_input: pd.DataFrame, params=None):
        names = {h: f"{self.kernel.outcome}_{h}d" for h in self.kernel.horizons}
        columns = {name: self.kernel.probabilities(model_input, h) for h, name in names.items()}
        return pd.DataFrame(columns, index=model_input.index)


set_model(TenureModel())
'''


def pyfunc_source() -> str:
    """The models-from-code file: the kernel's own modules one after the other, and a tail.

    It imports numpy, pandas, lightgbm and mlflow. What the modules import of each other stands above them in the one
    file.
    """
    future = "from __future__ import annotations\n"
    body = "\n\n".join(inspect.getsource(module) for module in (maps, rows, model, files))
    body = re.sub(r"^from training\.kernel\.\w+ import .*\n", "", body.replace(future, ""), flags=re.MULTILINE)
    return future + body + _TAIL


def write_pyfunc(kernel: Kernel, card: Mapping[str, Any], folder: Path, *, card_text: str = "") -> None:
    """Write an MLflow pyfunc model into a new folder; nothing is tracked or registered.

    The kernel's files and the card are in `artifacts/kernel`, which Tenure reads without running the rest; so is
    `card_text`, the card as a person reads it, where it is given.
    """
    with quiet_mlflow():
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec("string" if name in kernel.categories else "double", name, required=False)
        for name in kernel.feature_names
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("double", f"{kernel.outcome}_{horizon}d") for horizon in kernel.horizons
    ]
    requirements = [f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas", "lightgbm")]
    with tempfile.TemporaryDirectory() as scratch, quiet_mlflow():
        kernel_folder = Path(scratch) / KERNEL_FOLDER
        save_kernel(kernel, kernel_folder)
        text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (kernel_folder / CARD_FILE).write_text(text, encoding="utf-8")
        if card_text:
            (kernel_folder / CARD_TEXT).write_text(card_text, encoding="utf-8")
        code = Path(scratch) / "tenure_model.py"
        code.write_text(pyfunc_source(), encoding="utf-8")
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(code),
            artifacts={KERNEL_FOLDER: str(kernel_folder)},
            signature=ModelSignature(Schema(inputs), Schema(outputs)),
            pip_requirements=requirements,
        )
