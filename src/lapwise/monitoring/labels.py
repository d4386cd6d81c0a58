"""What a label says of a two-class model's answer."""

from __future__ import annotations

from collections.abc import Sequence

from lapwise.core.model import Scalar

__all__ = ["truth"]

_YES = {"true", "1", "1.0"}
_NO = {"false", "0", "0.0"}


def truth(label: Scalar, classes: Sequence[str]) -> float | None:
    """Return 1 for the second class, 0 for the first, None for what is neither.

    Booleans, numbers and text are the same words: ``True``, ``1`` and ``"true"``, if the model's
    classes are such; else a label must be named as its class is.

    >>> truth(True, ("False", "True")), truth(0, ("False", "True")), truth("paid", ("late", "paid"))
    (1.0, 0.0, 1.0)
    """
    word = str(label).lower()
    for value, name in ((0.0, classes[0].lower()), (1.0, classes[1].lower())):
        same = next((words for words in (_YES, _NO) if name in words), {name})
        if word in same:
            return value
    return None
