"""PyTorch: a small object for a plain training loop."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.core.errors import TrackingError
from lapwise.tracking.active import OpenRun, current_run

__all__ = ["TorchCallback"]

_LOG = logging.getLogger("lapwise.tracking.autolog")


class TorchCallback:
    """Logs loss, learning rates, gradient norm and throughput of a plain PyTorch loop.

    Nothing here imports PyTorch, waits for a GPU between two logged batches, or raises into the
    loop. Steps of batches count from 0 over all epochs, steps of epochs likewise.

    Args:
        run: where to log; default: the run whose ``with`` block is open.
        optimizer: its learning rates are logged, one for each group of parameters.
        model: the norm of all its gradients together is logged; call :meth:`batch` before
            ``optimizer.zero_grad()``.
        every: log each so many batches; the loss is the mean since the last time.

    Raises:
        TrackingError: no run was given and none is open, or ``every`` is not at least 1.

    Example::

        with lw.start_run("digits", seed=7) as run:
            watch = lw.TorchCallback(optimizer=optimizer, model=model, every=50)
            for epoch in range(10):
                for images, labels in loader:
                    optimizer.zero_grad()
                    loss = criterion(model(images), labels)
                    loss.backward()
                    optimizer.step()
                    watch.batch(loss, rows=len(images))
                watch.epoch(accuracy=evaluate(model))
    """

    def __init__(
        self,
        run: OpenRun | None = None,
        *,
        optimizer: Any = None,
        model: Any = None,
        every: int = 50,
    ) -> None:
        found = run if run is not None else current_run()
        if found is None:
            raise TrackingError(
                "no run is open here",
                expected="a run: lw.TorchCallback(run), or inside `with lw.start_run(...)`",
            )
        if every < 1:
            raise TrackingError("`every` counts batches", value=every, expected="at least 1")
        self._run = found
        self._optimizer = optimizer
        self._model = model
        self._every = every
        self._now = MachineClock().monotonic
        self._batches = 0
        self._epochs = 0
        self._warned = False
        self._recent = _Sum(self._now())
        self._whole = _Sum(self._now())

    def batch(self, loss: Any, *, rows: int = 0) -> None:
        """Say that a batch was trained.

        Args:
            loss: a number or a tensor of one.
            rows: how many examples; for ``rows_per_second``.
        """
        self._quietly(self._batch, loss, rows)

    def epoch(self, **metrics: float) -> None:
        """Say that an epoch is over; ``metrics`` are logged beside its mean loss and its seconds."""
        self._quietly(self._epoch, metrics)

    def _batch(self, loss: Any, rows: int) -> None:
        number, self._batches = self._batches, self._batches + 1
        value = loss.detach() if hasattr(loss, "detach") else float(loss)
        self._recent.add(value, rows)
        self._whole.add(value, rows)
        if number % self._every == self._every - 1:
            now = self._now()
            self._run.log_metrics(
                {"loss": self._recent.mean(), **self._recent.throughput(now)}, step=number
            )
            self._recent = _Sum(now)
            self._run.log_metrics(self._rates(), step=number)
            if self._model is not None:
                self._run.log_metric("gradient_norm", _gradient_norm(self._model), step=number)

    def _rates(self) -> dict[str, float]:
        groups = self._optimizer.param_groups if self._optimizer is not None else ()
        return {
            "learning_rate" if place == 0 else f"learning_rate_{place + 1}": float(group["lr"])
            for place, group in enumerate(groups)
        }

    def _epoch(self, metrics: dict[str, float]) -> None:
        now = self._now()
        found = dict(metrics)
        if self._whole.count:
            found |= {"epoch_loss": self._whole.mean(), "epoch_seconds": now - self._whole.started}
        self._run.log_metrics(found, step=self._epochs)
        self._whole = _Sum(now)
        self._epochs += 1

    def _quietly(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 - never into training
            if not self._warned:
                self._warned = True
                _LOG.warning("a training loop is not logged: %s; said once", error)


class _Sum:
    """A running sum of losses; of tensors it is one, so that nobody waits for the GPU."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.count = 0
        self._total: Any = 0.0
        self._rows = 0

    def add(self, value: Any, rows: int) -> None:
        self._total = self._total + value
        self._rows += rows
        self.count += 1

    def mean(self) -> float:
        return float(self._total) / self.count

    def throughput(self, now: float) -> dict[str, float]:
        seconds = now - self.started
        return {"rows_per_second": self._rows / seconds} if self._rows and seconds > 0 else {}


def _gradient_norm(model: Any) -> float:
    """Return the Euclidean norm of all gradients, by one wait for the device."""
    total: Any = 0.0
    for parameter in model.parameters():
        if parameter.grad is not None:
            total = total + parameter.grad.detach().float().pow(2).sum()
    return math.sqrt(float(total))
