"""Files that a run keeps have names that say what they are."""

from pathlib import Path

import numpy as np
import pytest

from lapwise.core.errors import TrackingError
from lapwise.store.model import Store
from lapwise.tracking.start import start_run


def test_a_bare_name_gets_its_suffix_and_a_step_its_place(store: Store, root: Path) -> None:
    pixels = np.zeros((4, 5))
    with start_run("e", store=store, root=root, seed=1) as run:
        run.log_image("seen", pixels)
        run.log_image("seen.png", pixels, step=3)
        run.log_image("kept", b"\xff\xd8\xff", step=12)
        run.log_table("rows", {"a": [1]})
        run.log_table("rows.jsonl", {"a": [1]})
        run.log_dict("config", {"a": 1})
        run.log_dict("deep/config.json", [1])
    assert [one.name for one in store.runs.artifacts(run.id)] == [
        "config.json",
        "deep/config.json",
        "kept/00000012.jpg",
        "rows.jsonl",
        "rows.parquet",
        "seen.png",
        "seen/00000003.png",
    ]


def test_a_refused_picture_leaves_nothing(store: Store, root: Path) -> None:
    with start_run("e", store=store, root=root, seed=1) as run:
        for log in (run.log_image, run.log_figure, run.log_table):
            with pytest.raises(TrackingError):
                log("x", object())
        with pytest.raises(TrackingError, match="artifact"):
            run.log_image("../x", np.zeros((2, 2)))
    assert store.runs.artifacts(run.id) == ()
    with pytest.raises(TrackingError, match="has ended"):
        run.log_image("x", np.zeros((2, 2)))
