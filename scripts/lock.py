"""Write requirements/dev.txt and requirements/core.txt anew from pyproject.toml.

`dev` is all that the tests run on; `core` is the bare client, held to the same versions.
Arguments go to `uv pip compile`, as `--upgrade` or `--upgrade-package polars`.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *("pip", "compile", "pyproject.toml", "--quiet", "--no-config", "--system-certs"),
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"),
    *("--custom-compile-command", "make lock"),
]
EXTRAS = ("local", "serve", "server", "postgres", "redis", "lightgbm", "xgboost", "gpu", "examples")


def main(arguments: list[str]) -> None:
    """Resolve both locks, the larger one first."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    resolve("dev", *extras, "--group", "dev", *arguments)
    resolve("core", "--constraints", "requirements/dev.txt", *arguments)


def resolve(name: str, *arguments: str) -> None:
    """Resolve one lock, keeping its versions unless told otherwise."""
    out = f"requirements/{name}.txt"
    uv = str(ROOT / ".venv" / "bin" / "uv")
    subprocess.run([uv, *COMPILE, *arguments, "--output-file", out], check=True, cwd=ROOT)
    print(f"{out}: {(ROOT / out).read_text().count('==')} requirements")


if __name__ == "__main__":
    main(sys.argv[1:])
