"""Every error that Lapwise raises on purpose.

They live apart from everything else so that any module may import them without a loop::

    LapwiseError
    ├── DeclarationError        the page, or a call, says something that cannot be
    ├── DataError               a table, file or column is not what was declared
    │   ├── ContractError       rows break a rule of the table's contract
    │   └── RecollectedError    known content changed quietly under an old name
    ├── FeatureError            a feature cannot be computed as declared
    │   └── NotMaterialisedError  the online store holds nothing of a view
    ├── StepError               the user's own code raised; its exception is the cause
    ├── TrackingError           a run was used in a way that loses or mixes results
    ├── ModelError              a model cannot be packaged, loaded or fed
    │   └── UntrustedTypeError  a model file names a type that nobody reviewed
    ├── StageError              a model version may not move as asked
    ├── ServingError            a server cannot start, or a deployment cannot be served
    ├── RolloutError            a rollout may not go on as asked, or its plan cannot conclude
    ├── GateError               evidence that a gate needs is malformed
    ├── AccessError             whoever asks may not do this
    ├── MissingDependencyError  an optional library is not installed
    └── StoreError              the database or the blob store
        ├── NotFoundError       no such record or blob
        ├── ConflictError       somebody else was first
        ├── CorruptError        stored bytes differ from their digest, or a chain is broken
        ├── SchemaError         the database is of another version of Lapwise
        ├── StorageFullError    no room, or no permission, to write
        └── UnfitError          a value that no store keeps, whenever it is tried
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "ConflictError",
    "ContractError",
    "CorruptError",
    "DataError",
    "DeclarationError",
    "FeatureError",
    "GateError",
    "LapwiseError",
    "MissingDependencyError",
    "ModelError",
    "NotFoundError",
    "NotMaterialisedError",
    "RecollectedError",
    "RolloutError",
    "SchemaError",
    "ServingError",
    "StageError",
    "StepError",
    "StorageFullError",
    "StoreError",
    "TrackingError",
    "UnfitError",
    "UntrustedTypeError",
]


class LapwiseError(Exception):
    """What went wrong, in a form that a person can act on.

    Args:
        thing: what the error is about and what is wrong with it, as a clause.
        value: what was found; shown with ``repr`` and cut at 200 characters.
        expected: what would have been right.
        fix: the command, or the edit, that mends it.

    >>> print(DataError("table 'flights' has no column", value="tailnumber",
    ...                 expected="one of tailnum, origin", fix="lapwise data log flights"))
    table 'flights' has no column: 'tailnumber'
      expected: one of tailnum, origin
      to mend:  lapwise data log flights
    """

    def __init__(
        self, thing: str, *, value: object = None, expected: str = "", fix: str = ""
    ) -> None:
        super().__init__(thing)
        self.thing = thing
        self.value = value
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        """Return one line for what happened, then at most one each for expectation and mend."""
        head = self.thing
        if self.value is not None:
            shown = repr(self.value)
            head += ": " + (shown if len(shown) <= 200 else shown[:197] + "...")
        lines = [head]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.fix:
            lines.append(f"  to mend:  {self.fix}")
        return "\n".join(lines)


class DeclarationError(LapwiseError):
    """The page, or a call, says something that cannot be."""


class DataError(LapwiseError):
    """A table, file or column is not what was declared."""


class ContractError(DataError):
    """Rows break a rule of the table's contract."""


class RecollectedError(DataError):
    """Known content changed quietly under an old name."""


class FeatureError(LapwiseError):
    """A feature cannot be computed as declared."""


class NotMaterialisedError(FeatureError):
    """The online store holds nothing of a view: no request is to blame."""


class StepError(LapwiseError):
    """The user's own code raised; its exception is the ``__cause__``."""


class TrackingError(LapwiseError):
    """A run was used in a way that would lose or mix results."""


class ModelError(LapwiseError):
    """A model cannot be packaged, loaded or fed."""


class UntrustedTypeError(ModelError):
    """A model file names a type that nobody reviewed."""


class StageError(LapwiseError):
    """A model version may not move as asked."""


class ServingError(LapwiseError):
    """A server cannot start, or a deployment cannot be served."""


class RolloutError(LapwiseError):
    """A rollout may not go on as asked, or its plan cannot conclude."""


class GateError(LapwiseError):
    """Evidence that a gate needs is malformed."""


class AccessError(LapwiseError):
    """Whoever asks may not do this; says which role, in which product, would."""


class MissingDependencyError(LapwiseError):
    """An optional library is not installed."""


class StoreError(LapwiseError):
    """The database or the blob store refused or failed."""


class NotFoundError(StoreError):
    """There is no such record or blob."""


class ConflictError(StoreError):
    """Somebody else was first."""


class CorruptError(StoreError):
    """Stored bytes differ from their digest, or a chain is broken."""


class SchemaError(StoreError):
    """The database is of another version of Lapwise."""


class StorageFullError(StoreError):
    """There is no room, or no permission, to write."""


class UnfitError(StoreError):
    """A value that no store keeps: half a character, or more than 64 bits; trying again is no use."""
