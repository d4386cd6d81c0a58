"""Threads of a training: half of them while another trains beside it."""

from __future__ import annotations

import os

import pytest

from lapwise.loop.steps.threads import VARIABLE, half, limited, threads_in_use


def test_half_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one; what a person allowed is what there is."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert half() == max((os.cpu_count() or 1) // 2, 1) or half() >= 1
    for given, wanted in (("8", 4), ("3", 1), ("1", 1)):
        monkeypatch.setenv(VARIABLE, given)
        assert half() == wanted
    monkeypatch.setenv(VARIABLE, "4,2")
    assert half() >= 1


def test_a_limit_holds_and_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside, OpenMP and whatever is loaded there have so many threads; afterwards as before."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with limited(1):
        assert threads_in_use() == 1
        assert os.environ[VARIABLE] == "1"
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "2")
    before = threads_in_use()
    with limited(1):
        assert threads_in_use() == 1
    assert (os.environ[VARIABLE], threads_in_use()) == ("2", before)
    with limited(0):
        assert threads_in_use() == before
