"""Train by a plain PyTorch loop: FOLDER is the argument; what is true of the gradients is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lapwise.store.open import open_store
from lapwise.tracking import start_run
from lapwise.tracking.autolog import TorchCallback
from tests.tracking.autolog.torch_loop_sizes import BATCHES, EPOCHS, EVERY, ROWS


def main(folder: Path) -> None:
    import torch  # the environment that collects the tests has none

    torch.manual_seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(
        [
            {"params": model[0].parameters(), "lr": 0.1},
            {"params": model[2].parameters(), "lr": 0.01},
        ]
    )
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    true: dict[str, Any] = {"loss": [], "norm": []}
    with (
        open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store,
        start_run("torch", store=store, root=folder, system_metrics=False),
    ):
        watch = TorchCallback(optimizer=optimizer, model=model, every=EVERY)
        for _ in range(EPOCHS):
            for _ in range(BATCHES):
                rows = torch.randn(ROWS, 4)
                optimizer.zero_grad()
                loss = ((model(rows) - rows.sum(1, keepdim=True)) ** 2).mean()
                loss.backward()
                optimizer.step()
                true["loss"].append(loss.item())
                norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
                true["norm"].append(torch.stack(norms).norm().item())
                watch.batch(loss, rows=ROWS)
                assert loss.grad_fn is not None
            schedule.step()
            watch.epoch(accuracy=0.5)
    print(json.dumps(true))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
