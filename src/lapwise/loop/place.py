"""Where the online store is, said to processes of one's own without its password.

A command line can be read by every user of the machine, an environment cannot. So the command says
the place as it may be shown, and the environment the address itself.
"""

from __future__ import annotations

import os

from lapwise.store.address import without_password

__all__ = ["NAME", "argument", "environment", "from_argument"]

NAME = "LAPWISE_ONLINE"


def argument(online: str) -> str:
    """Return what stands for the online store on a command line.

    >>> argument("/project/.lapwise/live/features"), argument("redis://:s3cret@host/0")
    ('/project/.lapwise/live/features', 'redis://host/0')
    """
    return without_password(online) if "://" in online else online


def environment(online: str) -> dict[str, str]:
    """Return what the process must have in its environment besides."""
    return {NAME: online} if "://" in online else {}


def from_argument(said: str) -> str:
    """Return the online store that a command line and this process's environment mean."""
    return os.environ.get(NAME, said) if "://" in said else said
