from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from lapwise.core.errors import CorruptError, ModelError
from lapwise.core.model import Artifact, ModelVersion
from lapwise.registry import Packaged, load, load_native, load_scorer, package, self_test
from lapwise.store import open_blobs
from lapwise.store.model import Store
from tests.registry.examples import registered, small_model, small_rows


def test_a_binary_model_gives_the_probability_of_yes(version: ModelVersion, store: Store) -> None:
    """(rows,) float64, the second column of predict_proba, in both forms."""
    expected = small_model().predict_proba(small_rows())[:, 1]
    scores = load(version, store.blobs).predict(small_rows())
    assert scores.dtype == np.float64
    assert np.abs(scores - expected).max() < 1e-5
    assert np.array_equal(load_native(version, store.blobs).predict(small_rows()), expected)


def test_rows_are_taken_by_name_whatever_their_order(version: ModelVersion, store: Store) -> None:
    """Columns in another order, of other numeric types, with others beside them."""
    predictor = load(version, store.blobs)
    rows = small_rows().select("kind", pl.lit(1).alias("extra"), "b", pl.col("a").cast(pl.Float64))
    assert np.array_equal(predictor.predict(rows), predictor.predict(small_rows()))


@pytest.mark.parametrize("form", [load, load_native])
def test_rows_against_the_signature_are_refused_by_name(
    form: Any, version: ModelVersion, store: Store
) -> None:
    """Missing column, wrong type: ModelError with the field and no value."""
    predictor = form(version, store.blobs)
    with pytest.raises(ModelError, match="'kind'"):
        predictor.predict(small_rows().drop("kind"))
    with pytest.raises(ModelError, match="input 'a' has the wrong type") as caught:
        predictor.predict(small_rows().with_columns(a=pl.lit("secret")))
    assert "secret" not in str(caught.value)


def test_no_rows_give_no_scores(version: ModelVersion, store: Store) -> None:
    """An empty frame with the right columns is answered by an empty array."""
    for predictor in (load(version, store.blobs), load_native(version, store.blobs)):
        assert predictor.predict(small_rows().head(0)).shape == (0,)


def test_a_damaged_file_is_found_before_it_is_loaded(version: ModelVersion, store: Store) -> None:
    """One flipped bit in the blob is a CorruptError."""
    digest = next(part.digest for part in version.artifacts if part.name == "model.onnx")
    path = store.blobs.path(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(CorruptError):
        load(version, store.blobs)


def test_a_version_without_its_file_is_refused(version: ModelVersion, store: Store) -> None:
    """The error names the file."""
    with pytest.raises(ModelError, match=r"has no file: 'model\.skops'"):
        load_native(msgspec.structs.replace(version, artifacts=()), store.blobs)


def test_bytes_that_are_no_model_are_refused(version: ModelVersion, store: Store) -> None:
    """A blob with the right digest and the wrong content is an error of the registry."""
    digest = store.blobs.put(b"not ONNX")
    wrong = msgspec.structs.replace(
        version, artifacts=(Artifact(name="model.onnx", digest=digest, size=8),)
    )
    with pytest.raises(ModelError, match="does not take this model"):
        load(wrong, store.blobs)


def test_self_test_measures_and_refuses(
    version: ModelVersion, store: Store, tmp_path: Path
) -> None:
    """A version answers its probe; another model under its name does not."""
    assert self_test(version, load(version, store.blobs), store.blobs) < 1e-5
    assert self_test(version, load_native(version, store.blobs), store.blobs) == 0
    other = package(small_model(100.0), inputs=small_rows(), task="binary", store=store)
    swapped = msgspec.structs.replace(
        version, artifacts=(*other.artifacts[:2], version.artifacts[2])
    )
    with pytest.raises(ModelError, match="does not answer as it did"):
        self_test(swapped, load(swapped, store.blobs), store.blobs)


def test_a_compiled_model_loads_without_scikit_learn(
    packaged: Packaged, store: Store, tmp_path: Path
) -> None:
    """Serving by ONNX imports neither scikit-learn nor skops; the room itself imports no library."""
    version = registered(store, packaged)
    program = (
        "import sys\n"
        "import lapwise.registry as registry\n"
        "print(*sorted({'polars', 'numpy', 'sklearn', 'sqlalchemy'} & set(sys.modules)))\n"
        "import polars as pl\n"
        "from lapwise.store.open import open_store\n"
        f"with open_store({store.url!r}, {str(tmp_path / 'blobs')!r}) as store:\n"
        f"    predictor = registry.load(store.models.get({version.id!r}), store.blobs)\n"
        "    predictor.predict(pl.DataFrame({'a': [1.0], 'b': [None], 'kind': ['x']}))\n"
        "print(*sorted({'sklearn', 'skops', 'skl2onnx', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n\n"


def test_a_folder_of_files_is_enough_to_answer(
    packaged: Packaged, store: Store, tmp_path: Path
) -> None:
    """The data plane has a version's record and its blobs: no database, no data frame, no SQL."""
    version = registered(store, packaged)
    snapshot = open_blobs(str(tmp_path / "snapshot" / "blobs"))
    for part in version.artifacts:
        assert snapshot.put_file(store.blobs.path(part.digest)) == part.digest
    assert self_test(version, load(version, snapshot), snapshot) < 1e-5
    (tmp_path / "snapshot" / "version.json").write_bytes(msgspec.json.encode(version))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import msgspec, numpy\n"
        "from lapwise.core.model import ModelVersion\n"
        "from lapwise.registry import load_scorer\n"
        "from lapwise.store import open_blobs\n"
        "home = Path(sys.argv[1])\n"
        "version = msgspec.json.decode((home / 'version.json').read_bytes(), type=ModelVersion)\n"
        "scorer = load_scorer(version, open_blobs(str(home / 'blobs')))\n"
        "numbers = numpy.array([0.5, numpy.nan], numpy.float32)\n"
        "texts = numpy.array(['x', ''], object)\n"
        "print(*scorer.score({'a': numbers, 'b': numbers, 'kind': texts}))\n"
        "heavy = {'polars', 'pyarrow', 'sklearn', 'skops', 'scipy', 'sqlalchemy', 'alembic'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "snapshot")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    scores, heavy = done.stdout.split("\n")[:2]
    rows = pl.DataFrame({"a": [0.5, None], "b": [0.5, None], "kind": ["x", None]})
    assert scores == " ".join(map(str, load(version, store.blobs).predict(rows)))
    assert heavy == ""


def test_without_a_compiled_form_there_is_no_scorer(version: ModelVersion, store: Store) -> None:
    """The native form takes frames, and nothing is loaded to say so."""
    native = msgspec.structs.replace(version, serving="skops", artifacts=())
    assert load_scorer(version, store.blobs) is not None
    assert load_scorer(native, store.blobs) is None
