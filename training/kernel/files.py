"""Files: a kernel in, model.json and LightGBM text files out, and back; nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm

from training.kernel.maps import SmoothMap
from training.kernel.model import Interval, Kernel
from training.kernel.sentences import Wording

__all__ = ["FORMAT", "load_kernel", "save_kernel"]

FORMAT = "tenure-kernel-3"
_MODEL_FILE = "model.json"


def save_kernel(kernel: Kernel, folder: Path) -> None:
    """Write model.json and the LightGBM text files into a folder, creating it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def written(name: str, text: str) -> dict[str, str]:
        content = text.encode("utf-8")
        (folder / name).write_bytes(content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest()}

    intervals = []
    for interval, base in zip(kernel.intervals, kernel.base, strict=True):
        share = interval.share
        intervals.append(
            {
                "until": interval.until,
                "trees": written(f"{kernel.outcome}_{interval.until}d.txt", interval.trees),
                "fills": dict(interval.fills),
                "calibration": interval.calibration._asdict(),
                "share": share._asdict() if isinstance(share, SmoothMap) else share,
                "renewal_share": interval.renewal_share,
                "base": base,
            }
        )
    document = {
        "format": FORMAT,
        "outcome": kernel.outcome,
        "catalogue_hash": kernel.catalogue_hash,
        "intervals": intervals,
        "covariance": kernel.covariance.tolist(),
        "share_trees": written("involuntary.txt", kernel.share_trees) if kernel.share_trees else None,
        "share_fills": kernel.share_fills,
        "ratio_trees": written("ratio.txt", kernel.ratio_trees) if kernel.ratio_trees else None,
        "ratio_fills": kernel.ratio_fills,
        "ratios": {str(horizon): list(pair) for horizon, pair in kernel.ratios.items()},
        "feature_names": list(kernel.feature_names),
        "categories": kernel.categories,
        "typical": kernel.typical,
        "words": {name: wording._asdict() for name, wording in kernel.words.items()},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / _MODEL_FILE).write_text(text + "\n", encoding="utf-8")


def load_kernel(folder: Path) -> Kernel:
    """Read what `save_kernel` wrote; nothing in the folder is executed.

    Raises
    ------
    ValueError : a file is missing, altered, or not a Tenure model; the text is one plain sentence.
    """
    folder = Path(folder)
    try:
        document = json.loads((folder / _MODEL_FILE).read_text(encoding="utf-8"))
    except OSError:
        raise ValueError(f"There is no readable {_MODEL_FILE} in {folder}; it holds no Tenure model.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"The model file {folder / _MODEL_FILE} is damaged: it is not valid JSON.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(
            f"The file {folder / _MODEL_FILE} is not a model that this version reads ({FORMAT}); train again."
        )
    try:
        words = {name: _read_wording(entry) for name, entry in document["words"].items()}
        _ = [words[name] for name in document["feature_names"]]
        return Kernel(
            [_read_interval(folder, entry) for entry in document["intervals"]],
            _read_texts(document["feature_names"]),
            {name: _read_texts(values) for name, values in document["categories"].items()},
            {name: v if v is None or isinstance(v, str) else _number(v) for name, v in document["typical"].items()},
            _text(document["catalogue_hash"]),
            _text(document["outcome"]),
            _read_square(document["covariance"]),
            _read_trees(folder, document["share_trees"]),
            _read_numbers(document["share_fills"]),
            _read_trees(folder, document["ratio_trees"]),
            _read_numbers(document["ratio_fills"]),
            _read_ratios(document["ratios"]),
            words,
        )
    except (KeyError, TypeError, AttributeError, OverflowError):
        raise ValueError(
            f"The model file {folder / _MODEL_FILE} is damaged: an entry is missing or has the wrong type."
        ) from None
    except lightgbm.basic.LightGBMError:
        raise ValueError(f"The trees in {folder} cannot be read by this version of LightGBM.") from None


def _read_interval(folder: Path, entry: Mapping[str, Any]) -> Interval:
    share = entry["share"]
    return Interval(
        _days(entry["until"]),
        _read_trees(folder, entry["trees"]),
        _read_numbers(entry["fills"]),
        _read_map(entry["calibration"]),
        _read_map(share) if isinstance(share, dict) else None if share is None else _number(share),
        _number(entry["renewal_share"]),
    )


def _read_map(entry: Mapping[str, Any]) -> SmoothMap:
    return SmoothMap(*(tuple(_number(value) for value in entry[name]) for name in SmoothMap._fields))


def _read_wording(entry: Mapping[str, Any]) -> Wording:
    texts = {name: _text(entry[name]) for name in Wording._fields if name != "actionable"}
    if not isinstance(entry["actionable"], bool):
        raise TypeError
    return Wording(**texts, actionable=entry["actionable"])


def _read_numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {name: _number(value) for name, value in entry.items()}


def _read_ratios(entry: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    found = {}
    for horizon, pair in entry.items():
        if not horizon.isdecimal() or len(pair) != 2:
            raise TypeError
        found[int(horizon)] = (_number(pair[0]), _number(pair[1]))
    return found


def _read_square(entry: Any) -> list[list[float]]:
    square = [[_number(value) for value in row] for row in entry]
    if any(len(row) != len(square) for row in square):
        raise TypeError
    return square


def _read_texts(entry: Any) -> list[str]:
    if not isinstance(entry, list):
        raise TypeError
    return [_text(value) for value in entry]


def _number(value: Any) -> float:
    """A finite number; `float` would also take text, and say in its own words what it does not take."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _days(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError
    return int(_number(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_trees(folder: Path, file: Mapping[str, Any] | None) -> str:
    if file is None:
        return ""
    # A damaged tree file can crash LightGBM's reader outright, so it is only handed what was written.
    name, sha256 = _text(file["file"]), _text(file["sha256"])
    if Path(name).name != name:
        raise ValueError(f"The model file {folder / _MODEL_FILE} names a tree file outside its folder.")
    try:
        content = (folder / name).read_bytes()
    except OSError:
        raise ValueError(f"The tree file {name} is missing in {folder}; restore the folder or train again.") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"The tree file {name} in {folder} is damaged: it is not what was saved.")
    text = content.decode("utf-8", errors="replace")
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise ValueError(f"The tree file {name} in {folder} is not a LightGBM model.")
    return text
