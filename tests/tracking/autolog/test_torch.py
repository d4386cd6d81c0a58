"""A plain training loop is logged, by things that look like tensors and by real PyTorch."""

from __future__ import annotations

import json
import logging
import os
import site
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lapwise.core.errors import TrackingError
from lapwise.store.model import Store
from lapwise.tracking import start_run
from lapwise.tracking.autolog import TorchCallback
from peers.environment import MADE
from tests.tracking.autolog.torch_loop_sizes import BATCHES, EPOCHS, EVERY

TORCH = "torch==2.13.0"
LOOP = Path(__file__).parent / "torch_loop.py"
ROOT = LOOP.parents[3]


def test_plain_numbers_are_enough(store: Store, root: Path) -> None:
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.5}])
    with start_run("loop", store=store, root=root, system_metrics=False) as run:
        watch = TorchCallback(run, optimizer=optimizer, every=2)
        for epoch in range(2):
            for batch in range(4):
                watch.batch(epoch + batch, rows=8)
            watch.epoch(accuracy=0.9)
    loss = store.runs.history(run.id, "loss")
    assert [(one.step, one.value) for one in loss] == [(1, 0.5), (3, 2.5), (5, 1.5), (7, 3.5)]
    epochs = store.runs.history(run.id, "epoch_loss")
    assert [(one.step, one.value) for one in epochs] == [(0, 1.5), (1, 2.5)]
    assert {one.value for one in store.runs.history(run.id, "learning_rate")} == {0.5}
    assert all(one.value > 0 for one in store.runs.history(run.id, "rows_per_second"))
    assert len(store.runs.history(run.id, "accuracy")) == 2


def test_the_open_run_is_taken_and_none_is_an_error(store: Store, root: Path) -> None:
    with pytest.raises(TrackingError, match="no run is open"):
        TorchCallback()
    with start_run("loop", store=store, root=root, system_metrics=False) as run:
        with pytest.raises(TrackingError, match="counts batches"):
            TorchCallback(every=0)
        TorchCallback(every=1).batch(0.5)
    assert store.runs.history(run.id, "loss")[0].value == 0.5


def test_nothing_is_raised_into_the_loop(
    store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad:
        def __float__(self) -> float:
            raise RuntimeError("device-side assert")

    model: Any = SimpleNamespace(parameters=lambda: 1 / 0)
    with start_run("loop", store=store, root=root, system_metrics=False) as run:
        watch = TorchCallback(run, model=model, every=1)
        with caplog.at_level(logging.WARNING):
            watch.batch(Bad())
            watch.batch("text")
            watch.batch(0.5)
            watch.epoch(bad=None)  # type: ignore[arg-type]
        run.log_metric("after", 1.0)
    assert caplog.text.count("a training loop is not logged") == 1
    assert [one.step for one in store.runs.history(run.id, "loss")] == [2]
    assert "after" in {one.name for one in store.runs.metrics([run.id])[run.id]}


def torch_python() -> Path:
    """Return the interpreter of PyTorch's environment, made once; by pip, which finds a CPU build."""
    folder = MADE / TORCH.replace("==", "-")
    if not folder.is_dir():
        fresh = MADE / f".torch-{os.getpid()}"
        venv.create(fresh, with_pip=True)
        subprocess.run([fresh / "bin" / "python", "-m", "pip", "install", "-q", TORCH], check=True)
        fresh.rename(folder)
    return folder / "bin" / "python"


@pytest.mark.prove
def test_a_real_loop(tmp_path: Path) -> None:
    """PyTorch has an environment of its own, which borrows what Lapwise needs from this one."""
    python = str(torch_python())
    borrowed = [str(ROOT), str(ROOT / "src"), *site.getsitepackages()]
    # Before ours on the path stands nothing: what the environment has itself wins.
    start = "import sys, runpy; sys.path += sys.argv.pop(1).split(':'); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    folder = tmp_path / "project"
    folder.mkdir()
    done = subprocess.run(
        [python, "-c", start, ":".join(borrowed), str(LOOP), str(folder)],
        capture_output=True, text=True, check=False, cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    true = json.loads(done.stdout)
    from lapwise.store.open import open_store

    with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
        (run,) = store.runs.list()
        assert run.status == "finished"

        def history(name: str) -> list[float]:
            return [one.value for one in store.runs.history(run.id, name)]

        means = [sum(true["loss"][at : at + EVERY]) / EVERY for at in range(0, 30, EVERY)]
        assert history("loss") == pytest.approx(means, rel=1e-4)
        assert history("gradient_norm") == pytest.approx(true["norm"][EVERY - 1 :: EVERY], rel=1e-4)
        assert history("learning_rate") == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
        assert history("learning_rate_2")[0] == pytest.approx(0.01)
        assert len(history("epoch_loss")) == EPOCHS
        assert len(true["loss"]) == EPOCHS * BATCHES
    assert "torch" not in sys.modules
