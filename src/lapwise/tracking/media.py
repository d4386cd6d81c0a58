"""Turns what people plot and tabulate into the bytes of a file; each returns a suffix and content."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

from lapwise.core.errors import TrackingError

__all__ = ["dict_json", "figure_file", "image_file", "table_file"]

_FORMATS = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"RIFF", ".webp"),
)
_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's colour types by number of channels: grey, grey with alpha, RGB, RGB with alpha."""

_DOTS = 150


def dict_json(value: object) -> bytes:
    r"""Return JSON for people; NumPy's scalars and arrays as numbers and lists.

    Raises:
        TrackingError: something in it has no JSON.

    >>> dict_json({"a": 1})
    b'{\n  "a": 1\n}\n'
    """
    try:
        return msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2) + b"\n"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TrackingError(
            "this cannot be written as JSON",
            value=str(error),
            expected="dicts with text as keys, lists, numbers, text, bools and None",
        ) from error


def _plain(value: Any) -> object:
    for method in ("tolist", "item"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__}")


def image_file(image: Any) -> tuple[str, bytes]:
    """Return an image as the bytes of a file: arrays and PIL images become PNG.

    Raises:
        TrackingError: it is no image.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        content = bytes(image)
        for start, suffix in _FORMATS:
            if content.startswith(start):
                return suffix, content
        raise _no_image("bytes that are no PNG, JPEG, GIF or WebP")
    if callable(getattr(image, "save", None)) and hasattr(image, "mode"):
        if image.mode not in {"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"}:
            image = image.convert("RGB")
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return ".png", buffer.getvalue()
    return ".png", _png(_pixels(image))


def _pixels(image: Any) -> Any:
    """Return an array of bytes: height, width, channels."""
    if callable(getattr(image, "detach", None)):  # a tensor of PyTorch, wherever it is
        image = image.detach().cpu()
    if not hasattr(image, "__array__") and not isinstance(image, list):
        raise _no_image(f"a {type(image).__name__}")
    import numpy as np

    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3 and pixels.shape[2] not in _COLOUR and pixels.shape[0] in {1, 3, 4}:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim != 3 or pixels.shape[2] not in _COLOUR or 0 in pixels.shape:
        raise _no_image(f"an array of shape {pixels.shape}")
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind not in "uif":
        raise _no_image(f"an array of {pixels.dtype}")
    top = 1 if pixels.dtype.kind == "f" else 255
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= top):  # also where there is a NaN
        raise _no_image(f"values from {low} to {high} where 0 to {top} are allowed")
    return (pixels * 255).round().astype(np.uint8) if top == 1 else pixels.astype(np.uint8)


def _png(pixels: Any) -> bytes:
    """Return pixels as a PNG (ISO/IEC 15948), its rows unfiltered."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    return (
        _FORMATS[0][0]
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 6))
        + chunk(b"IEND", b"")
    )


def _no_image(found: str) -> TrackingError:
    return TrackingError(
        "this is no image",
        value=found,
        expected="an array (height, width[, 1, 3 or 4]) of 0-255 or floats 0-1, a PIL image, or the "
        "bytes of a PNG",
    )


def figure_file(figure: Any, suffix: str) -> tuple[str, bytes]:
    """Return a figure as the bytes of a file, in the format that the suffix asks for.

    Raises:
        TrackingError: it is no figure, or the format is unknown.
    """
    if callable(getattr(figure, "to_plotly_json", None)):
        if suffix == ".html":
            return suffix, str(figure.to_html(include_plotlyjs=True)).encode()
        return ".json", str(figure.to_json()).encode()
    if not callable(getattr(figure, "savefig", None)):
        figure = getattr(figure, "figure", None)  # axes know their figure
    if not callable(getattr(figure, "savefig", None)):
        raise TrackingError(
            "this is no figure", value=figure, expected="a figure of Matplotlib or of Plotly"
        )
    suffix = suffix or ".png"
    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, format=suffix.removeprefix("."), dpi=_DOTS, bbox_inches="tight")
    except ValueError as error:
        raise TrackingError(
            "Matplotlib does not draw this", value=str(error), expected=".png, .svg or .pdf"
        ) from error
    return suffix, buffer.getvalue()


def table_file(table: Any, suffix: str) -> tuple[str, bytes]:
    """Return a table as Parquet, or as JSON lines where asked for or nothing writes Parquet.

    Raises:
        TrackingError: it is no table, or its columns do not fit together.
    """
    try:
        if suffix != ".jsonl":
            content = _parquet(table)
            if content is not None:
                return ".parquet", content
        rows = _rows(table)
    except TrackingError:
        raise
    except Exception as error:
        raise _no_table(f"{type(error).__name__}: {error}") from error
    encoder = msgspec.json.Encoder(enc_hook=_plain_or_text)
    return ".jsonl", encoder.encode_lines(rows)


def _parquet(table: Any) -> bytes | None:
    """Return Parquet by the table's own library, or by one that is installed; None without any."""
    buffer = io.BytesIO()
    collect = getattr(table, "collect", None)
    if callable(collect):  # a lazy frame of Polars
        table = collect()
    if callable(getattr(table, "write_parquet", None)):
        table.write_parquet(buffer)
    elif callable(getattr(table, "to_parquet", None)):
        if find_spec("pyarrow") is None:
            return None
        table.to_parquet(buffer)
    elif "pyarrow" in sys.modules and isinstance(table, sys.modules["pyarrow"].Table):
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, buffer)
    elif not isinstance(table, Mapping) and not _is_rows(table):
        raise _no_table(f"a {type(table).__name__}")
    elif find_spec("polars") is not None:
        import polars as pl

        pl.DataFrame(table, strict=False).write_parquet(buffer)
    else:
        return None
    return buffer.getvalue()


def _rows(table: Any) -> list[Any]:
    if callable(getattr(table, "to_dicts", None)):
        return list(table.to_dicts())
    if callable(getattr(table, "to_pylist", None)):
        return list(table.to_pylist())
    if callable(getattr(table, "to_dict", None)):
        return list(table.to_dict(orient="records"))
    if isinstance(table, Mapping):
        columns = {str(name): list(values) for name, values in table.items()}
        if len({len(values) for values in columns.values()}) > 1:
            raise _no_table("columns of different lengths")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if _is_rows(table):
        return list(table)
    raise _no_table(f"a {type(table).__name__}")


def _is_rows(table: Any) -> bool:
    return isinstance(table, list | tuple) and all(isinstance(row, Mapping) for row in table)


def _plain_or_text(value: Any) -> object:
    try:
        return _plain(value)
    except TypeError:
        return str(value)


def _no_table(found: str) -> TrackingError:
    return TrackingError(
        "this is no table",
        value=found,
        expected="a frame of Polars, pandas or PyArrow, a dict of columns, or a list of dicts",
    )
