"""Captures what it takes to repeat a run: code, packages, machine, seed, command line."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from lapwise.core.digest import Digest, digest_value
from lapwise.core.model import Capture, DatasetVersion, KeyPart
from lapwise.store.model import Store
from lapwise.tracking.git import CodeState, read_code_state
from lapwise.tracking.hardware import read_hardware, read_threads
from lapwise.tracking.packages import installed_packages, package_lines
from lapwise.tracking.pins import find_lock
from lapwise.tracking.redact import mask_command

__all__ = ["capture"]


def capture(
    root: Path,
    *,
    store: Store,
    seed: int | None,
    datasets: Sequence[KeyPart | DatasetVersion] = (),
    split: Digest | None = None,
    frame: Digest | None = None,
    code: Digest | None = None,
) -> Capture:
    """Return what it takes to repeat what this process does, as of now.

    Args:
        root: the project's folder; its Git repository and its lock file are looked for.
        store: keeps the patch and the list of packages as blobs.
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
    packages = store.blobs.put(package_lines(installed_packages()).encode())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Capture(
        commit=state.commit,
        dirty=state.dirty,
        patch=store.blobs.put(state.patch) if state.patch else None,
        packages=packages,
        environment=digest_value((packages, python, hardware.platform)),
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
        flags=_flags(root, state, seed),
    )


def _key_part(dataset: KeyPart | DatasetVersion) -> KeyPart:
    if isinstance(dataset, DatasetVersion):
        return KeyPart(name=dataset.table, digest=dataset.digest)
    return dataset


def _flags(root: Path, state: CodeState, seed: int | None) -> tuple[str, ...]:
    found = {
        "dirty": state.dirty,
        "no-git": state.top is None,
        "partial-patch": bool(state.left_out),
        "uncommitted": state.top is not None and state.commit is None,
        "unpinned": find_lock(root, state.top) is None,
        "unseeded": seed is None,
    }
    return tuple(flag for flag in sorted(found) if found[flag])
