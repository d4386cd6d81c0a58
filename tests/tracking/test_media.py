"""What people plot and tabulate becomes a file that others can read."""

import io
import json
import subprocess
import sys
from importlib import import_module

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lapwise.core.errors import TrackingError
from lapwise.tracking.media import dict_json, figure_file, image_file, table_file


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 20), st.integers(5, 20), st.sampled_from([1, 2, 3, 4])),
    )
)
def test_pixels_are_read_back_as_they_were(
    pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]",
) -> None:
    suffix, content = image_file(pixels)
    assert suffix == ".png"
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_images_of_every_kind_are_taken() -> None:
    grey = np.linspace(0, 1, 12).reshape(3, 4)
    for image in (grey, grey.astype(np.float32), grey > 0.5, (grey * 255).astype(np.int64)):
        with Image.open(io.BytesIO(image_file(image)[1])) as found:
            assert (found.size, found.mode) == ((4, 3), "L")
    first = np.zeros((3, 20, 30), dtype=np.uint8)
    with Image.open(io.BytesIO(image_file(first)[1])) as found:
        assert (found.size, found.mode) == ((30, 20), "RGB")
    assert image_file(Image.new("CMYK", (3, 2)))[0] == ".png"
    assert image_file(b"\xff\xd8\xff\xe0 and so on") == (".jpg", b"\xff\xd8\xff\xe0 and so on")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 2, 5)),
        np.zeros(4),
        np.zeros((0, 4)),
        np.full((2, 2), 1.5),
        np.full((2, 2), np.nan),
        np.full((2, 2), -1),
        np.full((2, 2), 256),
        np.array([["a"]]),
        b"GIF",
        "picture.png",
        None,
    ],
)
def test_what_is_no_image_is_refused(image: object) -> None:
    with pytest.raises(TrackingError, match="no image"):
        image_file(image)


def test_figures_of_matplotlib_and_plotly_are_drawn() -> None:
    from matplotlib.figure import Figure

    graph_objects = import_module("plotly.graph_objects")

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2, 3])
    for drawn in (figure, axes):
        suffix, content = figure_file(drawn, "")
        assert (suffix, content[:4]) == (".png", b"\x89PNG")
    assert b"<svg" in figure_file(figure, ".svg")[1]
    with pytest.raises(TrackingError, match="does not draw"):
        figure_file(figure, ".xyz")
    other = graph_objects.Figure(graph_objects.Scatter(y=[1, 2]))
    suffix, content = figure_file(other, "")
    assert suffix == ".json"
    assert json.loads(content)["data"][0]["type"] == "scatter"
    assert b"<html" in figure_file(other, ".html")[1]
    with pytest.raises(TrackingError, match="no figure"):
        figure_file("figure", "")


def test_tables_of_every_library_are_parquet() -> None:
    import pandas as pd
    import pyarrow as pa

    columns = {"a": [1, 2, 3], "b": ["x", "y", None]}
    wanted = pl.DataFrame(columns)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    tables = [wanted, wanted.lazy(), pa.table(columns), columns, rows, pd.DataFrame(columns)]
    for table in tables:
        suffix, content = table_file(table, "")
        assert suffix == ".parquet"
        assert pl.read_parquet(content).select("a", "b").equals(wanted)
        suffix, content = table_file(table, ".jsonl") if table is not tables[1] else ("", b"")
        assert suffix in {".jsonl", ""}
        assert len(content.splitlines()) in {3, 0}


def test_without_a_library_for_parquet_a_table_is_json_lines() -> None:
    code = """
import sys
from importlib import import_module
sys.modules["polars"] = None
from importlib import util
find = util.find_spec
util.find_spec = lambda name: None if name in {"polars", "pyarrow"} else find(name)
from lapwise.tracking.media import table_file
print(table_file({"a": [1, 2]}, ""))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == r"""('.jsonl', b'{"a":1}\n{"a":2}\n')"""


@pytest.mark.parametrize("table", [5, "a,b", [1, 2], None])
def test_what_is_no_table_is_refused(table: object) -> None:
    for suffix in ("", ".jsonl"):
        with pytest.raises(TrackingError, match="no table"):
            table_file(table, suffix)


def test_columns_of_different_lengths_are_refused() -> None:
    for suffix in ("", ".jsonl"):
        with pytest.raises(TrackingError, match="no table"):
            table_file({"a": [1, 2], "b": [1]}, suffix)


def test_dicts_are_json() -> None:
    value = {"a": np.float64(0.5), "b": np.arange(2), "c": [None, True, "ü"]}
    assert json.loads(dict_json(value)) == {"a": 0.5, "b": [0, 1], "c": [None, True, "ü"]}
    circle: dict[str, object] = {}
    circle["again"] = circle
    wrong: object
    for wrong in ({"a": object()}, {(1, 2): {}}, circle):
        with pytest.raises(TrackingError, match="JSON"):
            dict_json(wrong)
