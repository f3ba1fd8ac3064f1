"""Sections: a table of `tenure.toml` and a settings class in; a checked value of the class out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from features.errors import TenureError

__all__ = ["read_list", "read_section"]

_WANTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    dt.date: "a date without quotes, as in 2025-07-01",
}
_LISTS: dict[Any, str] = {
    int: "a list of whole numbers, as in [90]",
    float: "a list of numbers, as in [40.0]",
    str: 'a list of texts in quotes, as in ["smb"]',
}


def read_section(path: Path, name: str, kind: type, body: Any, **absent: Any) -> Any:
    """A value of a settings class, whose fields are the keys of the section.

    Parameters
    ----------
    path, name : of the file and the section, for messages.
    absent : values for fields without a default that the section may leave out.

    Raises
    ------
    TenureError : a key is unknown, or its value is of another shape than the field.
    """
    if not isinstance(body, dict):
        raise TenureError(f"{path}: {name} must be a section, as in [{name}].")
    shapes = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    for key, value in body.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else "there is no such setting."
            raise TenureError(
                f"{path} has a key {key} in [{name}] that Tenure does not know; {hint} docs/config.md lists them."
            )
        if not _fits(shapes[key], value):
            raise TenureError(f"{path}: {key} = {value!r} in [{name}] must be {_wanted(shapes[key])}.")
    return kind(**absent | {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()})


def read_list(path: Path, name: str, kind: type, body: Any, needed: tuple[str, ...], **absent: Any) -> tuple[Any, ...]:
    """Values of a settings class, one for each `[[name]]`.

    Raises
    ------
    TenureError : it is no list, one of them lacks a key that is needed, or as for a section.
    """
    if not isinstance(body, list):
        raise TenureError(f"{path}: {name} must be a list of sections, each of them under [[{name}]].")
    for number, one in enumerate(body, start=1):
        if isinstance(one, dict) and (lacking := [key for key in needed if key not in one]):
            raise TenureError(f"{path}: rule {number} in [[{name}]] has no {lacking[0]}; write one.")
    return tuple(read_section(path, name, kind, one, **absent) for one in body)


def _arms(shape: Any) -> tuple[Any, ...]:
    """What a field may hold, without None, which TOML cannot say."""
    arms = get_args(shape) if get_origin(shape) in (types.UnionType, Union) else (shape,)
    return tuple(arm for arm in arms if arm is not type(None))


def _wanted(shape: Any) -> str:
    """What a TOML value of a field looks like."""
    told = []
    for arm in _arms(shape):
        if get_origin(arm) is Literal:
            told.append(" or ".join(f'"{choice}"' for choice in get_args(arm)))
        else:
            told.append(_LISTS[get_args(arm)[0]] if get_origin(arm) is tuple else _WANTED[arm])
    return " or ".join(told)


def _fits(shape: Any, value: Any) -> bool:
    """Whether a TOML value fits a field; true is no number, and a time no date."""
    for arm in _arms(shape):
        origin = get_origin(arm)
        if origin is tuple:
            if isinstance(value, list) and all(_fits(get_args(arm)[0], one) for one in value):
                return True
        elif origin is Literal:
            if isinstance(value, str):
                return True
        elif isinstance(value, bool):
            if arm is bool:
                return True
        elif arm is float:
            if isinstance(value, (int, float)):
                return True
        elif isinstance(value, arm) and not (arm is dt.date and isinstance(value, dt.datetime)):
            return True
    return False
