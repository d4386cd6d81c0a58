"""Make `.venv` hold exactly what the lock says, once, however many ask at the same time.

A stamp inside `.venv` names what it was made from (lock, project file, interpreter, place).
With the right stamp this is over in a moment. Without it, one process installs under a file
lock while the others wait, and the stamp is written last: an installation that was cut short
has no stamp, and the next one starts it afresh. Standard library only, because nothing else
is there yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "lapwise.stamp"
LOCK = ROOT / "requirements" / "dev.txt"


def main() -> None:
    """Install unless the stamp says that it is done."""
    wanted = digest()
    if is_done(wanted):
        return
    with (ROOT / ".venv.lock").open("w") as turn:
        wait_for(turn.fileno())
        if is_done(wanted):
            return
        started = time.monotonic()
        print("Installing the locked requirements into .venv (once)", flush=True)
        install(turn.fileno())
        STAMP.write_text(wanted)
        print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)


def digest() -> str:
    """Name everything that the installation depends on."""
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), Path(__file__).read_bytes()]
    parts += [sys.version.encode(), os.fsencode(sys.base_prefix), os.fsencode(ROOT)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_done(wanted: str) -> bool:
    """Say whether `.venv` was finished from just this."""
    return STAMP.is_file() and STAMP.read_text() == wanted and (VENV / "bin" / "lapwise").exists()


def wait_for(turn: int) -> None:
    """Hold the file lock, saying so when another process has it."""
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another process is installing into .venv: waiting for it", flush=True)
        fcntl.flock(turn, fcntl.LOCK_EX)


def install(turn: int) -> None:
    """Fill `.venv`, keeping what a finished earlier installation left there."""
    interpreter = f"{sys.version}\n{sys.base_prefix}\n{ROOT}"
    made_by = VENV / "lapwise.python"
    keep = STAMP.exists() and made_by.is_file() and made_by.read_text() == interpreter
    STAMP.unlink(missing_ok=True)
    if not keep:
        shutil.rmtree(VENV, ignore_errors=True)
        run(turn, sys.executable, "-m", "venv", str(VENV))
        made_by.write_text(interpreter)
    python = str(VENV / "bin" / "python")
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder) / "uv.txt"
        only_uv.write_text(locked("uv"))
        run(turn, *pip, "--require-hashes", "--no-deps", "-r", str(only_uv))
    uv = (str(VENV / "bin" / "uv"), "pip", "sync", "--quiet", "--python", python, "--system-certs")
    # Compiled here, because an environment may forbid Python to do it, and then every process that
    # imports scikit-learn takes two seconds more.
    compiled = ("--compile-bytecode", "--require-hashes", str(LOCK))
    if not run(turn, *uv, *compiled, must=False):
        print("uv could not install (its words are above): trying pip, which is slower", flush=True)
        run(turn, *pip, "--require-hashes", "--no-deps", "-r", str(LOCK))
    run(turn, *pip, "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT))


def locked(name: str) -> str:
    """Return one requirement of the lock, with its hashes."""
    found = re.search(rf"^{name}==(?:.*\\\n)*.*\n", LOCK.read_text(), re.MULTILINE)
    if found is None:
        sys.exit(f"{LOCK.relative_to(ROOT)} does not pin {name}: make lock")
    return found.group()


def run(turn: int, *command: str, must: bool = True) -> bool:
    """Run a command that holds the file lock as long as it lives, even when this one is killed."""
    code = subprocess.run(command, check=False, pass_fds=(turn,)).returncode
    if code and must:
        sys.exit(f"The installation stopped at: {' '.join(command)}")
    return code == 0


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next make starts the installation afresh")
