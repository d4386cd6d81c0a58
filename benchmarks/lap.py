"""What a lap costs: whole processes on the flights example, beside the same work glued by hand.

Both read the same files, see the same past, compute the same features and fit the same model, so
that the two ROC AUC must agree; what is left between them is what Lapwise's guarantees cost. The
demo is what one waits for: a lap, then a month of the world, hour by hour through the real server.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.process import Spent, run, typical
from benchmarks.table import table

LAPWISE = (sys.executable, "-c", "from lapwise.cli.main import main; main()")
PAGE = (sys.executable, "-c", "import page")
BY_HAND = Path(__file__).with_name("by_hand.py").resolve()
LAP = (*LAPWISE, "lap", "--as-of", "2013-04-01", "--json")
DAYS = 30
TIMES = 5
REFUSED_TOO = (0, 2)  # on a busy machine the latency gate may refuse: a lap all the same

# Which part of the script does what a step of the lap does.
COUNTERPARTS = {"validate": "read", "features": "features", "train": "train"}


def main(argv: Sequence[str]) -> None:
    """Measure and print; there are no options."""
    if argv:
        sys.exit(f"lap takes no options, got {' '.join(argv)}")
    with tempfile.TemporaryDirectory(prefix="lapwise-") as scratch:
        folder = Path(scratch)
        project = folder / "flights"
        run((*LAPWISE, "init", "--example", "flights", str(project)), folder)
        help_ = typical((*LAPWISE, "--help"), project, TIMES)
        page = typical(PAGE, project, TIMES)
        script = (sys.executable, str(BY_HAND), str(project))
        by_hand = min((run(script, folder, watch=True) for _ in range(2)), key=_cpu)
        full = run(LAP, project, watch=True, fine=REFUSED_TOO)
        cached = typical(LAP, project, TIMES, fine=REFUSED_TOO)
        month = (*LAPWISE, "demo", str(folder / "demo"), "--days", str(DAYS), "--json")
        demo = run(month, folder, watch=True)
    rows = [
        _row(f"lapwise demo --days {DAYS}", demo, "60 s and 3,000 MB"),
        _row("lapwise lap, from nothing", full, ""),
        _row("lapwise lap, nothing changed", cached, "3 s"),
        _row("the same model, glued by hand", by_hand, ""),
        _row("import page (declares the product)", page, ""),
        _row("lapwise --help", help_, "0.5 s"),
    ]
    print(table(["whole process", "s", "CPU s", "peak MB", "aim"], rows))
    first, again, hand = (json.loads(one.output) for one in (full, cached, by_hand))
    print(f"\n{table(['seconds inside', 'lap', 'cached', 'by hand'], _steps(first, again, hand))}")
    print(f"\n{_comparison(first, hand, full, by_hand)}")
    print(f"\n{_month(json.loads(demo.output))}")


def _row(label: str, spent: Spent, aim: str) -> tuple[object, ...]:
    return label, spent.seconds, spent.cpu, spent.memory or None, aim or None


def _cpu(spent: Spent) -> float:
    return spent.cpu


def _steps(
    first: dict[str, Any], again: dict[str, Any], hand: dict[str, Any]
) -> list[tuple[object, ...]]:
    """Return a row a step of the ledger, each in the full lap, the cached one, and by hand."""
    repeated = {step["name"]: step for step in again["steps"]}
    rows: list[tuple[object, ...]] = []
    for step in first["steps"]:
        name = step["name"]
        other = repeated[name]
        word = f"{other['seconds']:.3f}" if other["reused"] else "ran again"
        rows.append((name, step["seconds"], word, hand["seconds"].get(COUNTERPARTS.get(name))))
    total = f"{again['seconds']:.3f}"
    return [*rows, ("all", first["seconds"], total, sum(hand["seconds"].values()))]


def _comparison(first: dict[str, Any], hand: dict[str, Any], full: Spent, by_hand: Spent) -> str:
    areas = {metric["name"]: metric["value"] for metric in first["metrics"]}
    gates = sum(
        step["seconds"]
        for step in first["steps"]
        if step["name"] in ("baseline", "leakage", "latency", "reproduce", "gates")
    )
    return (
        f"ROC AUC {areas['roc_auc']:.4f} by Lapwise, {hand['roc_auc']:.4f} by hand.\n"
        f"A lap takes {full.seconds / by_hand.seconds:.1f} x the seconds of the script and"
        f" {full.cpu / by_hand.cpu:.1f} x its CPU;\n"
        f"{gates:.1f} s of it are evidence for the gates"
        " (baseline, leakage, latency, reproduction)."
    )


def _month(told: dict[str, Any]) -> str:
    """Say what the demo lived through, so that nobody takes a shorter month for a faster one."""
    return (
        f"The demo made {told['predictions']:,} predictions in {told['seconds']:.1f} s (lap included,"
        f" {DAYS} days).\nLaps {told['laps']}, alarms {told['alarms']}, promotions"
        f" {told['promotions']}, failed requests {told['failed_requests']};"
        f" {told['features_equal']:.2%} of the\nvectors are equal to those recomputed offline."
    )
