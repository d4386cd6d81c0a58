"""Captures what it takes to repeat a run: code, packages, machine, seed, command line."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lapwise.core.digest import Digest, digest_value
from lapwise.core.model import Capture, DatasetVersion, KeyPart, Param
from lapwise.tracking.git import CodeState, read_code_state
from lapwise.tracking.gpus import read_gpus
from lapwise.tracking.hardware import read_blas, read_hardware, read_threads
from lapwise.tracking.package_content import installed_content
from lapwise.tracking.packages import package_lines
from lapwise.tracking.pins import find_lock, pinned_hashes
from lapwise.tracking.redact import mask_command

__all__ = ["capture", "completed", "of_part", "with_seed"]


def capture(
    root: Path,
    *,
    keep: Callable[[bytes], Digest],
    seed: int | None,
    datasets: Sequence[KeyPart | DatasetVersion] = (),
    split: Digest | None = None,
    frame: Digest | None = None,
    code: Digest | None = None,
) -> Capture:
    """Return what it takes to repeat what this process does, as of now.

    Args:
        root: the project's folder; its Git repository and its lock file are looked for.
        keep: keeps the patch and the list of packages, and returns their digests.
        seed: the seed the user's code was given; None is flagged.
        datasets: dataset versions that are read, or their names and digests.
        split: digest of the split.
        frame: digest of the feature frame.
        code: digest of the training function with all it reaches.

    Flags, sorted: ``dirty`` (the tree differs from the commit), ``no-git`` (not in a repository
    that ``git`` can read), ``partial-patch`` (files were left out of it: its first lines say
    which), ``uncommitted`` (a repository without a commit), ``unpinned`` (no file pins the
    packages), ``unseeded``.

    Raises:
        StoreError: the store does not take the blobs.
    """
    state = read_code_state(root)
    hardware = read_hardware()
    lock = find_lock(root, state.top)
    installed = installed_content(root)
    pinned = {} if lock is None else pinned_hashes(lock)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Capture(
        commit=state.commit,
        dirty=state.dirty,
        patch=keep(state.patch) if state.patch else None,
        packages=keep(package_lines(installed, pinned).encode()),
        environment=digest_value((package_lines(installed), python, hardware.platform)),
        python=python,
        platform=hardware.platform,
        cpu=hardware.cpu,
        cores=hardware.cores,
        memory=hardware.memory,
        threads=read_threads(),
        seed=seed,
        command=mask_command(sys.orig_argv),
        datasets=tuple(_key_part(dataset) for dataset in datasets),
        split=split,
        frame=frame,
        code=code,
        flags=_flags(state, seed, pinned=lock is not None),
        gpus=read_gpus(),
        blas=read_blas(),
        seeds=_seeds(seed),
        cwd=_inside(root),
    )


def with_seed(known: Capture, seed: int, seeded: Sequence[Param] = ()) -> Capture:
    """Return a capture that has another seed; ``seeded`` are generators that were given one."""
    fresh = {one.name: one for one in (*known.seeds, *seeded)}
    fresh["seed"] = Param(name="seed", value=seed)
    return msgspec.structs.replace(
        known,
        seed=seed,
        seeds=tuple(fresh[name] for name in sorted(fresh)),
        flags=tuple(flag for flag in known.flags if flag != "unseeded"),
    )


def of_part(known: Capture, seed: int | None) -> Capture:
    """Return the capture of a run that is a part of another: fresh, whatever became of the whole."""
    if seed is not None:
        known = with_seed(known, seed)
    flags = tuple(flag for flag in known.flags if flag not in {"changed", "resumed"})
    return msgspec.structs.replace(known, flags=flags)


def completed(known: Capture) -> Capture | None:
    """Return a capture with the linear algebra that was loaded since; None when it knows already."""
    blas = () if known.blas else read_blas()
    return msgspec.structs.replace(known, blas=blas, threads=read_threads()) if blas else None


def _seeds(seed: int | None) -> tuple[Param, ...]:
    hashing = Param(name="PYTHONHASHSEED", value=os.environ.get("PYTHONHASHSEED", "random"))
    return (hashing,) if seed is None else (hashing, Param(name="seed", value=seed))


def _inside(root: Path) -> str:
    """Return the working directory relative to the project; its name alone where it is outside."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return ""
    root = root.resolve()
    return here.relative_to(root).as_posix() if here.is_relative_to(root) else f".../{here.name}"


def _key_part(dataset: KeyPart | DatasetVersion) -> KeyPart:
    if isinstance(dataset, DatasetVersion):
        return KeyPart(name=dataset.table, digest=dataset.digest)
    return dataset


def _flags(state: CodeState, seed: int | None, *, pinned: bool) -> tuple[str, ...]:
    found = {
        "dirty": state.dirty,
        "no-git": state.top is None,
        "partial-patch": bool(state.left_out),
        "uncommitted": state.top is not None and state.commit is None,
        "unpinned": not pinned,
        "unseeded": seed is None,
    }
    return tuple(flag for flag in sorted(found) if found[flag])
