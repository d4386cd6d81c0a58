"""Shares of parts as a page declares them."""

from __future__ import annotations

from lapwise.core.errors import DeclarationError

__all__ = ["check_shares"]


def check_shares(validation: float, test: float) -> None:
    """Raise DeclarationError unless both shares are above 0 and leave something to train on."""
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise DeclarationError(
            "the shares of validation and test must be above 0, and together below 1",
            value=(validation, test),
            expected="validation=0.15, test=0.15",
        )
