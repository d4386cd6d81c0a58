"""`lapwise import mlflow` says what was there and what is here, and fails where the two differ."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Call
from tests.loop.oldest import old


def test_the_table_of_counts_ends_an_import(call: Call, tmp_path: Path) -> None:
    done = call("import", "mlflow", old(tmp_path, "mlruns/none"), cwd=tmp_path)
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines() if "points" in line] == [
        ["metric", "points", "3", "3", "all"]
    ]


def test_what_did_not_come_is_told_by_exit_code_and_reason(call: Call, tmp_path: Path) -> None:
    place = "s3://bucket/7/a1/artifacts"
    done = call("import", "mlflow", old(tmp_path, place), "--json", cwd=tmp_path)
    assert done.code == 1
    found = json.loads(done.out)
    assert [one for one in found["problems"] if "--artifacts FOLDER" in one]
    done = call("import", "mlflow", f"sqlite:///{tmp_path}/mlflow.db", cwd=tmp_path)
    assert done.code == 1
    assert "not brought" in done.out
    done = call(
        "import", "mlflow", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts", ".", cwd=tmp_path
    )
    assert done.code == 0, done.out


def test_an_address_of_nothing_leaves_no_store(call: Call, tmp_path: Path) -> None:
    for url in ("mysql://x", "sqlite:///none.db"):
        done = call("import", "mlflow", url, cwd=tmp_path)
        assert done.code == 1
        assert done.err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []
