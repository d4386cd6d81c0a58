"""Small products for laps: a real page and real Parquet files in a folder, different each by a word.

Will an order come back? 3,000 orders of 300 customers at three shops over 60 days. Customers differ
in how much they return, so the rate of their past returns is the one feature that truly helps. An
outcome is known hours later, and for one order in twenty never.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lapwise.core.clock import parse_time
from lapwise.loop.bootstrap import Workshop, open_workshop
from lapwise.loop.lap import lap
from lapwise.loop.page import load_page

if TYPE_CHECKING:
    from lapwise.core.lap import Lap
    from lapwise.loop.model import Loop

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = "2024-03-01"
"""The end of the world's 60 days."""

_US = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class World:
    """A project in a folder."""

    root: Path

    def edit(self, old: str, new: str, file: str = "page.py") -> None:
        """Replace a piece of a file, which must be there exactly once."""
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        write_old(path, text.replace(old, new))

    def loop(self, page: str = "page.py") -> Loop:
        """Read the page as a fresh process would."""
        forget()
        _READ.add(self.root.resolve())
        return load_page(page, self.root)

    @contextmanager
    def workshop(self, as_of: str = AS_OF) -> Iterator[Workshop]:
        """Open the project at an instant of the world."""
        with open_workshop(self.root, as_of=parse_time(as_of)) as opened:
            yield opened

    def lap(self, as_of: str = AS_OF) -> Lap:
        """Go round once with the page as it is now."""
        with self.workshop(as_of) as opened:
            return lap(opened, self.loop())


_DAYS = itertools.count()
_READ: set[Path] = set()
"""Folders of the pages that were read last."""


def write_old(path: Path, text: str) -> None:
    """Write a file as if long ago: code younger than the process is taken for edited under it."""
    path.write_text(text)
    at = 1_700_000_000 + next(_DAYS) * 86_400
    os.utime(path, (at, at))


def forget(*folders: Path) -> None:
    """Forget the pages that were read (those in ``folders`` too), and what lies beside them."""
    _READ.update(folder.resolve() for folder in folders)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).parent in _READ:
            del sys.modules[name]
    sys.path[:] = [one for one in sys.path if Path(one) not in _READ]
    importlib.invalidate_caches()
    _READ.clear()


def reused(line: Lap) -> dict[str, bool]:
    """Return for each step of a lap whether it was reused."""
    return {step.name: step.reused for step in line.steps}


def ran(line: Lap) -> set[str]:
    """Return the steps that a lap ran."""
    return {step.name for step in line.steps if not step.reused}


def statuses(line: Lap) -> list[str]:
    """Return the status of each gate, in the page's order."""
    return [verdict.status for verdict in line.verdicts]


def make_world(
    root: Path, *, kind: str = "binary", days: int = 60, delay: float = 1.0, **pieces: str
) -> World:
    """Write a project.

    Args:
        root: its folder.
        kind: ``binary``, ``regression`` or ``multiclass``.
        days: how long the world lasts, 50 orders a day.
        delay: the label comes ``delay`` to ``5 * delay`` hours after the prediction.
        pieces: replace ``split``, ``gates``, ``metrics`` or ``more`` (further arguments) of the page.
    """
    (root / "data").mkdir(parents=True)
    orders, outcomes = make_tables(days=days, delay=delay)
    orders.write_parquet(root / "data" / "orders.parquet")
    outcomes.write_parquet(root / "data" / "outcomes.parquet")
    write_old(root / "shaping.py", SHAPING)
    write_old(root / "page.py", _page(kind, pieces))
    (root / "pyproject.toml").write_text('[tool.lapwise]\nloop = "page.py"\n')
    return World(root)


def make_tables(
    *, days: int = 60, delay: float = 1.0, seed: int = 3
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return orders, and what became of them; the same rows each time."""
    rng = np.random.default_rng(seed)
    count, customers = 50 * days, 300
    at = np.sort(rng.integers(0, days * 86_400, count))
    who = rng.integers(0, customers, count)
    leaning = rng.normal(0, 2.0, customers)[who]
    amount = np.round(rng.lognormal(3, 0.7, count), 2)
    worth = 0.4 * (np.log(amount) - 3)
    chance = 1 / (1 + np.exp(1.0 - leaning - worth))
    back = rng.random(count) < chance
    lost = ~back & (rng.random(count) < 0.15)
    settled = at + (delay * 3600 * (1 + 4 * rng.random(count))).astype(np.int64)
    amount[rng.random(count) < 0.03] = np.nan
    channel = rng.choice(np.array(["web", "app", "phone"]), count)
    orders = pl.DataFrame(
        {
            "order_id": [f"o{place:05d}" for place in range(count)],
            "customer": [f"c{one:03d}" for one in who],
            "shop": rng.choice(np.array(["north", "south", "west"]), count),
            "channel": [None if rng.random() < 0.05 else one for one in channel],
            "amount": [None if rng.random() < 0.02 else one for one in amount],
            "items": rng.integers(1, 6, count),
            "ordered_at": [START + timedelta(seconds=int(one)) for one in at],
        },
        schema_overrides={"ordered_at": _US, "amount": pl.Float64},
    ).with_columns(published_at=pl.col("ordered_at") - pl.duration(hours=1))
    outcomes = pl.DataFrame(
        {
            "order_id": orders["order_id"],
            "customer": orders["customer"],
            "settled_at": [START + timedelta(seconds=int(one)) for one in settled],
            "back": back,
            "fate": np.where(back, "back", np.where(lost, "lost", "kept")),
            "value": np.round(20 + 8 * leaning + 6 * worth + rng.normal(0, 3, count), 3),
        },
        schema_overrides={"settled_at": _US},
    ).filter(pl.Series(rng.random(count) >= 0.05))
    return orders, outcomes


def _page(kind: str, pieces: dict[str, str]) -> str:
    text = PAGE
    for name, default in _PIECES[kind].items():
        text = text.replace(f"<{name}>", pieces.get(name, default))
    return text


_SPLIT = 'lw.TimeSplit(validation="7d", test="14d", embargo="1d")'
_PIECES = {
    "binary": {
        "label": 'pl.col("back")',
        "estimator": "HistGradientBoostingClassifier",
        "split": _SPLIT,
        "metrics": '["roc_auc", "log_loss", "recall"]',
        "gates": (
            'gates.NoLeakage(), gates.Better("roc_auc", than="baseline"),'
            ' gates.NoWorse("roc_auc", than="production", margin=0.02),'
            ' gates.Floor("recall", 0.30)'
        ),
        "more": "decide=lw.Threshold(share=0.40),",
    },
    "regression": {
        "label": 'pl.col("value")',
        "estimator": "HistGradientBoostingRegressor",
        "split": _SPLIT,
        "metrics": '["mae", "r2"]',
        "gates": 'gates.NoLeakage(), gates.Better("mae", than="baseline")',
        "more": "",
    },
    "multiclass": {
        "label": 'pl.col("fate")',
        "estimator": "HistGradientBoostingClassifier",
        "split": _SPLIT,
        "metrics": '["roc_auc", "log_loss"]',
        "gates": 'gates.NoLeakage(), gates.Better("log_loss", than="baseline")',
        "more": "",
    },
}

SHAPING = '''"""What the page imports from beside it."""

from __future__ import annotations

UNKNOWN = -1


def encoder():
    """Return the encoder of text columns."""
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=UNKNOWN)
'''

PAGE = '''"""Will this order come back?"""

from __future__ import annotations

import polars as pl
from shaping import encoder

import lapwise as lw
from lapwise import gates

orders = lw.Table(
    "orders", "data/orders.parquet", key="order_id", event="ordered_at", known="published_at"
)
outcomes = lw.Table("outcomes", "data/outcomes.parquet", key="order_id", event="settled_at")

customer = lw.FeatureView(
    "customer",
    outcomes,
    by="customer",
    features={
        "customer_rate": lw.rate("back", within="60d"),
        "customer_value": lw.mean("value", within="60d"),
        "customer_last": lw.last("value", within="20d"),
        "customer_count": lw.count(within="60d"),
    },
)


@lw.on_demand
def calendar(ordered_at: pl.Expr, items: pl.Expr) -> dict[str, pl.Expr]:
    """Return the hour, and whether there are many items."""
    return {"hour": ordered_at.dt.hour(), "many": items > 3}


def train(train: lw.Frame, params: lw.Params, seed: int):
    """Fit gradient boosting on ordinal codes."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import <estimator>
    from sklearn.pipeline import Pipeline

    codes = ColumnTransformer(
        [("codes", encoder(), ["shop", "channel"])], remainder="passthrough"
    )
    boosting = <estimator>(random_state=seed, **params)
    model = Pipeline([("columns", codes), ("boosting", boosting)])
    return model.fit(train.features, train.label.to_numpy())


loop = lw.Loop(
    "returns",
    examples=lw.Examples(
        orders,
        row="order_id",
        unit="customer",
        time="ordered_at",
        block="1d",
        inputs=["customer", "shop", "channel", "amount", "items", "ordered_at"],
        label=lw.Label(outcomes, <label>, on="order_id"),
    ),
    features=[customer, calendar, "shop", "channel", "amount"],
    split=<split>,
    train=train,
    params={"max_iter": 20, "min_samples_leaf": 20},
    seed=5,
    metrics=<metrics>,
    gates=[<gates>],
    <more>
)
'''
