"""Every call that a store takes, read once from its Protocols.

The signatures in ``model.py``, ``tracked.py``, ``live.py``, ``feature_noun.py`` and ``access.py`` are
the only ones. From them come the routes and their description (``server/calling.py``), the store over HTTP
(``remote/``), and the rules of access: none of these says again what a call takes or gives.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from lapwise.store.claims import Claims, Holding
from lapwise.store.model import Leases, Records, Store
from lapwise.store.record_texts import RecordTexts, TypedRecords

__all__ = ["API_VERSION", "Act", "Call", "Handshake", "calls", "nouns"]

API_VERSION = 1
"""Grows when a call takes or gives something else than before under the same name."""


class Handshake(msgspec.Struct, frozen=True):
    """What a server says before the first call: the version of the calls, and its own."""

    api: int
    lapwise: str


@dataclass(frozen=True, slots=True)
class Call:
    """One verb of one noun, such as ``runs`` ``log``.

    ``request`` is a struct with a field for each argument, of its name, type and default; ``answer``
    is the type of what comes back (``None`` where nothing does); ``doc`` the verb's docstring.
    """

    noun: str
    verb: str
    request: type[msgspec.Struct]
    answer: Any
    doc: str
    _positional: tuple[str, ...] = field(default=(), repr=False)
    _listed: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def name(self) -> str:
        """As it stands in an address: ``runs/log``."""
        return f"{self.noun}/{self.verb}"

    def bind(self, *arguments: Any, **named: Any) -> msgspec.Struct:
        """Return the request that a call with these arguments is; raises TypeError."""
        if len(arguments) > len(self._positional):
            raise TypeError(f"{self.name} takes at most {len(self._positional)} by position")
        for name, value in zip(self._positional, arguments, strict=False):
            if name in named:
                raise TypeError(f"{self.name} got '{name}' twice")
            named[name] = value
        for name in self._listed.intersection(named):
            if named[name] is not None and not isinstance(named[name], list | tuple):
                named[name] = tuple(named[name])
        return self.request(**named)

    def apply(self, store: Store, request: msgspec.Struct) -> Any:
        """Make the call on a store and return its answer."""
        verb = getattr(getattr(store, self.noun), self.verb)
        return verb(**{name: getattr(request, name) for name in request.__struct_fields__})


Act: TypeAlias = Callable[[Call, msgspec.Struct], Any]
"""What makes a call: sends it, or looks at it first and then applies it."""


@cache
def calls() -> tuple[Call, ...]:
    """Return every call of a store, by noun and verb."""
    hints = get_type_hints(Store)
    found = [
        _call(one.name, verb, method)
        for one in fields(Store)
        if one.name not in {"url", "blobs", "close"}
        for verb, method in _methods(_TRAVELS_AS.get(hints[one.name], hints[one.name]))
    ]
    return tuple(sorted(found, key=lambda call: (call.noun, call.verb)))


def nouns(act: Act) -> dict[str, Any]:
    """Return an object for each noun whose every verb is done by ``act``.

    With ``url`` and ``blobs`` they make a store: ``Store(url=..., blobs=..., **nouns(act))``.
    Methods take what the Protocols say, by position or by name.
    """
    return {noun: kind(act) for noun, kind in _kinds().items()}


# What cannot travel (a type of Python, a context that is open) stands above what can.
_TRAVELS_AS: dict[Any, Any] = {Records: RecordTexts, Leases: Claims}
_ABOVE: dict[str, tuple[type, ...]] = {"records": (TypedRecords,), "leases": (Holding,)}


def _methods(protocol: type) -> list[tuple[str, Callable[..., Any]]]:
    return [
        (name, method)
        for name, method in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    ]


def _call(noun: str, verb: str, method: Callable[..., Any]) -> Call:
    hints = get_type_hints(method)
    taken: list[Any] = []
    positional, listed = [], set()
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        kind = _plain(hints[parameter.name])
        if parameter.default is parameter.empty:
            taken.append((parameter.name, kind))
        else:
            taken.append((parameter.name, kind, parameter.default))
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            positional.append(parameter.name)
        if kind != hints[parameter.name]:
            listed.add(parameter.name)
    request = msgspec.defstruct(
        "".join(word.title() for word in (noun, *verb.split("_"))),
        taken,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
        module=__name__,
    )
    doc = inspect.getdoc(method) or ""
    return Call(noun, verb, request, hints["return"], doc, tuple(positional), frozenset(listed))


def _plain(kind: Any) -> Any:
    """Return the type that an argument has once it has travelled: a sequence is a tuple."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Sequence, Iterable}:
        return types.GenericAlias(tuple, (inside[0], ...))
    if origin in {Union, types.UnionType}:
        return Union[tuple(_plain(one) for one in inside)]  # noqa: UP007 - made, not written
    return kind


@cache
def _kinds() -> Mapping[str, type]:
    made: dict[str, dict[str, Any]] = {}
    for call in calls():
        made.setdefault(call.noun, {"__init__": _keep_act})[call.verb] = _verb(call)
    return {noun: type(noun, _ABOVE.get(noun, ()), verbs) for noun, verbs in made.items()}


def _keep_act(self: Any, act: Act) -> None:
    self._act = act


def _verb(call: Call) -> Callable[..., Any]:
    def verb(self: Any, *arguments: Any, **named: Any) -> Any:
        return self._act(call, call.bind(*arguments, **named))

    verb.__name__, verb.__doc__ = call.verb, call.doc
    return verb
