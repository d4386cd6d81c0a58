"""Which experiment an MLflow id means: its number, except that ``0`` is the one named Default.

MLflow's clients take the experiment ``0`` for granted. It is made when a client first needs it.
"""

from __future__ import annotations

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.tracked import Experiment
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.failures import Refusal, sayable
from lapwise.store.experiment_names import experiment_named

__all__ = ["DEFAULT", "Ids", "by_id", "by_name", "experiments_of", "id_of", "need_active"]

DEFAULT = "Default"
_ZERO = "0"


def id_of(experiment: Experiment) -> str:
    """Return the id that MLflow shows of an experiment."""
    return _ZERO if experiment.name == DEFAULT else str(experiment.number)


def by_id(visit: Visit, id: str) -> Experiment:
    """Return the experiment of an id, archived ones too; refused if there is none."""
    if id == _ZERO:
        return _default(visit)
    number = id.lstrip("0")
    if not number.isascii() or not number.isdecimal():
        raise Refusal(
            f"Invalid experiment ID '{sayable(id)}'. Experiment ID must be a valid integer."
        )
    if len(number) > 9:
        raise _unknown(id)
    try:
        found = visit.store.experiments.get(number)
    except NotFoundError:
        raise _unknown(id) from None
    if found.number != int(number):  # one that is only called so
        raise _unknown(id)
    return found


def by_name(visit: Visit, name: str) -> Experiment | None:
    """Return the experiment of a name, archived ones too, or None."""
    return _default(visit) if name == DEFAULT else experiment_named(visit.store, name)


def experiments_of(visit: Visit, ids: tuple[str, ...]) -> list[Experiment]:
    """Return the experiments of ids, each once; ids of none are passed over."""
    found: dict[int, Experiment] = {}
    for id in ids:
        try:
            experiment = by_id(visit, id)
        except Refusal:
            continue
        found[experiment.number] = experiment
    return list(found.values())


def need_active(experiment: Experiment) -> None:
    """Refuse to add to a deleted experiment."""
    if experiment.archived:
        raise Refusal(
            f"The experiment {id_of(experiment)} must be in the 'active' state. "
            "Current state is deleted."
        )


class Ids:
    """Experiments by name, each asked for once."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._known: dict[str, Experiment | None] = {}

    def of(self, name: str) -> str:
        """Return the id of the experiment that is named so; empty if there is none."""
        found = self._found(name)
        return "" if found is None else id_of(found)

    def is_archived(self, name: str) -> bool:
        """Say whether an experiment was deleted, and with it, to MLflow, its runs."""
        found = self._found(name)
        return found is not None and found.archived

    def _found(self, name: str) -> Experiment | None:
        if name not in self._known:
            self._known[name] = by_name(self._visit, name)
        return self._known[name]


def _default(visit: Visit) -> Experiment:
    experiments = visit.store.experiments
    try:
        return experiments.get(DEFAULT)
    except NotFoundError:
        pass
    try:
        return experiments.create(DEFAULT, at=visit.now())
    except ConflictError:  # somebody made it meanwhile
        return experiments.get(DEFAULT)


def _unknown(id: str) -> Refusal:
    return Refusal(f"No Experiment with id={sayable(id)} exists", "RESOURCE_DOES_NOT_EXIST")
