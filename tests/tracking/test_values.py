"""Parameters are stored as they are meant."""

from pathlib import Path

import numpy as np
import pytest

from lapwise.core.errors import TrackingError
from lapwise.tracking.values import artifact_name, check_params


def test_parameters_keep_their_type() -> None:
    """Scalars stay, NumPy scalars become Python's, containers become JSON, paths text."""
    checked = check_params(
        {
            "i": 1,
            "b": True,
            "f": 0.1,
            "s": "x",
            "n": None,
            "np": np.float64(0.5),
            "np_int": np.int32(4),
            "list": [1, "a"],
            "dict": {"b": 1, "a": None},
            "path": Path("a/b"),
        }
    )
    assert checked == {
        "i": 1,
        "b": True,
        "f": 0.1,
        "s": "x",
        "n": None,
        "np": 0.5,
        "np_int": 4,
        "list": '[1,"a"]',
        "dict": '{"a":null,"b":1}',
        "path": "a/b",
    }
    assert [type(checked[name]) for name in ("b", "np", "np_int")] == [bool, float, int]


@pytest.mark.parametrize(
    "value", [object(), 2**63, "\0", "x" * 70_000, b"bytes", 1j, [object()], {"a": "\ud800"}]
)
def test_what_no_store_can_keep_is_refused(value: object) -> None:
    """The error names the parameter."""
    with pytest.raises(TrackingError, match="'p'"):
        check_params({"p": value})


def test_an_artifacts_name_is_tidied() -> None:
    """Empty parts and dots fall away."""
    assert artifact_name("./a//b.txt") == "a/b.txt"
