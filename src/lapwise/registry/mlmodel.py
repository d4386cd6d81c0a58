"""Read what an MLflow model says of itself: its signature, from the file ``MLmodel``.

The file is YAML that a stranger may have written. It is read as a stream of events: no object is
built, no tag is obeyed, an alias is not followed, and no more is kept than the few texts asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from lapwise.core.errors import ModelError
from lapwise.core.model import Column, Signature

__all__ = ["LARGEST", "MLMODEL", "read_signature"]

MLMODEL = "MLmodel"
"""The name of the file, at the root of a model's files."""

LARGEST = 4_000_000
"""Bytes of one that is read."""

_WANTED = (("signature", "inputs"), ("signature", "outputs"))
_EMPTY = Signature(inputs=(), outputs=())
_TYPES = {
    "binary": "Binary",
    "boolean": "Boolean",
    "datetime": "Datetime",
    "double": "Float64",
    "float": "Float32",
    "integer": "Int32",
    "long": "Int64",
    "string": "String",
}


def read_signature(content: bytes) -> Signature:
    """Return the signature in an ``MLmodel`` file; one without columns where it tells of none.

    A column without a name is named by its place. A type that a table's column cannot have (a tensor,
    an object) is kept as its text.

    Raises:
        ModelError: the file is too large, or is not what MLflow writes.
    """
    if len(content) > LARGEST:
        raise ModelError(
            "an MLmodel file is too large to be one",
            value=len(content),
            expected=f"{LARGEST} bytes",
        )
    try:
        found = dict(_texts(content.decode("utf-8")))
        inputs, outputs = (_columns(found.get(path, "")) for path in _WANTED)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ModelError(
            "an MLmodel file cannot be read",
            value=type(error).__name__,
            expected="YAML as MLflow writes it",
            fix="log the model anew",
        ) from error
    return Signature(inputs=inputs, outputs=outputs) if inputs or outputs else _EMPTY


def _texts(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path, value) of the wanted texts of the first document."""
    import yaml

    try:
        yield from _walked(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise ValueError("not YAML") from error


def _walked(events: Iterator[Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    path: list[str | None] = []  # of each open mapping the key, None while one is awaited
    depth_of_lists = 0
    for event in events:
        kind = type(event).__name__
        if kind == "DocumentEndEvent":
            return
        if kind in {"MappingEndEvent", "SequenceEndEvent"}:
            depth_of_lists -= kind == "SequenceEndEvent"
            path.pop()
            _next_key(path)
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            depth_of_lists += kind == "SequenceStartEvent"
            path.append(None)
            if len(path) > 100:
                raise ValueError("nested too deeply")
        elif kind in {"ScalarEvent", "AliasEvent"} and path:
            text = event.value if kind == "ScalarEvent" else ""
            if path[-1] is None:
                path[-1] = text
                continue
            here = tuple(one or "" for one in path)
            if not depth_of_lists and here in _WANTED:
                yield here, text
            path[-1] = None


def _next_key(path: list[str | None]) -> None:
    if path:
        path[-1] = None


def _columns(text: str) -> tuple[Column, ...]:
    if text in {"", "null", "~"}:
        return ()
    rows = msgspec.json.decode(text, type=list[dict[str, Any]])
    return tuple(_column(place, row) for place, row in enumerate(rows))


def _column(place: int, row: dict[str, Any]) -> Column:
    kind = str(row.get("type", ""))
    known = _TYPES.get(kind)
    if known is None:
        shape = {name: value for name, value in row.items() if name not in {"name", "required"}}
        known = msgspec.json.encode(shape).decode()[:500]
    name = row.get("name")
    return Column(
        name=str(place) if name is None else str(name),
        dtype=known,
        nullable=not row.get("required", True),
    )
