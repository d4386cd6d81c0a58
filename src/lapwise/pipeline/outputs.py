"""What a step returns, as blobs."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Any

from lapwise.core.errors import (
    CorruptError,
    DeclarationError,
    LapwiseError,
    NotFoundError,
    StorageFullError,
    StoreError,
)
from lapwise.core.model import Output, StepResult
from lapwise.core.protocols import Codec
from lapwise.pipeline.codecs import packages_of
from lapwise.pipeline.model import WHOLE
from lapwise.store.model import Store

__all__ = ["Outputs"]

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM})
# Libraries that write by themselves raise their own errors, with the system's words in them.
_FULL_WORDS = ("No space left", "File too large", "quota exceeded", "os error 27", "os error 28")


class Outputs:
    """Writes values to the store by the first codec that takes them, and reads them back."""

    def __init__(self, store: Store, codecs: tuple[Codec, ...]) -> None:
        self._store = store
        self._codecs = codecs
        self._by_name: dict[str, Codec] = {}
        for codec in codecs:
            if self._by_name.setdefault(codec.name, codec) is not codec:
                raise DeclarationError("two codecs have one name", value=codec.name)

    def write(self, step: str, value: Any) -> tuple[Output, ...]:
        """Return what was kept of a value; the parts of a tuple are kept one by one.

        Raises:
            DeclarationError: no codec takes it; nothing is kept.
            StorageFullError: there is no room; what was kept before is collected as garbage.
        """
        if hasattr(value, "__await__"):
            value.close()
            raise DeclarationError(
                f"step '{step}' is asynchronous", fix="call asyncio.run inside a plain function"
            )
        named = (
            [(str(index), part) for index, part in enumerate(value)]
            if type(value) is tuple
            else [(WHOLE, value)]
        )
        chosen = [(name, part, self._codec(step, name, part)) for name, part in named]
        try:
            with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
                return tuple(
                    self._write(name, part, codec, Path(folder, name))
                    for name, part, codec in chosen
                )
        except LapwiseError:
            raise
        except Exception as error:
            if _is_full(error):
                raise StorageFullError(
                    f"there is no room for the result of step '{step}'",
                    value=str(error),
                    fix="make room where results and temporary files are, then run again: "
                    "steps before it are kept",
                ) from error
            raise

    def _codec(self, step: str, name: str, value: Any) -> Codec:
        for codec in self._codecs:
            if codec.accepts(value):
                return codec
        cls = type(value)
        which = (
            f"'{name}' of what step '{step}' returns"
            if name != WHOLE
            else f"what step '{step}' returns"
        )
        raise DeclarationError(
            f"{which} cannot be kept: no codec writes {cls.__module__}.{cls.__qualname__}",
            expected=f"a value for one of the codecs {', '.join(self._by_name)}; frames and arrays "
            "by themselves or as parts of a tuple, not inside other values",
            fix="return one of these, or pass Engine(codecs=...) an object with name, accepts, "
            "write and read",
        )

    def _write(self, name: str, value: Any, codec: Codec, path: Path) -> Output:
        codec.write(value, path)
        size = path.stat().st_size
        digest = self._store.blobs.put_file(path)
        return Output(name=name, codec=codec.name, digest=digest, size=size)

    def are_there(self, result: StepResult) -> bool:
        """Return whether every blob of a result is there and can be read by some codec."""
        return all(
            output.codec in self._by_name and self._store.blobs.has(output.digest)
            for output in result.outputs
        )

    def read(self, output: Output) -> Any:
        """Return a kept value.

        Raises:
            NotFoundError, CorruptError: it is lost or damaged.
        """
        path = self._store.blobs.path(output.digest)
        try:
            return self._by_name[output.codec].read(path)
        except StoreError:
            raise
        except Exception as error:
            raise CorruptError(
                f"a kept result cannot be read by codec '{output.codec}'", value=output.digest
            ) from error

    def drop_damaged(self, outputs: tuple[Output, ...]) -> None:
        """Remove blobs whose bytes are not what their names say, so that they can be put again."""
        for output in outputs:
            try:
                self._store.blobs.get(output.digest)
            except CorruptError:
                self._store.blobs.remove(output.digest)
            except NotFoundError:
                pass

    def packages(self, outputs: tuple[Output, ...]) -> tuple[str, ...]:
        """Return the libraries whose versions count where these values are used."""
        found = {name for each in outputs for name in packages_of(self._by_name[each.codec])}
        return tuple(sorted(found))


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in _FULL_WORDS)
