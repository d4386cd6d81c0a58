"""What this machine is, so that a table of seconds says whose seconds they are."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIBRARIES = ("lapwise", "polars", "scikit-learn", "onnxruntime", "sqlalchemy", "typer")


def facts() -> str:
    """Return a few lines: processor, cores, memory, load, Python and library versions."""
    memory = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join(
        (
            f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}",
            f"load average {load} when this began (above 0 others worked too)",
            f"Python {platform.python_version()}, " + ", ".join(map(installed, LIBRARIES[:3])),
            ", ".join(map(installed, LIBRARIES[3:])),
        )
    )


def processor() -> str:
    """Return the processor's name as the kernel tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed(library: str) -> str:
    """Return a library's name with its version."""
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} from source"
