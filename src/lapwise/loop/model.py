"""The nouns of the page that belong to no single room."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from lapwise.core.errors import DeclarationError
from lapwise.features.order import check_order, columns_read, given_by
from lapwise.gates.metrics import find_metric

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.declaration import Table
    from lapwise.core.model import Scalar
    from lapwise.data.model import Examples
    from lapwise.features import OnDemand
    from lapwise.features.model import FeatureView
    from lapwise.rollout import Rollout

__all__ = ["Frame", "Loop", "Params", "Threshold"]

_TRAIN_ARGUMENTS = ("train", "validation", "params", "seed")


class Params(Mapping[str, "Scalar"]):
    """The parameters of a run, read by name or as attributes, never changed.

    >>> params = Params({"learning_rate": 0.1})
    >>> params.learning_rate, params["learning_rate"], dict(params)
    (0.1, 0.1, {'learning_rate': 0.1})
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Scalar:
        """Return a parameter; raises KeyError."""
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        """Return a parameter; raises AttributeError that lists what there is."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(sorted(self._values)) or "none"
            raise AttributeError(f"no parameter {name!r}; the page declares: {known}") from None

    def __iter__(self) -> Iterator[str]:
        """Yield names in the order of the page."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._values)

    def __repr__(self) -> str:
        """Return ``Params({...})``."""
        return f"Params({self._values!r})"


@dataclass(frozen=True, slots=True)
class Frame:
    """Labelled examples as training code gets them.

    ``features`` are the model's inputs, normalised as serving will give them: numbers as Float32
    with NaN for missing, text as String with ``""`` for missing. ``label`` is a Polars series of
    the same length; ``rows`` and ``times`` say which example each is and when it was predicted.
    """

    features: pl.DataFrame
    label: pl.Series
    rows: pl.Series
    times: pl.Series

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.features.height


@dataclass(frozen=True, slots=True)
class Threshold:
    """Turns scores into decisions: yes for the ``share`` of validation with the highest scores.

    Args:
        share: between 0 and 1, exclusive.
    """

    share: float

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 < self.share < 1:
            raise DeclarationError(
                "a threshold's share must lie between 0 and 1", value=self.share, expected="0.30"
            )


@dataclass(frozen=True, kw_only=True)
class _Declared:
    """What a loop says by keyword."""

    examples: Examples
    features: Sequence[FeatureView | OnDemand | str]
    split: Any
    train: Callable[..., Any]
    params: Mapping[str, Scalar] = field(default_factory=dict)
    seed: int = 0
    decide: Threshold | None = None
    metrics: Sequence[str] = ()
    gates: Sequence[Any] = ()
    baseline: Callable[..., Any] | None = None
    approval: Literal["manual"] = "manual"
    rollout: Rollout | None = None
    monitors: Sequence[Any] = ()
    triggers: Sequence[Any] = ()
    trusted: Sequence[str] = ()
    origin: str = ""


