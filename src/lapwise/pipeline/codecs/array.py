"""NumPy arrays."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ArrayCodec"]


class ArrayCodec:
    """Writes an array of numbers, times or fixed-length text as ``.npy``; never objects."""

    name = "array"
    packages = ("numpy",)

    def accepts(self, value: object) -> bool:
        """Return whether the value is exactly an array without Python objects in it."""
        cls = type(value)
        is_array = cls.__module__ == "numpy" and cls.__name__ == "ndarray"
        return is_array and not value.dtype.hasobject  # type: ignore[attr-defined]

    def write(self, value: object, path: Path) -> None:
        """Write the array, its order in memory included."""
        import numpy as np

        with path.open("wb") as file:
            np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)

    def read(self, path: Path) -> object:
        """Return the array."""
        import numpy as np

        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
