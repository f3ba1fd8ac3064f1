"""Averaging: several LightGBM boosters in, one booster whose margin is the mean of theirs out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm

__all__ = ["average_boosters"]

_TREES, _END = "tree_sizes=", "end of trees"
_VALUES = re.compile(r"^(leaf_value|internal_value)=(.*)$", re.MULTILINE)


def average_boosters(boosters: Sequence[lightgbm.Booster], n_trees: int) -> lightgbm.Booster:
    """One booster of the first `n_trees` trees of each, leaf values divided by how many boosters there are.

    A margin is a sum over trees, and so is its TreeSHAP attribution: both are then exactly the means of the
    boosters' own (to rounding), and one model text is stored, read and explained instead of several.

    Parameters
    ----------
    boosters : of one class, grown on the same features with constant leaves.

    Notes
    -----
    LightGBM can only concatenate boosters in its C interface, so this is done in its text format: a header, the
    trees, and a trailer that is written anew from the trees when the text is read.

    Raises
    ------
    ValueError : the boosters have different features.
    """
    if len({tuple(booster.feature_name()) for booster in boosters}) != 1:
        raise ValueError("Boosters can only be averaged when they were grown on the same features.")
    texts = [booster.model_to_string(num_iteration=n_trees) for booster in boosters]
    blocks = [
        _VALUES.sub(lambda line: f"{line[1]}={_divided(line[2], len(texts))}", block)
        for text in texts
        for block in re.split(r"^Tree=\d+\n", text[: text.index(_END)], flags=re.MULTILINE)[1:]
    ]
    blocks = [f"Tree={number}\n{block}" for number, block in enumerate(blocks)]
    head, tail = texts[0][: texts[0].index(_TREES)], texts[0][texts[0].index(_END) :]
    sizes = " ".join(str(len(block.encode("utf-8"))) for block in blocks)
    merged = lightgbm.Booster(model_str=f"{head}{_TREES}{sizes}\n\n{''.join(blocks)}{tail}")
    if merged.num_trees() != len(blocks):
        raise RuntimeError("This version of LightGBM writes its models in a format that cannot be averaged.")
    return merged


def _divided(values: str, by: int) -> str:
    return " ".join(repr(float(value) / by) for value in values.split())
