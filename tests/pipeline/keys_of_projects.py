"""Run by tests in a process of its own: prints the key of ``train`` in each project folder given."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from lapwise.core.errors import DeclarationError
from lapwise.pipeline.key import key_of, key_parts
from lapwise.pipeline.reach.places import Places
from lapwise.pipeline.reach.walk import Walk


def parts_of(root: Path) -> dict[str, str]:
    """Import the project's page as a fresh process would, and return its parts and key."""
    before = set(sys.modules)
    argv, environment = list(sys.argv), dict(os.environ)
    os.chdir(root)
    sys.path[:0] = [str(root), str(root / "site-packages")]
    importlib.invalidate_caches()
    try:
        page = importlib.import_module("page")
        arguments = getattr(page, "ARGS", {"x": 1})
        walk = Walk(Places(root), {})
        parts = key_parts(walk, page.train, arguments, seed=getattr(page, "SEED", None))
        return {part.name: part.digest for part in parts} | {"key": key_of(parts)}
    except DeclarationError as error:
        return {"error": str(error)}
    finally:
        del sys.path[:2]
        for name in set(sys.modules) - before:
            if str(root) in str(getattr(sys.modules[name], "__file__", None)) or str(root) in str(
                getattr(sys.modules[name], "__path__", "")
            ):
                del sys.modules[name]
        sys.argv[:] = argv
        os.environ.clear()
        os.environ.update(environment)


if __name__ == "__main__":
    print(json.dumps({root: parts_of(Path(root)) for root in sys.argv[1:]}))
