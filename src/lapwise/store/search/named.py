"""What stands under names beside several nouns: labels, parameters, and how MLflow calls them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause

from lapwise.store import schema
from lapwise.store.search.subject import Named

__all__ = ["KINDS", "labels_of", "params_of", "rows_named"]

KINDS = {
    "attr": "attributes",
    "attribute": "attributes",
    "metric": "metrics",
    "param": "params",
    "parameter": "params",
    "parameters": "params",
    "tag": "tags",
    "datasets": "dataset",
}
"""Other names of kinds, as MLflow's filters have them."""


def labels_of(kind: str, subject: ColumnElement[str]) -> Named:
    """Return the labels of a kind (``store/labels.py``) as tags of what ``subject`` names."""
    return Named(
        table=schema.label,
        owner="subject",
        key=subject,
        where=lambda rows, name: (rows.c.kind == kind) & (rows.c.name == name),
        text="value",
    )


def params_of(table: FromClause, owner: str, key: ColumnElement[Any]) -> Named:
    """Return the parameters in a table (``store/params.py``), compared as text and as numbers."""
    return Named(table=table, owner=owner, key=key, where=rows_named, text="text", number="number")


def rows_named(rows: FromClause, name: str) -> ColumnElement[bool]:
    """Return which rows of a table with ``name`` have a name."""
    return rows.c.name == name
