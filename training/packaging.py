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

import pandas as pd

from training.kernel import Kernel, answer, curve, drivers, figures, files, maps, model, rows, save_kernel, sentences
from training.tracking import quiet_mlflow

__all__ = ["CARD_FILE", "CARD_TEXT", "KERNEL_FOLDER", "pyfunc_source", "write_pyfunc"]

KERNEL_FOLDER = "kernel"
CARD_FILE = "card.json"
CARD_TEXT = "card.md"

MODULES = (maps, rows, sentences, model, files, drivers, curve, figures, answer)
"""All of the kernel, in an order in which each finds what it needs when it is run."""

_TAIL = '''

import mlflow.pyfunc
from mlflow.models import set_model


class TenureModel(mlflow.pyfunc.PythonModel):
    """Tenure's kernel for MLflow: feature rows in; calibrated probabilities, their intervals and drivers out."""

    def load_context(self, context):
        self.kernel = load_kernel(Path(context.artifacts["kernel"]))

    def predict(self, context, model_input: pd.DataFrame, params=None):
        asked = params or {}
        return answer(self.kernel, model_input, asked.get("horizon"), asked.get("explain"))


set_model(TenureModel())
'''


def pyfunc_source() -> str:
    """The models-from-code file: the kernel's own modules one after the other, and a tail.

    It imports numpy, pandas, lightgbm and mlflow. What the modules import of each other stands above them in the one
    file.
    """
    future = "from __future__ import annotations\n"
    body = "\n\n".join(inspect.getsource(module) for module in MODULES)
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
        from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec("string" if is_text else "double", name, required=False)
        for name, is_text in figures.inputs(kernel).items()
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("string" if name == "drivers" else "double", str(name))
        for name in answer.answer(kernel, pd.DataFrame()).columns
    ]
    params = [
        ParamSpec("horizon", DataType.long, answer.headline(kernel)),
        ParamSpec("explain", DataType.long, answer.EXPLAIN),
    ]
    example = pd.DataFrame([{name: kernel.typical.get(name) for name in figures.inputs(kernel)}])
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
            signature=ModelSignature(Schema(inputs), Schema(outputs), ParamSchema(params)),
            input_example=(example, {spec.name: spec.default for spec in params}),
            pip_requirements=requirements,
        )
