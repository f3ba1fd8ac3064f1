"""Schemas: what the schemas of answers are put together from."""

from __future__ import annotations

from typing import Any

__all__ = [
    "COUNT", "DAY", "DAYS", "DAYS_OR_NULL", "DAY_OR_NULL", "MONEY", "NAMES", "NUMBER", "NUMBER_OR_NULL", "POINTS",
    "PROBABILITY", "SHOWN", "STAGE", "TEXT", "TEXT_OR_NULL", "TIME", "list_of", "object_of", "or_null", "ref", "said",
]  # fmt: skip

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
MONEY: Schema = {"type": ["number", "null"], "minimum": 0}
DAY: Schema = {"type": "string", "format": "date"}
DAY_OR_NULL: Schema = {"type": ["string", "null"], "format": "date"}
TIME: Schema = {"type": "string", "format": "date-time"}
PROBABILITY: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
POINTS: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 100}
SHOWN: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 100, "multipleOf": 1}
"""Health as it is shown: whole, from 0 to 100; what is exact stands in POST /score."""
DAYS: Schema = {"type": "integer", "minimum": 1}
DAYS_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 1}
NAMES: Schema = {"type": "array", "items": TEXT}
STAGE: Schema = {"type": ["string", "null"], "enum": ["onboarding", "adoption", "renewal", "expansion", None]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(name: str, description: str) -> Schema:
    """An object of a schema, or null."""
    return {"anyOf": [ref(name), {"type": "null"}], "description": description}


def said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def list_of(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


def object_of(properties: Schema, *, sometimes: Schema | None = None, **more: Any) -> Schema:
    """An object with all of its properties, and some of those that it has only sometimes."""
    return {"type": "object", "properties": {**properties, **(sometimes or {})}, "required": list(properties), **more}
