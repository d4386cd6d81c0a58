"""Which products the arguments and answers of a call belong to.

A product is one name: a loop, its experiment and its model. What is asked of the store here is asked
once for each principal's request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = [
    "Asked",
    "Finder",
    "Places",
    "both",
    "descended",
    "each",
    "experiment",
    "follow",
    "given",
    "kept_lap",
    "kept_rollout",
    "leased",
    "logged",
    "measured",
    "named",
    "nested",
    "run",
    "subject",
    "version",
]

Asked: TypeAlias = Any
"""The arguments of a call: the request of a :class:`lapwise.store.calls.Call`."""


class Places:
    """Finds the products of things by their ids, and remembers them for one request."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.known: dict[tuple[str, str], str] = {}

    def run(self, reference: str) -> str:
        """Return the product of a run; raises NotFoundError."""
        return self._found("run", reference, lambda: self.store.runs.get(reference).experiment)

    def lap(self, id: str) -> str:
        """Return the product of a lap; raises NotFoundError."""
        return self._found("lap", id, lambda: self.store.laps.get(id).loop)

    def version(self, reference: str) -> str:
        """Return the product of a version; raises NotFoundError."""
        return self._found("version", reference, lambda: self.store.models.get(reference).model)

    def experiment(self, number: str) -> str:
        """Return the product of an experiment by number; raises NotFoundError."""
        return self._found("experiment", number, lambda: self._numbered(number))

    def logged(self, id: str) -> str:
        """Return the product of a logged model; raises NotFoundError."""
        return self._found("logged", id, lambda: self.store.logged.get(id).experiment)

    def labelled(self, kind: str, subject: str) -> str:
        """Return the product of what a label is on; raises NotFoundError."""
        if kind in ("model", "alias"):
            return subject
        if kind == "experiment":
            return self.experiment(subject)
        if kind == "version":
            return self.version(subject)
        if kind == "logged":
            return self.logged(subject)
        raise NotFoundError("there are no labels of that kind")

    def tried(self, find: Callable[[str], str], reference: str) -> tuple[str, ...]:
        """Return the product of what may not be there, or not yet."""
        try:
            return (find(reference),)
        except NotFoundError:
            return ()

    def _numbered(self, number: str) -> str:
        found = self.store.experiments.get(number)
        if str(found.number) != number:  # one that is only called so
            raise NotFoundError("there is no experiment of that number", value=number)
        return found.name

    def _found(self, kind: str, reference: str, find: Callable[[], str]) -> str:
        place = self.known.get((kind, reference))
        if place is None:
            place = self.known[kind, reference] = find()
        return place


Finder: TypeAlias = Callable[[Places, Asked], Iterable[str]]
"""From the arguments of a call to the products that it touches."""


def named(path: str) -> Finder:
    """Find products named in the arguments themselves: ``model``, ``lap.loop``, ``hours[].model``.

    None names no product, and a list of none names none.
    """
    return lambda _, asked: follow(path, asked)


def run(path: str) -> Finder:
    """Find the products of runs by their ids."""
    return lambda places, asked: [places.run(one) for one in follow(path, asked)]


def version(path: str) -> Finder:
    """Find the products of model versions by their ids."""
    return lambda places, asked: [places.version(one) for one in follow(path, asked)]


def logged(path: str) -> Finder:
    """Find the products of logged models by their ids."""
    return lambda places, asked: [places.logged(one) for one in follow(path, asked)]


def experiment(path: str) -> Finder:
    """Find the products of experiments by number."""
    return lambda places, asked: [places.experiment(str(one)) for one in follow(path, asked)]


def subject(path: str) -> Finder:
    """Find the product of an audit entry's subject: a model, or ``model@v3``."""
    return lambda _, asked: [one.partition("@")[0] for one in follow(path, asked)]


def leased(path: str) -> Finder:
    """Find the product of a lease's name: ``lap:churn``."""
    return lambda _, asked: [one.partition(":")[2] for one in follow(path, asked)]


def nested(places: Places, asked: Asked) -> list[str]:
    """Find the products of what a new run is said to be part of: a parent and a lap, if they are there."""
    parent, lap = asked.run.parent, asked.run.lap
    return [
        *(places.tried(places.run, parent) if parent else ()),
        *(places.tried(places.lap, lap) if lap else ()),
    ]


def measured(places: Places, asked: Asked) -> list[str]:
    """Find the products of the runs that are said to have measured a logged model."""
    runs = {one.run for one in asked.metrics if one.run}
    return [place for one in sorted(runs) for place in places.tried(places.run, one)]


def descended(places: Places, asked: Asked) -> list[str]:
    """Find the products of what a new version is said to come from, if it is there."""
    version = asked.version
    run, lap, logged = version.lineage.run, version.lineage.lap, version.logged
    return [
        *(places.tried(places.run, run) if run else ()),
        *(places.tried(places.lap, lap) if lap else ()),
        *(places.tried(places.logged, logged) if logged else ()),
    ]


def given(places: Places, asked: Asked) -> list[str]:
    """Find the products of logged models that a run is said to have given, each with a step."""
    return [places.logged(one) for one, _ in asked.models]


def kept_lap(places: Places, asked: Asked) -> list[str]:
    """Find the product of a lap as it is kept, whatever the argument says of itself."""
    return [places.store.laps.get(asked.lap.id).loop]


def kept_rollout(places: Places, asked: Asked) -> list[str]:
    """Find the product of a rollout as it is kept, whatever the argument says of itself."""
    return [places.store.rollouts.get(asked.rollout.id).model]


def both(*finders: Finder) -> Finder:
    """Find what any of several finds."""
    return lambda places, asked: [one for find in finders for one in find(places, asked)]


def each(places: Places, asked: Asked) -> list[str]:
    """Find the products of what labels are on, one subject or several."""
    subjects = asked.subjects if hasattr(asked, "subjects") else (asked.subject,)
    return [places.labelled(asked.kind, one) for one in subjects]


def follow(path: str, start: Any) -> list[Any]:
    """Return what stands at the end of a path of fields; ``[]`` goes through a list.

    >>> from lapwise.core.access import Grant, Principal
    >>> follow("grants[].product", Principal(name="anna", grants=(Grant(role="viewer"),)))
    ['*']
    """
    found = [start]
    for step in path.split("."):
        values = [getattr(one, step.removesuffix("[]")) for one in found]
        if step.endswith("[]"):
            values = [one for several in values for one in several or ()]
        found = [one for one in values if one is not None]
    return found
