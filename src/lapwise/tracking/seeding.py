"""Seeds the global generators of random numbers."""

from __future__ import annotations

import random
import sys

from lapwise.core.errors import TrackingError
from lapwise.core.model import Param

__all__ = ["check_seed", "seed_libraries"]

LARGEST = 2**32 - 1
"""NumPy's global generator takes no larger seed."""


def check_seed(seed: object) -> int:
    """Return a seed that every library takes; raises TrackingError."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST:
        raise TrackingError(
            "not a seed",
            value=seed,
            expected="0 to 4,294,967,295, here or as start_run(..., seed=)",
        )
    return seed


def seed_libraries(seed: int) -> tuple[Param, ...]:
    """Seed ``random``, and NumPy and PyTorch where they are loaded; return what was seeded."""
    random.seed(seed)
    seeded = ["random"]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
        seeded.append("numpy")
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)  # the GPUs' generators too
        seeded.append("torch")
    return tuple(Param(name=name, value=seed) for name in seeded)
