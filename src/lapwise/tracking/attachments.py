"""What training code keeps with a run as files: any file, text, images, figures, tables."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from lapwise.core.errors import StorageFullError, TrackingError
from lapwise.core.model import Param, Run
from lapwise.store.blobs import Blobs
from lapwise.tracking.journal import Journal
from lapwise.tracking.media import dict_json, figure_file, image_file, table_file
from lapwise.tracking.spool import Spool
from lapwise.tracking.values import artifact_name
from lapwise.tracking.wal import ArtifactEntry

__all__ = ["Attachments"]

_LOG = logging.getLogger("lapwise.tracking")


class Attachments(Journal):
    """A journal that keeps files too: at once, or through the spool where the store is far away.

    Args:
        record: the run as it was started.
        append: hands one encoded entry to the log.
        blobs: where files end up.
        spool: where they wait.
        spools: whether they wait at all.
        known: parameters that the run has already.
    """

    def __init__(
        self,
        record: Run,
        append: Callable[[bytes], None],
        *,
        blobs: Blobs,
        spool: Spool,
        spools: bool,
        known: tuple[Param, ...] = (),
    ) -> None:
        super().__init__(record, append, known)
        self._blobs = blobs
        self._spool = spool
        self._spools = spools

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a file, or all files of a folder, under ``name`` (default: the last part of path).

        Links that lead out of the folder are not followed, and a warning names them: what they lead to
        was not meant by whoever named the folder. Give such a file by its own name.

        It is kept as it is now, in constant memory. With a store over HTTP nothing waits for the
        network: the file is copied to ``.lapwise/spool`` and travels behind your back.

        Raises:
            TrackingError: there is no such file, the name leads elsewhere, or the run has ended.
            StoreError: no room, or the blob store does not take it.
        """
        source = Path(path)
        name = artifact_name(source.name if name is None else name)
        if source.is_dir():
            files = _files_in(source)
            named = [(file, f"{name}/{file.relative_to(source).as_posix()}") for file in files]
        elif source.is_file():
            named = [(source, name)]
        else:
            raise TrackingError(
                "there is no such file", value=str(source), expected="a file or folder"
            )
        self._check_open()
        for file, its_name in named:
            self._persist(self._keep_file(file, its_name))

    def log_text(self, name: str, text: str) -> None:
        """Keep a text as an artifact, in UTF-8.

        Raises:
            TrackingError, StoreError: as :meth:`log_artifact`.
        """
        self._keep(name, "", None, text.encode("utf-8", errors="surrogateescape"))

    def log_dict(self, name: str, value: object) -> None:
        """Keep dicts, lists, numbers and text as a JSON artifact; ``name`` gets ``.json`` if bare.

        Raises:
            TrackingError: something in it is none of these; and as :meth:`log_artifact`.
        """
        self._keep(name, ".json", None, dict_json(value))

    def log_image(self, name: str, image: object, step: int | None = None) -> None:
        """Keep an image: a NumPy array (or what gives one), a PIL image, or the bytes of a file.

        Args:
            name: gets ``.png`` (or what the bytes are) if bare; with a step, ``NAME/STEP.png``.
            image: arrays of shape (height, width) or (height, width, 1, 3 or 4); channels may come
                first. Whole numbers are 0 to 255, floats 0 to 1.
            step: where on the run's own axis.

        Raises:
            TrackingError: it is no image; and as :meth:`log_artifact`.
        """
        suffix, content = image_file(image)
        self._keep(name, suffix, step, content)

    def log_figure(self, name: str, figure: object, step: int | None = None) -> None:
        """Keep a figure: Matplotlib's as PNG, Plotly's as JSON; ``.svg``, ``.pdf``, ``.html`` on demand.

        Args:
            name: gets the suffix if bare; with a step, ``NAME/STEP.png``.
            figure: a figure or axes of Matplotlib, a figure of Plotly.
            step: where on the run's own axis.

        Raises:
            TrackingError: it is no figure; and as :meth:`log_artifact`.
        """
        suffix, content = figure_file(figure, PurePosixPath(name).suffix)
        self._keep(name, suffix, step, content)

    def log_table(self, name: str, table: object, step: int | None = None) -> None:
        """Keep a table as Parquet, or as JSON lines where no library writes Parquet.

        Args:
            name: gets ``.parquet`` or ``.jsonl`` if bare; with a step, ``NAME/STEP.parquet``.
            table: a frame of Polars, pandas or PyArrow, a dict of columns, or a list of rows as dicts.
            step: where on the run's own axis.

        Raises:
            TrackingError: it is no table; and as :meth:`log_artifact`.
        """
        suffix, content = table_file(table, PurePosixPath(name).suffix)
        self._keep(name, suffix, step, content)

    def _keep(self, name: str, suffix: str, step: int | None, content: bytes) -> None:
        name = artifact_name(name)
        if suffix and not name.endswith(suffix):
            name += suffix
        if step is not None:
            whole = PurePosixPath(name)
            name = str(whole.with_name(whole.name.removesuffix(suffix)) / f"{step:08d}{suffix}")
        self._check_open()
        if self._spools:
            entry = ArtifactEntry(name, self._spool.keep(content), len(content), spooled=True)
        else:
            entry = ArtifactEntry(name, self._blobs.put(content), len(content))
        self._persist(entry)

    def _keep_file(self, file: Path, name: str) -> ArtifactEntry:
        if self._spools:
            try:
                digest, size = self._spool.keep_file(file)
            except StorageFullError:  # no room for a copy: then the network is worth waiting for
                digest = self._blobs.put_file(file)
                return ArtifactEntry(name, digest, file.stat().st_size)
            return ArtifactEntry(name, digest, size, spooled=True)
        digest = self._blobs.put_file(file)
        return ArtifactEntry(name, digest, self._blobs.size(digest))


def _files_in(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted, without those that only a link leads to."""
    top = folder.resolve()
    found: list[Path] = []
    outside: list[Path] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            (found if file.resolve().is_relative_to(top) else outside).append(file)
    if outside:
        _LOG.warning(
            "%s: %d links lead out of the folder and were not followed, such as %s",
            folder, len(outside), outside[0],
        )  # fmt: skip
    return found
