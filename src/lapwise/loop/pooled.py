"""A process of a pool: ``python -m lapwise.loop.pooled`` calls functions by their names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import msgspec

from lapwise.core.model import Record
from lapwise.loop.child import answer

__all__ = ["Asked", "main"]


class Asked(Record, frozen=True, kw_only=True):
    """Call ``name`` of ``module`` with ``argument``; bytes in, bytes out."""

    module: str
    name: str
    argument: bytes


def main() -> None:
    """Answer until standard input ends, or whoever asks has died."""

    def call(question: bytes, _say: Callable[[bytes], None]) -> bytes:
        asked = msgspec.json.decode(question, type=Asked)
        function: Callable[[bytes], bytes] = getattr(import_module(asked.module), asked.name)
        return msgspec.json.encode(function(asked.argument))

    answer(call)


if __name__ == "__main__":
    main()