@dataclass(frozen=True)
class Loop(_Declared):
    """A whole ML product on one page.

    Args:
        name: names the model, its laps and its runs; letters, digits, ``_`` and ``-``.
        examples: what is predicted, when, for whom, and how the label becomes known.
        features: feature views, on-demand features, and names of plain request inputs.
        split: ``TimeSplit``, ``GroupSplit`` or ``KeySplit``.
        train: a function of any of ``train, validation, params, seed`` that returns a fitted
            estimator.
        params: the run's parameters.
        seed: given to ``train``, to splits and to every bootstrap.
        decide: how a binary score becomes a decision.
        metrics: names of metrics to report on the test part; the gates have their own.
        gates: what a candidate must pass before a person is asked.
        baseline: like ``train``; default: a logistic (linear) regression on the plain inputs.
        approval: who lets a version reach users; only ``"manual"``: a person.
        rollout: how a later version comes to users, step by step; default: ``lw.Rollout()``.
        monitors: what watches the answers; each may raise an alarm.
        triggers: what starts a lap without a person.
        trusted: exact types beyond the reviewed list that a model file may hold.
        origin: the ``FILE:NAME`` that it was read from; filled in when a page is loaded.

    Raises:
        DeclarationError: something cannot be; the message says what and how to say it.
    """

    name: str

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        if not self.name or not self.name.replace("_", "").replace("-", "").isalnum():
            raise DeclarationError(
                "a loop's name must be usable in a path",
                value=self.name,
                expected="letters, digits, _ and -",
            )
        if self.name == "features":
            raise DeclarationError(
                "the online features of a project bear this name already",
                value=self.name,
                expected="another name for the loop",
            )
        for function, role in ((self.train, "train"), (self.baseline, "baseline")):
            if function is not None:
                _check_train(function, role)
        self._check_features()
        self._check_judged()
        if self.decide is not None and not isinstance(self.decide, Threshold):
            raise DeclarationError(
                "decide must be a Threshold", value=self.decide, expected="lw.Threshold(share=0.3)"
            )
        if self.approval != "manual":
            raise DeclarationError(
                "approval is a person's act",
                value=self.approval,
                expected='"manual"; in scripts: lapwise approve --by NAME',
            )

    def _check_features(self) -> None:
        inputs = set(self.examples.inputs)
        seen: set[str] = set()
        check_order(self.features)
        # A plain feature is an input; a view finds its entity by inputs, or by the row's id, and an
        # on-demand feature reads them too, beside features declared before it.
        plain = {feature for feature in self.features if isinstance(feature, str)}
        missing = plain - inputs or set(columns_read(self.features)) - inputs - {self.examples.row}
        if missing:
            raise DeclarationError(
                "a feature reads what no request carries",
                value=sorted(missing),
                expected="one of the inputs: " + ", ".join(self.examples.inputs),
                fix=f"inputs=[..., {min(missing)!r}], or declare the feature before it is read",
            )
        for feature in self.features:
            doubled = seen & set(given_by(feature))
            if doubled:
                raise DeclarationError("a feature is declared twice", value=sorted(doubled))
            seen |= set(given_by(feature))
        if not seen:
            raise DeclarationError("a loop needs at least one feature")

    def _check_judged(self) -> None:
        """Refuse before training what would be refused after it."""
        for name in self.metrics:
            find_metric(name)
        compared = any("baseline" in gate.needs for gate in self.gates)
        plain = any(isinstance(feature, str) for feature in self.features)
        if compared and not plain and self.baseline is None:
            raise DeclarationError(
                "a gate compares with a baseline that has nothing to learn from",
                expected="a plain input among features, or baseline=function",
                fix=f"features=[..., {self.examples.inputs[0] if self.examples.inputs else '...'!r}]",
            )

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table that the page reads, each once, examples and label first."""
        found: dict[str, Table] = {}
        tables = [self.examples.table, self.examples.label.table]
        tables += [view.table for view in self.views]
        for table in tables:
            if found.setdefault(table.name, table) is not table:
                raise DeclarationError("two different tables have one name", value=table.name)
        return tuple(found.values())

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The feature views, in order."""
        found = (one for one in self.features if hasattr(one, "table"))
        return tuple(cast("FeatureView", one) for one in found)

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns of the examples that the split and the gates' slices need besides the inputs."""
        slices = (name for gate in self.gates for name in gate.slices)
        known = {*self.examples.inputs, "unit", "block", self.examples.row}
        return tuple(sorted({*self.split.columns, *slices} - known))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The model's input columns, in order."""
        return tuple(name for feature in self.features for name in given_by(feature))


def _check_train(function: Callable[..., Any], role: str) -> None:
    if not callable(function):
        raise DeclarationError(f"{role} must be a function", value=function)
    unknown = [
        name for name in inspect.signature(function).parameters if name not in _TRAIN_ARGUMENTS
    ]
    if unknown:
        raise DeclarationError(
            f"{role} asks for arguments that nobody gives",
            value=unknown,
            expected="any of " + ", ".join(_TRAIN_ARGUMENTS),
        )
