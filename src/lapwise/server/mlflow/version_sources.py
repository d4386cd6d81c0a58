"""What a client wants to register: it names an address, and the store has the files.

::

    models:/m-…  or a model_id       a logged model
    models:/NAME/3, models:/NAME@x   a version that is there (a copy of it)
    runs:/RUN/PATH                   a folder of a run, or the run's logged model of that name
    mlflow-artifacts:/…              a folder of a run, a logged model, a version
    s3://… and the like              files elsewhere: the address is kept, and given back

No byte is copied. An address on this machine is refused: a client never names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Artifact, ModelVersion
from lapwise.server.mlflow.aliases import aliased
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import find_logged, find_run, find_version
from lapwise.server.mlflow.keys import check_key, place_of

__all__ = ["Source", "source_of"]

_LONGEST = 2000
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """What an address means: files by their names below it, the run and the logged model."""

    address: str
    files: tuple[Artifact, ...] = ()
    run: str | None = None
    logged: str | None = None


def source_of(visit: Visit, address: str, *, run: str, logged: str) -> Source:
    """Return what a client wants to register.

    Args:
        visit: who asks.
        address: the ``source`` of its request.
        run: the ``run_id`` of its request, or empty.
        logged: the ``model_id`` of its request, or empty.

    Raises:
        Refusal: it names a place on this machine, something that is not there, or two things at once.
    """
    found = _named(visit, _checked(address))
    if logged and found.logged is None:
        found = Source(address, found.files or _of_logged(visit, logged).files, found.run, logged)
    _agree(address, found.logged, logged, "model_id")
    if found.run is None and found.logged:
        found = Source(address, found.files, _of_logged(visit, found.logged).run, found.logged)
    if run:
        known = find_run(visit, run).id
        _agree(address, found.run, known, "run_id")
        found = Source(address, found.files, known, found.logged)
    return found


def _named(visit: Visit, address: str) -> Source:
    matched = _SCHEME.fullmatch(address)
    scheme, rest = (matched[1].lower(), matched[2]) if matched else ("", "")
    if scheme in {"models", "runs", "mlflow-artifacts"} and (
        rest.startswith("//") or not rest.startswith("/")
    ):
        raise _refused(address, "it names another server")
    if scheme == "models":
        return _of_registry(visit, address, rest.strip("/"))
    if scheme == "runs":
        run, _, path = rest.strip("/").partition("/")
        return _of_run(visit, address, run, unquote(path))
    if scheme == "mlflow-artifacts":
        return _of_place(visit, address, unquote(rest.strip("/")))
    if not scheme or scheme == "file" or len(scheme) == 1:
        raise Refusal(
            f"Invalid model version source: '{address}'. A path on a machine cannot be a source; "
            "log the model first (mlflow.<flavor>.log_model) and register models:/<model_id>."
        )
    if ".." in unquote(urlsplit(address).path).split("/"):
        raise _refused(address, "it holds '..'")
    return Source(address)


def _of_registry(visit: Visit, address: str, named: str) -> Source:
    if _LOGGED.fullmatch(named):
        return _of_logged(visit, named, address)
    name, at, alias = named.partition("@")
    if at:
        version = aliased(visit, name, alias)
    else:
        name, _, number = named.partition("/")
        version = find_version(visit, name, number)
    return _of_version(version, f"models:/{version.model}/{version.number}")


def _of_version(version: ModelVersion, address: str, key: str = "") -> Source:
    files = tuple(_below(version.artifacts, key))
    return Source(address, files, version.lineage.run, version.logged)


def _of_logged(visit: Visit, id: str, address: str = "", key: str = "") -> Source:
    model = find_logged(visit, id)
    files = tuple(_below(visit.store.logged.artifacts(model.id), key))
    return Source(address, files, model.run, model.id)


def _of_run(visit: Visit, address: str, id: str, path: str) -> Source:
    run = find_run(visit, id)
    key = path.removesuffix("/")
    if key:
        check_key(key)
    files = tuple(_below(visit.store.runs.artifacts(run.id), key))
    if not files:
        # Since MLflow 3, log_model keeps files with a logged model, which may be called by its run.
        for logged, _ in reversed(visit.store.logged.of_run(run.id)):
            if visit.store.logged.get(logged).name == key:
                return Source(address, _of_logged(visit, logged).files, run.id, logged)
    return Source(address, files, run.id)


def _of_place(visit: Visit, address: str, path: str) -> Source:
    place = place_of(path)
    if place.kind == "run":
        return _of_run(visit, address, place.id, place.key)
    if place.kind == "logged":
        return _of_logged(visit, place.id, address, place.key)
    try:
        version = visit.store.models.get(place.id)
    except NotFoundError:
        raise _refused(address, "there is no such model version") from None
    return _of_version(version, address, place.key)


def _below(files: Iterable[Artifact], key: str) -> Iterable[Artifact]:
    prefix = key + "/" if key else ""
    for one in files:
        if one.name.startswith(prefix):
            yield Artifact(name=one.name[len(prefix) :], digest=one.digest, size=one.size)


def _checked(address: str) -> str:
    if not address:
        raise Refusal("Missing value for required parameter 'source'.")
    if len(address) > _LONGEST or not address.isprintable():
        raise Refusal("Invalid model version source: it is too long, or not printable.")
    return address


def _agree(address: str, found: str | None, asked: str, name: str) -> None:
    if found and asked and found != asked:
        raise Refusal(
            f"Invalid model version source: '{address}'. The {name} request parameter must identify "
            "the resource that contains the source."
        )


def _refused(address: str, why: str) -> Refusal:
    return Refusal(f"Invalid model version source: '{address}': {why}.")
