"""The promise that equal models are equal bytes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import skops.io
from sklearn.ensemble import RandomForestClassifier

from lapwise.registry.formats.archive import canonical
from lapwise.registry.formats.skops import dump
from tests.registry.examples import small_labels, small_model, small_rows

_SCHEMA = "schema.json"

PROGRAM = """
from sklearn.ensemble import RandomForestClassifier
from lapwise.core.digest import digest_bytes
from lapwise.registry.formats.skops import dump
from tests.registry.examples import boosted_pipeline, small_labels, small_rows
rows, labels = small_rows(), small_labels()
boosted = boosted_pipeline(rows, trees=5).fit(rows, labels)
boosted.names = {"alpha", "beta", "gamma", "delta"}
forest = RandomForestClassifier(5, random_state=1).fit(rows["a", "b"], labels)
print(digest_bytes(dump(boosted)), digest_bytes(dump(forest)))
"""


def test_equal_models_are_equal_bytes_in_any_process() -> None:
    """Trained in two processes with different hash seeds, digests are equal (sets, forests too)."""
    root = Path(__file__).parents[3]
    digests = set()
    for seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(root), *sys.path]),
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop().split()) == 2


def test_another_model_has_another_digest() -> None:
    """A change of one parameter shows."""
    assert dump(small_model(1.0)) != dump(small_model(2.0))


def test_time_and_identity_leave_no_trace() -> None:
    """Dates are 1980, nothing is compressed, no name tells an address."""
    with zipfile.ZipFile(io.BytesIO(dump(small_model()))) as written:
        infos = written.infolist()
        assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        assert b"__id__" not in written.read(_SCHEMA)
        assert [info.filename for info in infos[:-1]] == sorted(i.filename for i in infos[:-1])


def test_bytes_between_fields_are_zeroed() -> None:
    """Two forests that differ only in memory that nobody set are equal."""
    forest = RandomForestClassifier(2, random_state=0).fit(small_rows()["a", "b"], small_labels())
    raw = skops.io.dumps(forest)
    dirty = io.BytesIO()
    changed = 0
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(dirty, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if b"missing_go_to_left" in content and name.endswith(".npy"):
                content = content[:-1] + bytes([content[-1] ^ 0xFF])
                changed += 1
            target.writestr(name, content)
    assert changed == 2
    assert canonical(dirty.getvalue()) == canonical(raw)
