from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.neighbors import KNeighborsClassifier

from lapwise.core.errors import ModelError, UntrustedTypeError
from lapwise.core.protocols import Codec
from lapwise.registry import EstimatorCodec
from tests.registry.examples import small_labels, small_model, small_rows


class Own(BaseEstimator):  # type: ignore[misc]
    """An estimator of the user's."""


def test_it_takes_estimators_and_nothing_else() -> None:
    """scikit-learn's estimators and subclasses of theirs; not classes, arrays or numbers."""
    codec: Codec = EstimatorCodec()
    assert codec.accepts(small_model())
    assert codec.accepts(Own())
    assert not any(codec.accepts(value) for value in (Own, np.zeros(2), 3, "model", None))


def test_equal_estimators_give_equal_files(tmp_path: Path) -> None:
    """Written twice, read and written again: the same bytes."""
    codec = EstimatorCodec()
    paths = [tmp_path / str(index) for index in range(3)]
    codec.write(small_model(), paths[0])
    codec.write(small_model(), paths[1])
    codec.write(codec.read(paths[0]), paths[2])
    assert len({path.read_bytes() for path in paths}) == 1


def test_what_nobody_reviewed_is_not_written(tmp_path: Path) -> None:
    """The cache refuses what it could not read back."""
    model = KNeighborsClassifier().fit(small_rows()["a", "b"].to_numpy(), small_labels())
    with pytest.raises(UntrustedTypeError, match="KNeighborsClassifier"):
        EstimatorCodec().write(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    """Half a file is a ModelError."""
    codec = EstimatorCodec()
    codec.write(small_model(), tmp_path / "model")
    (tmp_path / "model").write_bytes((tmp_path / "model").read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a model that Lapwise wrote"):
        codec.read(tmp_path / "model")
