"""Features beside bare Polars, bare LMDB and Redis, and Feast, in one run.

``python -m benchmarks features`` measures Lapwise and bare libraries; ``--peers`` measures Feast
beside them, in an environment of its own from the lock in ``peers/``, and ``--whole`` gives it a
million entities to materialise where it else gets a tenth. ``--examples --rows --keys --repeats``
size the joins, ``--days`` the replay, ``--project`` names a demo that was replayed already, and
``--parts`` measures some parts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str]) -> None:
    """Measure, and print the table."""
    # Imported here: what is measured in a process of its own loads nothing that it does not need.
    from benchmarks.features.figures import main as measure

    measure(argv)
