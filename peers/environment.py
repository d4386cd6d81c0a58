"""Make a peer's virtual environment from its lock, once, however many ask at the same time.

``python -m peers.environment mlflow`` makes that of ``mlflow.txt`` and prints its interpreter and the
versions of what ``mlflow.in`` asks for. The folder is named by all that it is made from (lock,
interpreter), is written under another name and renamed when it is whole; so one that was cut short
is never used. When one is made, those of other locks that nobody used for a week are removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["environment", "versions"]

PEERS = Path(__file__).resolve().parent
MADE = PEERS / ".environments"
_WEEK = 7 * 86_400


def environment(name: str) -> Path:
    """Return the interpreter of the environment that ``peers/NAME.txt`` locks, made if need be.

    The first time takes as long as the download; later it takes a millisecond.

    Raises:
        subprocess.CalledProcessError: uv could not install; its message is on standard error.
    """
    lock = PEERS / f"{name}.txt"
    parts = (lock.read_bytes(), sys.version.encode(), os.fsencode(sys.base_prefix))
    folder = MADE / f"{name}-{hashlib.sha256(bytes(1).join(parts)).hexdigest()[:16]}"
    python = folder / "bin" / "python"
    MADE.mkdir(exist_ok=True)
    if not folder.is_dir():
        with (MADE / f"{name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not folder.is_dir():
                _remove_unused(name)
                _install(lock, folder)
    os.utime(folder)
    return python


def versions(name: str) -> dict[str, str]:
    """Return the installed version of each package that ``peers/NAME.in`` asks for, by name."""
    lines = (PEERS / f"{name}.in").read_text().splitlines()
    asked = [re.split(r"[\[=<> ]", line)[0] for line in lines if line[:1] not in {"", "#"}]
    listing = [sys.executable, "-m", "uv", "pip", "list", "-q", "--format", "json"]
    python = str(environment(name))
    said = subprocess.run([*listing, "-p", python], capture_output=True, text=True, check=True)
    found = {one["name"]: one["version"] for one in json.loads(said.stdout)}
    return {package: found[package] for package in asked}


def _remove_unused(name: str) -> None:
    for older in MADE.glob(f"{name}-*"):
        if older.stat().st_mtime < time.time() - _WEEK:
            shutil.rmtree(older)


def _install(lock: Path, folder: Path) -> None:
    """Fill a fresh environment; it may move as a whole, its interpreter is found by relative links."""
    uv = [sys.executable, "-m", "uv"]
    fresh = folder.with_name("." + folder.name)
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run([*uv, "venv", "-q", "--relocatable", "-p", sys.executable, fresh], check=True)
    install = [
        *uv,
        "pip",
        "install",
        "-q",
        "--system-certs",
        "--require-hashes",
        "--compile-bytecode",
    ]
    subprocess.run([*install, "-p", fresh / "bin" / "python", "-r", lock], check=True)
    fresh.rename(folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(environment(wanted))
        for package, version in versions(wanted).items():
            print(f"  {package} {version}")
