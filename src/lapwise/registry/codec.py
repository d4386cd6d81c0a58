"""How the step cache keeps a scikit-learn estimator: as the registry does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["EstimatorCodec"]


class EstimatorCodec:
    """Writes fitted estimators as canonical skops archives (implements ``core.protocols.Codec``).

    Args:
        trusted: exact names of types that a person allowed beyond the reviewed list.
    """

    name = "skops"

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(trusted)

    def accepts(self, value: object) -> bool:
        """Return whether the value is an estimator, without importing scikit-learn to know."""
        parents = type(value).__mro__
        return any(
            parent.__name__ == "BaseEstimator" and parent.__module__ == "sklearn.base"
            for parent in parents
        )

    def write(self, value: object, path: Path) -> None:
        """Write one archive; equal estimators give equal bytes.

        Raises:
            UntrustedTypeError: it holds types that nobody reviewed.
            ModelError: skops cannot write it.
        """
        from lapwise.registry.formats import skops

        path.write_bytes(skops.dump(value, trusted=self._trusted))

    def read(self, path: Path) -> object:
        """Return what :meth:`write` was given.

        Raises:
            UntrustedTypeError: the file holds types that nobody reviewed; nothing was run.
            ModelError: it is not such a file.
        """
        from lapwise.registry.formats import skops

        return skops.load(path.read_bytes(), trusted=self._trusted)
