"""Sixteen processes, started at once on an empty folder, lose and double nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.store.acknowledged import check_kept, check_whole, lines
from tests.store.conftest import Place

PROCESSES = 16
ROUNDS = 4


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_sixteen_processes_on_an_empty_store(empty_place: Place) -> None:
    """All open it, all write the same and different things, and each act is there once."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.writer", empty_place.url, empty_place.blobs,
             f"writer {number}", str(ROUNDS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    outputs = [writer.communicate() for writer in writers]
    assert [error.decode() for _, error in outputs] == [""] * PROCESSES
    said = [line for output, _ in outputs for line in lines(output)]
    assert sum(act == "done" for act, _ in said) == PROCESSES
    with empty_place.open() as store:
        check_kept(store, said)
        check_whole(empty_place, store)
        assert len(store.runs.list(limit=10_000)) == PROCESSES * ROUNDS
        assert len(store.datasets.list(limit=10_000)) == PROCESSES * ROUNDS + ROUNDS
        assert len(store.models.list(limit=10_000)) == PROCESSES * ROUNDS
        assert len(store.laps.list(limit=10_000)) == PROCESSES * ROUNDS
        assert len(list(store.blobs.digests())) == PROCESSES * ROUNDS + ROUNDS
        # Of those who raced for one name, all were told the same winner.
        for act in ("same dataset", "step"):
            winners = {tuple(what) for name, what in said if name == act}
            assert len(winners) == ROUNDS
