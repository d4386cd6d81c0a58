"""Writers that are killed at each boundary of a write leave a whole store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from lapwise.store.boundary import BOUNDARIES
from tests.store.acknowledged import check_kept, check_whole, lines
from tests.store.conftest import Place

TIMES = 20
TOGETHER = 4
# How often one round crosses each boundary; a kill is aimed somewhere within the second round.
CROSSINGS = {"blob-rename": 2, "row": 9, "commit": 13, "audit-append": 2}


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_kill_at_every_boundary(place: Place) -> None:
    """SIGKILL before and after each, at least twenty times: what was acknowledged is there.

    Several writers run at once, so that each death has witnesses who must be able to go on.
    """
    aims = [
        (boundary, side, number)
        for boundary in BOUNDARIES
        for side in ("before", "after")
        for number in range(TIMES)
    ]
    hit: Counter[tuple[str, str]] = Counter()
    place.open().close()
    for start in range(0, len(aims), TOGETHER):
        some = aims[start : start + TOGETHER]
        writers = [_writer(place, *aim) for aim in some]
        said = []
        for writer, (boundary, side, _) in zip(writers, some, strict=True):
            output, errors = writer.communicate()
            assert errors == b""
            assert writer.returncode == -signal.SIGKILL
            hit[boundary, side] += 1
            said += lines(output)
        with place.open() as store:
            check_kept(store, said)
    with place.open() as store:
        check_whole(place, store)
    print(f"killed on {place.url.partition(':')[0]}:", dict(hit))
    assert set(hit.values()) == {TIMES}
    assert len(hit) == 2 * len(BOUNDARIES)


def _writer(place: Place, boundary: str, side: str, number: int) -> subprocess.Popen[bytes]:
    crossings = CROSSINGS[boundary]
    aim = f"{boundary}:{side}:{crossings + 1 + number % crossings}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writer", place.url, place.blobs,
         f"{boundary} {side} {number}", "9"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "LAPWISE_KILL_AT": aim},
    )  # fmt: skip
