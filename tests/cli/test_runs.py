"""``lapwise runs`` and ``lapwise compare`` on many runs: they fit, they filter, they go on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from lapwise.store.open import open_store
from tests.cli.conftest import Call, Done
from tests.server.sweep import SWEPT, fill


@pytest.fixture(scope="session")
def _swept(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    root = tmp_path_factory.mktemp("swept")
    (root / ".lapwise").mkdir()
    shutil.copy(sqlite_template, root / ".lapwise" / "lapwise.db")
    with open_store(f"sqlite:///{root}/.lapwise/lapwise.db", f"{root}/.lapwise/blobs") as store:
        fill(store)
    return root


@pytest.fixture
def swept(tmp_path: Path, _swept: Path) -> Path:
    return Path(shutil.copytree(_swept, tmp_path / "swept"))


def shown(done: Done) -> str:
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if cell_len(line) > 80] == []
    return done.out


def numbers(text: str) -> list[int]:
    """Return the numbers of the runs that a table lists."""
    return [int(found) for found in re.findall(r"^(\d{3}) ", text, re.MULTILINE)]


def test_a_filter_an_order_and_columns(swept: Path, call: Call) -> None:
    where = "params.lr >= 0.1 AND NOT tags.owner LIKE 'a%'"
    text = shown(
        call(
            "runs", "churn", where, "--order", "metrics.auc DESC",
            "--columns", "metrics.auc,params.lr,tags.owner", "-n", "5", cwd=swept,
        )
    )  # fmt: skip
    assert text.split()[:7] == ["run", "status", "age", "auc", "lr", "code", "flags"]
    assert numbers(text) == [60, 52, 48, 44, 40]
    assert "finished" in text
    same = call("runs", "churn", "--where", where, "--json", "-n", "1", cwd=swept)
    assert json.loads(same.out)["runs"][0]["number"] == 60


def test_a_filter_where_an_experiment_may_stand_is_a_filter(swept: Path, call: Call) -> None:
    assert numbers(shown(call("runs", "number IN (3, 4) AND number > 3", cwd=swept))) == [4]
    done = call("runs", "nobody", cwd=swept)
    assert done.code == 1
    assert "there is no experiment: 'nobody'" in done.err


def test_pages_go_on_after_their_token(swept: Path, call: Call) -> None:
    seen: list[int] = []
    after = ""
    for _ in range(9):
        found = json.loads(
            call("runs", "flights", "-n", "5", "--json", "--after", after, cwd=swept).out
        )
        seen += [run["number"] for run in found["runs"]]
        after = found["next"]
        if not after:
            break
    assert seen == list(range(61, 0, -5))
    text = shown(call("runs", "flights", "-n", "5", cwd=swept))
    token = re.sub(r"\s", "", text.partition("--after ")[2])
    rest = shown(call("runs", "flights", "-n", "5", "--after", token, cwd=swept))
    assert numbers(rest) == [36, 31, 26, 21, 16]


def test_what_cannot_be_read_says_where(swept: Path, call: Call) -> None:
    done = call("runs", "--where", "metrics.auc >", cwd=swept)
    assert done.code == 1
    assert "column" in done.err
    done = call("runs", "--where", "status = finished", cwd=swept)
    assert "at column 10: 'finished'" in done.err
    done = call("runs", "--where", "number = 999", cwd=swept)
    assert (done.code, done.out.strip()) == (0, "no run is like that")
    assert call("runs", "--after", "nonsense", cwd=swept).code == 1


def test_flags_are_shown(swept: Path, call: Call) -> None:
    text = shown(call("runs", "--where", f"number <= {SWEPT}", "-n", "3", cwd=swept))
    assert "dirty unseeded" in text


def test_many_runs_are_turned_round_and_what_explains_comes_first(swept: Path, call: Call) -> None:
    text = shown(call("compare", "--where", f"number <= {SWEPT}", cwd=swept))
    assert text.split()[:4] == ["run", "auc", "lr", "depth"]
    assert len(numbers(text)) == SWEPT
    plain = " ".join(text.split())
    assert re.search(r"of auc's variance goes with: lr \d+ %", plain)
    assert "polars 2.2 → 2.1" in plain
    assert "the same:" in plain
    whole = json.loads(call("compare", *map(str, range(1, SWEPT + 1)), "--json", cwd=swept).out)
    assert len(whole["runs"]) == SWEPT
    assert whole["metric"] == "auc"


def test_two_runs_stand_beside_each_other(swept: Path, call: Call) -> None:
    text = shown(call("compare", "1", "2", cwd=swept))
    assert text.split()[:4] == ["run", "001", "run", "002"]
    assert "polars 2.1 → 2.2" in text
    assert "xgboost – → 3.0" in text
    done = call("compare", "1", "1", cwd=swept)
    assert "nothing differs" in shown(done)
    assert call("compare", cwd=swept).code == 1
    assert call("compare", "1", "999", cwd=swept).code == 1
