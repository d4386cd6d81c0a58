"""The body of an infer request, as a caller who has a frame writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import polars as pl

__all__ = ["infer_body"]


def infer_body(inputs: pl.DataFrame) -> bytes:
    """Return the JSON of an infer request for rows that are normalised as the signature says.

    Text goes as ``BYTES``, every number as ``FP32``, a missing or infinite number as ``null``.

    >>> import polars as pl
    >>> infer_body(pl.DataFrame({"hour": [7.5, float("nan")]}))
    b'{"inputs":[{"name":"hour","shape":[2],"datatype":"FP32","data":[7.5,null]}]}'
    """
    tensors = [
        {
            "name": column.name,
            "shape": [len(column)],
            "datatype": "BYTES" if column.dtype.to_python() is str else "FP32",
            "data": column.to_list(),  # msgspec writes what is not finite as null
        }
        for column in inputs
    ]
    return msgspec.json.encode({"inputs": tensors})
