"""Autologging for notebooks and scripts, in the store of the project around them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from lapwise.loop.notebook import start_run

if TYPE_CHECKING:
    from lapwise.tracking import ActiveRun
    from lapwise.tracking.autolog import Autologging

__all__ = ["autolog"]


def autolog(
    to: ActiveRun | bool = True,
    *,
    experiment: str = "autolog",
    libraries: Sequence[str] = ("sklearn", "lightgbm", "xgboost"),
) -> Autologging:
    """Log what scikit-learn, LightGBM and XGBoost train from now on, by itself.

    One ``fit`` is one run, or a part of the run that is open: a pipeline or a search is logged once,
    with its candidates as a table, and the folds of a cross-validation not at all. Nothing is raised
    into training, and nothing about the fit is changed.

    Args:
        to: True, or the run to log to; False turns everything off and puts back what was replaced.
        experiment: what a run of its own belongs to, when a fit is in no run.
        libraries: which are watched; none is imported.

    Returns:
        Something to use by ``with``: at its end all is as it was before.

    Raises:
        TrackingError: a library is not known.

    Example::

        lw.autolog()
        LogisticRegression(C=0.5).fit(X, y)      # a run: parameters, shape, seconds, score
    """
    from lapwise.tracking.autolog import switch_off, switch_on

    if to is False:
        switch_off()
        return switch_on(partial(_start, experiment), libraries=())
    run = None if to is True else to
    return switch_on(partial(_start, experiment), run=run, libraries=libraries)


def _start(experiment: str) -> AbstractContextManager[ActiveRun]:
    return start_run(experiment)
