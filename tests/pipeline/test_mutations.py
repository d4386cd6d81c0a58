"""Every edit that can change a result changes the key; edits that cannot, do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.mutations import HITS, MISSES, Case

DRIVER = Path(__file__).with_name("keys_of_projects.py")
CASES = [*MISSES, *HITS]
Keys = dict[str, dict[str, str]]


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def keys_of(roots: list[Path], **environment: str) -> Keys:
    result = subprocess.run(
        [sys.executable, str(DRIVER), *map(str, roots)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    keys: Keys = json.loads(result.stdout)
    return keys


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects")
    for case in CASES:
        write(folder / case.name / "before", case.before)
        write(folder / case.name / "after", case.after)
    return folder


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    roots = [folder / case.name / state for case in CASES for state in ("before", "after")]
    return keys_of(roots, PYTHONHASHSEED="1")


@pytest.fixture(scope="module")
def again(folder: Path) -> Keys:
    # Another process, another hash seed, and in the other order: nothing may leak between cases.
    roots = [folder / case.name / "before" for case in reversed(CASES)]
    return keys_of(roots, PYTHONHASHSEED="2")


def of(keys: Keys, folder: Path, case: Case, state: str) -> dict[str, str]:
    parts = keys[str(folder / case.name / state)]
    assert "error" not in parts, parts["error"]
    return parts


@pytest.mark.parametrize("case", MISSES, ids=lambda case: case.name)
def test_an_edit_that_can_change_the_result_changes_the_key(
    keys: Keys, folder: Path, case: Case
) -> None:
    before, after = of(keys, folder, case, "before"), of(keys, folder, case, "after")
    assert before["key"] != after["key"]


@pytest.mark.parametrize("case", HITS, ids=lambda case: case.name)
def test_an_edit_that_cannot_change_the_result_keeps_the_key(
    keys: Keys, folder: Path, case: Case
) -> None:
    before, after = of(keys, folder, case, "before"), of(keys, folder, case, "after")
    assert {name for name in before | after if before.get(name) != after.get(name)} == set()


# Its key holds the whole environment, and these two processes differ in it by design.
STEADY = [case for case in CASES if case.name != "variable-unseen"]


@pytest.mark.parametrize("case", STEADY, ids=lambda case: case.name)
def test_the_same_project_has_the_same_key_in_every_process(
    keys: Keys, again: Keys, folder: Path, case: Case
) -> None:
    first, second = of(keys, folder, case, "before"), of(again, folder, case, "before")
    assert {name for name in first | second if first.get(name) != second.get(name)} == set()


def test_there_are_as_many_cases_as_promised() -> None:
    assert len({case.name for case in MISSES}) == len(MISSES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
