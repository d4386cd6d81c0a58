"""``python -m lapwise`` is the command ``lapwise``."""

from __future__ import annotations

from lapwise.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
