"""The key of a step's result: everything that can change it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lapwise.core.digest import Digest, digest_bytes, digest_value
from lapwise.core.errors import DeclarationError
from lapwise.core.model import KeyPart
from lapwise.pipeline.reach.places import Places
from lapwise.pipeline.reach.walk import Walk
from lapwise.pipeline.steps import Step

__all__ = ["Call", "bind", "explain", "fingerprint", "key_of", "key_parts"]

_FORMAT = "1"
"""Changes when the way keys or results are written changes."""


def key_of(parts: tuple[KeyPart, ...]) -> Digest:
    """Return the key for its parts."""
    return digest_value([_FORMAT, [(part.name, part.digest) for part in parts]])


class Call(NamedTuple):
    """How a function is called: as Python does, and the arguments that count, by name."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    keyed: dict[str, Any]


def bind(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seed: int | None,
    unkeyed: Mapping[str, Any],
) -> Call:
    """Return how to call a function, and the arguments that count.

    By name, ``f(1)`` and ``f(x=1)`` are the same, and a default is the same as its value. A
    function with a parameter ``seed`` is given the seed.

    Raises:
        DeclarationError: the function cannot be called so.
    """
    target = function.function if isinstance(function, Step) else function
    try:
        signature = inspect.signature(target)
    except ValueError:
        keyed = {**{str(at): each for at, each in enumerate(args)}, **kwargs}
        return Call(args, {**kwargs, **unkeyed}, keyed)
    if seed is not None and "seed" in signature.parameters:
        kwargs = {"seed": seed, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs, **unkeyed)
    except TypeError as error:
        name = getattr(target, "__name__", repr(target))
        raise DeclarationError(
            f"'{name}' cannot be called so: {error}", expected=f"{name}{signature}"
        ) from error
    bound.apply_defaults()
    keyed = {name: value for name, value in bound.arguments.items() if name not in unkeyed}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            keyed[name] = {key: each for key, each in keyed[name].items() if key not in unkeyed}
    return Call(bound.args, bound.kwargs, keyed)


def key_parts(
    walk: Walk,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    seed: int | None = None,
    extra: Mapping[str, Digest] | None = None,
) -> tuple[KeyPart, ...]:
    """Return the named ingredients of a call's key, sorted by name.

    Raises:
        DeclarationError: something that counts cannot be digested; says what.
    """
    try:
        calls = walk.value(function)
        for name, value in arguments.items():
            walk.argument(name, value)
        reached = walk.parts()
    except RecursionError as error:
        raise DeclarationError(
            "an argument or global is nested too deeply to be digested",
            expected=f"at most some {sys.getrecursionlimit() // 4} levels",
        ) from error
    parts = [*reached, KeyPart(name="step", digest=digest_bytes(calls))]
    if seed is not None:
        parts.append(KeyPart(name="seed", digest=digest_value(seed)))
    for name, digest in (extra or {}).items():
        parts.append(KeyPart(name=f"extra {name}", digest=digest))
    return tuple(sorted(parts, key=lambda part: part.name))


def explain(function: Callable[..., Any], root: Path) -> tuple[KeyPart, ...]:
    """Return everything that a function reaches: code, globals, files, variables, packages.

    Args:
        function: a function, class, step or other callable.
        root: the folder of the project, whose code is followed; other code counts by version.

    Raises:
        DeclarationError: it reaches something that cannot be digested; says what.
    """
    return key_parts(Walk(Places(root), {}), function, {})


def fingerprint(function: Callable[..., Any], root: Path) -> Digest:
    """Return a digest of all that a function reaches; equal digests compute the same.

    Raises:
        DeclarationError: as :func:`explain`.
    """
    return key_of(explain(function, root))
