"""A stored kernel: the same bytes after saving and loading, and one sentence for every kind of damage."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.kernel import Interval, Kernel, SmoothMap, load_kernel, save_kernel
from training.kernel.drivers import drivers
from training.kernel.sentences import Wording

IDENTITY = SmoothMap((), (), (0.0, 1.0))


def test_saved_and_loaded_it_gives_the_same_bytes(kernels: ModuleType, tmp_path: Path) -> None:
    rows = kernels.rows(4, 30)
    for seed in range(6):
        kernel, (a, b) = kernels.kernel(Random(seed)), (tmp_path / f"a{seed}", tmp_path / f"b{seed}")
        save_kernel(kernel, a)
        loaded = load_kernel(a)
        save_kernel(loaded, b)
        names = sorted(path.name for path in a.iterdir())
        assert names == sorted(path.name for path in b.iterdir())
        assert all((a / name).read_bytes() == (b / name).read_bytes() for name in names)
        assert loaded.intervals == kernel.intervals
        assert {Path(name).suffix for name in names} == {".json", ".txt"}
        for attribute in (
            "horizons",
            "feature_names",
            "categories",
            "typical",
            "catalogue_hash",
            "outcome",
            "ratios",
            "words",
        ):
            assert getattr(loaded, attribute) == getattr(kernel, attribute)
        for horizon in kernel.horizons:
            ours, theirs = kernels.everything(kernel, rows, horizon), kernels.everything(loaded, rows, horizon)
            assert all(kernels.same(ours[name], theirs[name]) for name in ours)


def test_a_fitted_kernel_too(kernels: ModuleType, fitted: Any, tmp_path: Path) -> None:
    save_kernel(fitted.kernel, tmp_path)
    loaded, rows = load_kernel(tmp_path), fitted.dataset.rows.head(200)
    assert loaded.horizons == fitted.kernel.horizons == (30, 90)
    assert loaded.intervals == fitted.kernel.intervals
    for horizon in loaded.horizons:
        ours, theirs = kernels.everything(fitted.kernel, rows, horizon), kernels.everything(loaded, rows, horizon)
        assert all(kernels.same(ours[name], theirs[name]) for name in ours)
        e = loaded.explain(rows, horizon)
        assert np.abs(e.typical_probability + e.points.sum(axis=1) - e.probability).max() < 1e-9
        for i in range(0, 200, 23):
            alone = kernels.everything(loaded, rows.iloc[[i]], horizon)
            assert all(kernels.same(alone[name], ours[name][[i]]) for name in ours)


def _edit(*path: Any, value: Any = None, remove: bool = False) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        if remove:
            del document[path[-1]]
        else:
            document[path[-1]] = value

    return change


EDITS: dict[str, Callable[[Any], None]] = {
    "foreign": _edit("format", value="someone-elses"),
    "older": _edit("format", value="tenure-kernel-2"),
    "falling calibration": _edit("intervals", 0, "calibration", "coefficients", value=[0.0, -1.0]),
    "calibration of text": _edit("intervals", 0, "calibration", "coefficients", value=["0", "1"]),
    "calibration as text": _edit("intervals", 0, "calibration", "coefficients", value="01"),
    "no calibration": _edit("intervals", 1, "calibration", remove=True),
    "no coefficients": _edit("intervals", 1, "calibration", "coefficients", remove=True),
    "text for a map": _edit("intervals", 1, "calibration", value="logistic"),
    "endless horizon": _edit("intervals", 1, "until", value=math.inf),
    "half a day": _edit("intervals", 1, "until", value=90.5),
    "text for a horizon": _edit("intervals", 1, "until", value="90"),
    "no intervals": _edit("intervals", value=[]),
    "number for intervals": _edit("intervals", value=3),
    "share of text": _edit("intervals", 0, "share", value="half"),
    "share above 1": _edit("intervals", 0, "share", value=7),
    "fill of text": _edit("intervals", 0, "fills", value={"a": "low"}),
    "fills in a list": _edit("intervals", 0, "fills", value=[1]),
    "other features": _edit("feature_names", 0, value="else"),
    "features as text": _edit("feature_names", value="abcd"),
    "categories as text": _edit("categories", "plan", value="basic"),
    "categories of numbers": _edit("categories", "plan", value=[1, 2]),
    "typical values in a list": _edit("typical", value=["a"]),
    "typical value of lists": _edit("typical", "a", value=[1]),
    "ragged covariance": _edit("covariance", 0, value=[1.0]),
    "covariance too small": _edit("covariance", value=[[1.0]]),
    "covariance of text": _edit("covariance", 0, 0, value="1"),
    "covariance not a number": _edit("covariance", 0, 0, value=math.nan),
    "covariance too large for a float": _edit("covariance", 0, 0, value=10**400),
    "ratio of one number": _edit("ratios", "90", value=[1.0]),
    "ratio of text": _edit("ratios", "90", value=["a", "b"]),
    "ratio as text": _edit("ratios", "90", value="ab"),
    "ratio of no horizon": _edit("ratios", "soon", value=[1.0, 0.0]),
    "path outside": _edit("intervals", 0, "trees", "file", value="../../secret"),
    "path of nothing": _edit("intervals", 0, "trees", "file", value=""),
    "another file's checksum": _edit("intervals", 0, "trees", "sha256", value="0" * 64),
    "checksum is a number": _edit("intervals", 0, "trees", "sha256", value=5),
    "no share trees": _edit("share_trees", remove=True),
    "number for outcome": _edit("outcome", value=3),
    "no hash": _edit("catalogue_hash", remove=True),
    "no words": _edit("words", remove=True),
    "words in a list": _edit("words", value=["a"]),
    "no words for a feature": _edit("words", "a", remove=True),
    "words as text": _edit("words", "a", value="A is {value}"),
    "no sentence": _edit("words", "a", "sentence", remove=True),
    "empty sentence": _edit("words", "a", "sentence", value=" "),
    "sentence of a number": _edit("words", "a", "sentence", value=3),
    "sentence about a feature without words": _edit("words", "a", "sentence", value="{value} of {seats}"),
    "missing is nothing": _edit("words", "plan", "missing", value=None),
    "unknown way of writing": _edit("words", "b", "show", value="roman"),
    "way of writing without its words": _edit("words", "b", "show", value="until|ends"),
    "actionable as text": _edit("words", "b", "actionable", value="no"),
    "actionable as a number": _edit("words", "b", "actionable", value=1),
    "unit of a number": _edit("words", "c", "unit", value=1),
    "topic in a list": _edit("words", "c", "driver", value=["c"]),
}


def _whole(kernels: ModuleType, folder: Path) -> Path:
    interval = Interval(30, kernels.trees("small", 1), {"a": 1.0}, IDENTITY, 0.5, 0.5)
    later = interval._replace(until=90, share=IDENTITY)
    names, categories, typical = kernels.NAMES, kernels.CATEGORIES, kernels.TYPICAL
    share, ratio = kernels.trees("small", 2), kernels.trees("small", 3)
    covariance, ratios = np.eye(4).tolist(), {30: (1.0, 0.0), 90: (1.0, 0.1)}
    kernel = Kernel(
        [interval, later],
        names,
        categories,
        typical,
        "c",
        "churn",
        covariance,
        share,
        {},
        ratio,
        {},
        ratios,
        kernels.WORDS,
    )
    save_kernel(kernel, folder)
    return folder


@pytest.fixture(scope="module")
def whole(kernels: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _whole(kernels, tmp_path_factory.mktemp("whole") / "m")


@pytest.mark.parametrize("kind", EDITS)
def test_a_damaged_model_file_is_refused_in_one_sentence(kernels: ModuleType, tmp_path: Path, kind: str) -> None:
    file = _whole(kernels, tmp_path / "m") / "model.json"
    load_kernel(tmp_path / "m")
    document = json.loads(file.read_text())
    EDITS[kind](document)
    file.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"^(The|A|There) [^\n]*\.$"):
        load_kernel(tmp_path / "m")


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["{", "{value}", "count|"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(feature=st.sampled_from([None, "a", "plan", "d"]), part=st.sampled_from([None, *Wording._fields]), junk=JUNK)
def test_junk_among_the_words_is_refused_or_can_be_said(
    kernels: ModuleType, whole: Path, feature: str | None, part: str | None, junk: Any
) -> None:
    """Whatever stands there: one sentence, or a model that words the drivers of any row."""
    file = whole / "model.json"
    kept = file.read_text()
    document = json.loads(kept)
    _edit(*["words", feature, part][: 1 if feature is None else 2 if part is None else 3], value=junk)(document)
    try:
        file.write_text(json.dumps(document))
        refusal = ""
        try:
            loaded = load_kernel(whole)
        except ValueError as error:
            refusal = str(error)
        if refusal:
            assert re.fullmatch(r"(The|A|There) [^\n]*\.", refusal)
            return
        rows = kernels.rows(1, 6).replace([math.inf, -math.inf], math.nan).assign(d=-2.5)
        for found in drivers(loaded, rows, 90):
            assert all(isinstance(driver["sentence"], str) for driver in found)
    finally:
        file.write_text(kept)


def _cut(file: Path, to: int) -> None:
    file.write_bytes(file.read_bytes()[:to])


def _one_digit(file: Path) -> None:
    text = file.read_text()
    at = text.index("leaf_value=") + 14
    file.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :])


def _damage(folder: Path, kind: str) -> None:
    model = folder / "model.json"
    match kind:
        case "no folder":
            shutil.rmtree(folder)
        case "no model.json":
            model.unlink()
        case "cut model.json":
            _cut(model, 200)
        case "empty model.json":
            _cut(model, 0)
        case "not utf-8":
            model.write_bytes(b"\xff\xfe{}")
        case "a list":
            model.write_text("[1, 2]")
        case "too deep":
            model.write_text("[" * 100_000)
        case "no trees":
            (folder / "churn_90d.txt").unlink()
        case "trees are a folder":
            (folder / "ratio.txt").unlink()
            (folder / "ratio.txt").mkdir()
        case "cut trees":  # LightGBM's own reader crashes the process on this one
            _cut(folder / "churn_30d.txt", 600)
        case "cut share trees":
            _cut(folder / "involuntary.txt", 600)
        case "one digit":
            _one_digit(folder / "churn_90d.txt")
        case "swapped trees":
            (folder / "involuntary.txt").write_bytes((folder / "ratio.txt").read_bytes())
        case "no trees in a tree file":
            text = "tree\nend of trees"
            (folder / "ratio.txt").write_text(text)
            document = json.loads(model.read_text())
            document["ratio_trees"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
            model.write_text(json.dumps(document))
        case "something else in a tree file":
            (folder / "ratio.txt").write_text("hello")
            document = json.loads(model.read_text())
            document["ratio_trees"]["sha256"] = hashlib.sha256(b"hello").hexdigest()
            model.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "kind",
    [
        "no folder", "no model.json", "cut model.json", "empty model.json", "not utf-8", "a list", "too deep",
        "no trees", "trees are a folder", "cut trees", "cut share trees", "one digit", "swapped trees",
        "no trees in a tree file", "something else in a tree file",
    ],
)  # fmt: skip
def test_damaged_files_are_refused_in_one_sentence(kernels: ModuleType, tmp_path: Path, kind: str) -> None:
    _damage(_whole(kernels, tmp_path / "m"), kind)
    with pytest.raises(ValueError, match=r"^(The|A|There) [^\n]*\.$"):
        load_kernel(tmp_path / "m")


def test_a_model_reads_no_file_outside_its_folder(kernels: ModuleType, tmp_path: Path) -> None:
    """Even one that is what it says."""
    file = _whole(kernels, tmp_path / "m") / "model.json"
    shutil.move(tmp_path / "m" / "ratio.txt", tmp_path / "ratio.txt")
    document = json.loads(file.read_text())
    for name in ("../ratio.txt", str(tmp_path / "ratio.txt")):
        document["ratio_trees"]["file"] = name
        file.write_text(json.dumps(document))
        with pytest.raises(ValueError, match="names a tree file outside its folder"):
            load_kernel(tmp_path / "m")
