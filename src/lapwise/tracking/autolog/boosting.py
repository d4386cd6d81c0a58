"""What the native ``train`` functions of boosting libraries have in common."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.tracking.autolog.params import params_of
from lapwise.tracking.autolog.patches import Patches
from lapwise.tracking.autolog.recording import Recording, begin, going_on

__all__ = ["Trained", "observe", "replace_function"]

_LOG = logging.getLogger("lapwise.tracking.autolog")

# Estimators that fit one model: what happens inside is that model's training. A search or an
# ensemble fits many, and their iterations would be mixed up.
_ONE_MODEL = ("Pipeline", "TransformedTargetRegressor")


@dataclass(frozen=True, slots=True)
class Trained:
    """How a library's training is followed and described."""

    library: str
    follow: Callable[[inspect.BoundArguments, Recording], None]
    describe: Callable[[Recording, Any], None]
    shape: Callable[[inspect.BoundArguments], tuple[int, ...]]


def replace_function(
    package: str,
    name: str,
    function: Callable[..., Any],
    watched: Callable[..., Any],
    patches: Patches,
) -> None:
    """Put a function in place of another in all modules of a package that hold it under a name.

    Modules that are imported later take the new one from there, so going back looks again.
    """
    _exchange(package, name, function, watched)
    patches.on_undo(lambda: _exchange(package, name, watched, function))


def _exchange(
    package: str, name: str, present: Callable[..., Any], wanted: Callable[..., Any]
) -> None:
    for module_name, module in list(sys.modules.items()):
        of_package = module_name == package or module_name.startswith(f"{package}.")
        if of_package and vars(module).get(name) is present:
            setattr(module, name, wanted)


def observe(
    train: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], how: Trained
) -> Any:
    """Train, and log what happens to the run that this training belongs to."""
    outer = going_on()
    if outer is not None:
        if not all(_fits_one(one, how.library) for one in outer.stack):
            return train(*args, **kwargs)
        booster = _followed(train, args, kwargs, how, outer)
        outer.describe(lambda recording: how.describe(recording, booster))
        return booster
    recording = begin(how)
    if recording is None:
        return train(*args, **kwargs)
    now = MachineClock().monotonic
    with recording:
        started = now()
        booster = _followed(train, args, kwargs, how, recording, params=True)
        recording.metrics({"fit_seconds": now() - started})
        recording.describe(lambda own: how.describe(own, booster))
    return booster


def _fits_one(estimator: object, library: str) -> bool:
    module = type(estimator).__module__
    return module.startswith(f"{library}.") or any(
        one.__name__ in _ONE_MODEL and one.__module__.startswith("sklearn.")
        for one in type(estimator).__mro__
    )


def _followed(
    train: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    how: Trained,
    recording: Recording,
    *,
    params: bool = False,
) -> Any:
    """Train with a callback; as it was called where no callback can be added."""
    try:
        bound = inspect.signature(train).bind(*args, **kwargs)
        if params:
            recording.tags({"model.class": f"{how.library}.Booster"})
            recording.describe(functools.partial(_settings, bound=bound))
        how.follow(bound, recording)
    except Exception as error:  # noqa: BLE001 - a wrong call fails by its own words, below
        _LOG.warning("autologging cannot follow %s: %s", how.library, error)
        return train(*args, **kwargs)
    booster = train(*bound.args, **bound.kwargs)
    if params:
        shape = functools.partial(_shape, bound=bound, how=how)
        recording.describe(shape)
    return booster


def _settings(recording: Recording, *, bound: inspect.BoundArguments) -> None:
    given = bound.arguments.get("params")
    recording.params(params_of(given) if isinstance(given, Mapping) else {})
    rounds = bound.arguments.get("num_boost_round")
    default = bound.signature.parameters["num_boost_round"].default
    recording.params({"num_boost_round": default if rounds is None else rounds})


def _shape(recording: Recording, *, bound: inspect.BoundArguments, how: Trained) -> None:
    recording.params(dict(zip(("data.rows", "data.columns"), how.shape(bound), strict=False)))
