"""A process that keeps its memory does not ask the kernel for the same pages again and again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from lapwise.serving.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
def work():
    parts = [b"x" * (1 << 20) for _ in range(20)]
for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_pages_are_kept_from_one_request_to_the_next() -> None:
    faults = {
        word: int(subprocess.check_output([sys.executable, "-c", SCRIPT, word]))
        for word in ("keep", "default")
    }
    assert faults["keep"] * 20 < faults["default"]
