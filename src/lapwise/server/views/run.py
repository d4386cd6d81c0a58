"""One run: what went in, what came out, and what it takes to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import LapwiseError
from lapwise.server.addresses import address, run_address
from lapwise.server.download import LARGEST_PICTURE, picture_type
from lapwise.server.observed import in_order
from lapwise.server.run_figures import history
from lapwise.store.model import Store

if TYPE_CHECKING:
    from lapwise.core.model import Artifact, Capture, Metric, Run
    from lapwise.server.figures import Figure

__all__ = ["run_page"]

_CHARTS = 8
_TRIED = 40
_LISTED = 100
_COLUMNS = 5
_PARAMS = 500
_ARTIFACTS = 500
_PATCH = 200_000
_TEXT = 64_000
_LOOKED_INTO = 8 << 20
_SHOWN = 12
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_TEXTS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".md", ".log", ".yaml", ".yml", ".toml")
_SYSTEM = ("system.", "system/")


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric over its steps."""

    id: str
    metric: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class File:
    """An artifact: where it is saved from, and where it can be looked at, if it can."""

    artifact: Artifact
    saved: str
    shown: str


@dataclass(frozen=True, slots=True)
class Children:
    """Runs that are parts of another, with their values of some metrics, None where there is none."""

    names: Sequence[str]
    rows: Sequence[tuple[Run, Sequence[float | None]]]
    more: bool


def run_page(store: Store, reference: str, *, find: str, at: int, show: str) -> dict[str, Any]:
    """Return the facts of a run's page.

    Args:
        store: where everything is.
        reference: the run's number or id.
        find: only metrics whose name holds this.
        at: from which metric on, counted from 0; a page shows a hundred.
        show: the name of an artifact whose text is shown.

    Raises:
        NotFoundError: there is no such run.
    """
    run = store.runs.get(reference)
    metrics = store.runs.metrics([run.id]).get(run.id, ())
    system = [one for one in metrics if one.name.startswith(_SYSTEM)]
    own = [one for one in metrics if not one.name.startswith(_SYSTEM)]
    found = [one for one in own if find.lower() in one.name.lower()] if find else own
    by_name = {one.name: one for one in found}
    ordered = [by_name[name] for name in in_order(by_name)]
    listed = ordered[at : at + _LISTED]
    artifacts = store.runs.artifacts(run.id)
    params = store.runs.params([run.id]).get(run.id, ())
    return {
        "run": run,
        "params": params[:_PARAMS],
        "param_count": len(params),
        "tags": store.runs.tags([run.id]).get(run.id, ()),
        "metrics": listed,
        "metric_count": len(own),
        "found_count": len(found),
        "find": find,
        "at": at,
        "previous": run_address(run.number, find=find, at=max(0, at - _LISTED)) if at else "",
        "next": run_address(run.number, find=find, at=at + _LISTED)
        if at + _LISTED < len(found)
        else "",
        "charts": _charts(store, run, listed if at else found, "chart"),
        "machine": _charts(store, run, system, "machine"),
        "files": [_file(run, one) for one in artifacts[:_ARTIFACTS]],
        "pictures": _pictures(store, run, artifacts),
        "file_count": len(artifacts),
        "text": _text(store, artifacts, show),
        "show": show,
        "inputs": store.runs.inputs([run.id]).get(run.id, ()),
        "datasets": _datasets(store, run.capture),
        "patch": _blob_text(store, run.capture.patch, _PATCH) if run.capture else None,
        "packages": _packages(store, run.capture),
        "parent": _number(store, run.parent),
        "children": _children(store, run),
        "children_address": address("/runs", where=f"parent = '{run.id}'"),
        "versions": _versions(store, run),
        "seconds": None if run.ended is None else (run.ended - run.started) / 1_000_000,
    }


def _charts(store: Store, run: Run, metrics: Sequence[Metric], kind: str) -> list[Chart]:
    """Return charts of what has a history, a few; what came to the highest step is tried first."""
    likely = sorted(metrics, key=lambda one: -one.step)
    charts: list[Chart] = []
    for one in likely[:_TRIED]:
        figure = history([(one.name, store.runs.curve(run.id, one.name))])
        if figure is not None:
            charts.append(Chart(f"{kind}-{len(charts)}", one.name, figure))
        if len(charts) == _CHARTS:
            break
    return charts


