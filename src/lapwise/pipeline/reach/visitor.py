"""What the encoders of functions, classes, modules and values need of the walk that calls them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from lapwise.core.errors import DeclarationError
from lapwise.pipeline.reach.places import Places

__all__ = ["OpaqueError", "Visitor"]


class OpaqueError(DeclarationError):
    """A value that no digest can stand for."""


class Visitor(Protocol):
    """One walk over everything that a function reaches."""

    places: Places

    def value(self, value: Any) -> bytes:
        """Return an encoding of any object; raises OpaqueError."""
        ...

    def lenient(self, value: Any, encode: Callable[[], bytes] | None = None) -> bytes:
        """Return an encoding of an object (by ``encode``), or of no more than its type."""
        ...

    def node(self, kind: str, name: str, key: object, encode: Callable[[], bytes]) -> bytes:
        """Return a reference to a part of the key, to be encoded by the walk.

        ``key`` identifies the part; the walk keeps it alive.
        """
        ...

    def within(self, name: str) -> AbstractContextManager[None]:
        """Name what is being encoded, for errors."""
        ...

    def package(self, module: str) -> None:
        """Add the version of the distribution of a library module."""
        ...

    def module(self, module: ModuleType) -> None:
        """Note that code of a project module is reached, so that what its import does counts."""
        ...

    def literal(self, text: str, folder: Path | None = None) -> None:
        """Add the content of the file that a text names, if it names one."""
        ...

    def file(self, path: Path, *, whole: bool = False) -> bytes:
        """Add a file's content and return a reference; ``whole``: of all files in a folder."""
        ...

    def variable(self, name: str | None) -> None:
        """Add the value of an environment variable; None is one whose name cannot be seen."""
        ...

    def dynamic(self, module: ModuleType | None, why: str) -> None:
        """Add all project sources: the code looks things up in a way that cannot be followed."""
        ...

    def refuse(self, value: object, why: str) -> OpaqueError:
        """Return the error that names what is being encoded."""
        ...
