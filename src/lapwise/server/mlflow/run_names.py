"""A name for a run that nobody named, that people can say to each other."""

from __future__ import annotations

import secrets

__all__ = ["new_run_name"]

_HOW = """
able agile amber brisk calm clear crisp deft early even fair fleet fond frank free fresh glad
grand keen kind light live lucid merry mild neat noble plain proud quick quiet rare ready sage
sharp smart solid sound spry steady still sunny sure swift tidy true vivid warm wise
"""
_WHO = """
avocet bittern bunting chough crane curlew dipper dotterel dunlin eider falcon finch fulmar
gannet godwit goshawk grebe harrier heron hobby kestrel kite knot lapwing linnet martin merlin
nightjar oriole osprey ouzel petrel pipit plover puffin raven redstart ruff shrike siskin skua
snipe starling stork swallow swift tern thrush wagtail warbler wheatear whimbrel wren
"""


def new_run_name() -> str:
    """Return a name such as ``brisk-lapwing-204``; two may be alike, their ids are not."""
    how, who = secrets.choice(_HOW.split()), secrets.choice(_WHO.split())
    return f"{how}-{who}-{secrets.randbelow(900) + 100}"