def _file(run: Run, one: Artifact) -> File:
    lower = one.name.lower()
    shown = ""
    if lower.endswith(_PICTURES):
        shown = address(f"/runs/{run.number}/picture", name=one.name)
    elif lower.endswith(_TEXTS) and one.size <= _LOOKED_INTO:
        shown = run_address(run.number, show=one.name) + "#text"
    saved = address(f"/api/v1/runs/{run.number}/artifacts/content", name=one.name)
    return File(one, saved, shown)


def _pictures(store: Store, run: Run, artifacts: Sequence[Artifact]) -> list[File]:
    """Return the first pictures that are some by their bytes, whatever their names say."""
    named = [one for one in artifacts if one.name.lower().endswith(_PICTURES)]
    small = [one for one in named if one.size <= LARGEST_PICTURE][:_SHOWN]
    return [_file(run, one) for one in small if picture_type(_begin(store, one.digest, 16))]


def _begin(store: Store, digest: str, most: int) -> bytes:
    """Return the first bytes of a blob; of one that is gone, none."""
    try:
        with store.blobs.path(digest).open("rb") as file:
            return file.read(most)
    except (LapwiseError, OSError):
        return b""


def _text(store: Store, artifacts: Sequence[Artifact], name: str) -> str | None:
    """Return the beginning of an artifact as text; of a large one nothing, it may be far away."""
    found = next((one for one in artifacts if one.name == name), None)
    if found is None:
        return None
    if found.size > _LOOKED_INTO:
        return "(too large to be looked into here; save it)"
    return _blob_text(store, found.digest, _TEXT)


def _blob_text(store: Store, digest: str | None, most: int) -> str | None:
    """Return the beginning of a blob as text; what is no text is marked."""
    if digest is None:
        return None
    begin = _begin(store, digest, most + 1)
    text = begin[:most].decode(errors="replace")
    return text + "\n… (cut here)" if len(begin) > most else text


def _packages(store: Store, capture: Capture | None) -> list[tuple[str, str]]:
    if capture is None:
        return []
    text = _blob_text(store, capture.packages, 2_000_000) or ""
    pairs = (line.partition("==") for line in text.splitlines())
    return [(name, rest.split()[0]) for name, _, rest in pairs if rest.strip()]


def _datasets(store: Store, capture: Capture | None) -> list[tuple[str, str, str]]:
    """Return (table, version, digest) of what the run was given."""
    found = []
    for part in capture.datasets if capture else ():
        try:
            version = f"v{store.datasets.get(part.digest).number}"
        except LapwiseError:
            version = ""
        found.append((part.name, version, part.digest))
    return found


def _children(store: Store, run: Run) -> Children:
    """Return the runs that are parts of this one, the newest, with metrics that most of them have."""
    page = store.runs.search(f"parent = '{run.id}'", columns=("metrics",), limit=_LISTED)
    seen = [
        {one.name: one.value for one in found.metrics if not one.name.startswith(_SYSTEM)}
        for found in page.items
    ]
    counted = Counter(name for values in seen for name in values)
    liked = {name: place for place, name in enumerate(in_order(sorted(counted)))}
    names = sorted(counted, key=lambda name: (-counted[name], liked[name]))[:_COLUMNS]
    rows = [
        (found.run, [values.get(name) for name in names])
        for found, values in zip(page.items, seen, strict=True)
    ]
    return Children(names, rows, more=bool(page.next))


def _number(store: Store, id: str | None) -> int | None:
    try:
        return store.runs.get(id).number if id else None
    except LapwiseError:
        return None


def _versions(store: Store, run: Run) -> list[tuple[str, int]]:
    """Return (model, number) of the versions that the run made, of its experiment's newest."""
    return [
        (one.model, one.number)
        for one in store.models.list(run.experiment, limit=200)
        if one.lineage.run == run.id
    ]
