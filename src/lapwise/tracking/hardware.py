"""The machine a run ran on, from files and environment variables; nothing is started for it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import msgspec

from lapwise.core.model import Param

__all__ = ["Hardware", "read_blas", "read_hardware", "read_threads"]

_THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "PYTHONHASHSEED",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class Hardware(msgspec.Struct, frozen=True):
    """What a run could use: ``memory`` in bytes, ``cores`` and memory as this process may."""

    platform: str
    cpu: str
    cores: int
    memory: int


def read_hardware() -> Hardware:
    """Return platform, CPU model, usable cores and usable memory in bytes."""
    return Hardware(_platform(), _cpu(), len(os.sched_getaffinity(0)), _memory())


def read_threads() -> tuple[Param, ...]:
    """Return what decides the order of floating-point sums: variables, and BLAS when loaded.

    Linear algebra is asked for its threads only if NumPy is in memory already; asking must not
    load it.
    """
    found = {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ}
    params = [Param(name=name, value=value) for name, value in found.items()]
    return (*params, *_pools())


def read_blas() -> tuple[Param, ...]:
    """Return the libraries of linear algebra in memory: version, kernel, threads."""
    return tuple(one for one in _pools() if one.name.startswith("blas."))


def _pools() -> list[Param]:
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]
    except ImportError:
        return []
    found: dict[str, str] = {}
    for pool in threadpool_info() if "numpy" in sys.modules else ():
        kind = f"{pool.get('user_api')}.{pool.get('prefix')}"
        parts = (
            pool.get("version"),
            pool.get("architecture"),
            f"{pool.get('num_threads')} threads",
        )
        found[kind] = " ".join(str(part) for part in parts if part)
    return [Param(name=name, value=text) for name, text in sorted(found.items())]


def _platform() -> str:
    system = os.uname()
    try:
        release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        release = ""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    return ", ".join(part for part in (f"{system.sysname} {system.machine}", release, libc) if part)


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in {"model name", "Model", "cpu model"}:
                    return value.strip()
    except OSError:
        pass
    return os.uname().machine


def _memory() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total
