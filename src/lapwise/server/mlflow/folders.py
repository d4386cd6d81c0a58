"""The artifacts of runs, logged models and versions, as folders of files."""

from __future__ import annotations

from collections.abc import Iterable

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError
from lapwise.core.model import Artifact
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.finding import active_run, find_logged, find_run
from lapwise.server.mlflow.keys import Place
from lapwise.server.mlflow.wire import Answer

__all__ = ["FileShape", "add", "below", "find", "may_add"]


class FileShape(Answer, frozen=True, kw_only=True):
    """A file or a folder in a listing."""

    path: str
    is_dir: bool
    file_size: int | None = None


def find(visit: Visit, place: Place) -> Artifact:
    """Return the file at a place; refused if there is none."""
    for artifact in _artifacts(visit, place):
        if artifact.name == place.key:
            return artifact
    raise Refusal("No such artifact: there is no file of that name", "RESOURCE_DOES_NOT_EXIST")


def below(visit: Visit, place: Place, *, full: bool = False) -> list[FileShape]:
    """Return what lies in a folder, by name; nothing if it is a file or not there.

    Args:
        visit: who asks.
        place: the folder.
        full: whether names begin at the top, not in the folder.
    """
    prefix = place.key + "/" if place.key else ""
    folders: set[str] = set()
    files: list[FileShape] = []
    for artifact in _artifacts(visit, place):
        if not artifact.name.startswith(prefix):
            continue
        name, deeper, _ = artifact.name[len(prefix) :].partition("/")
        shown = prefix + name if full else name
        if deeper:
            folders.add(shown)
        else:
            files.append(FileShape(path=shown, is_dir=False, file_size=artifact.size))
    files += [FileShape(path=name, is_dir=True) for name in folders]
    return sorted(files, key=lambda one: one.path)


def may_add(visit: Visit, place: Place) -> None:
    """Refuse if nothing can be added at a place."""
    if not place.key:
        raise Refusal("Invalid path: it names no file")
    if place.kind == "version":
        raise Refusal("a model version never changes; log the file to a run", "PERMISSION_DENIED")
    if place.kind == "run":
        active_run(visit, place.id)
    else:
        find_logged(visit, place.id)


def add(visit: Visit, place: Place, digest: Digest, size: int) -> None:
    """Keep a blob under a name; what was there under it is replaced."""
    artifact = Artifact(name=place.key, digest=digest, size=size)
    if place.kind == "run":
        visit.store.runs.log(active_run(visit, place.id).id, artifacts=[artifact])
    else:
        visit.store.logged.log(find_logged(visit, place.id).id, artifacts=[artifact])


def _artifacts(visit: Visit, place: Place) -> Iterable[Artifact]:
    if place.kind == "run":
        return visit.store.runs.artifacts(find_run(visit, place.id).id)
    if place.kind == "logged":
        return visit.store.logged.artifacts(find_logged(visit, place.id).id)
    try:
        return visit.store.models.get(place.id).artifacts
    except NotFoundError:
        raise Refusal("there is no such model version", "RESOURCE_DOES_NOT_EXIST") from None
