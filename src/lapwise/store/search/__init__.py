r"""The language of searches: parsed once, compiled for runs, experiments, models and versions.

A filter is comparisons joined by AND, OR, NOT and parentheses::

    metrics.auc > 0.7 AND (params.lr = 0.1 OR NOT tags.owner LIKE 'a%')

- Names: ``metrics.auc``, ``params.lr``, ``tags.owner``, ``dataset.name``, ``dataset.digest``,
  ``dataset.context``, and a row's own, as ``status`` or ``started``. What holds a space stands in
  backticks or double quotes: ``params.`batch size```. MLflow's names mean what they mean there
  (``start_time`` is milliseconds, ``run_name``, ``attributes.status``, ``metric.auc``).
- Signs: ``=`` ``==`` ``!=`` ``<>`` ``<`` ``<=`` ``>`` ``>=``, ``[NOT] IN (...)``, ``[NOT] LIKE``, which
  heeds case, ``[NOT] ILIKE``, which does not (letters beyond ASCII as the database does it), and
  ``IS [NOT] NULL``. In a pattern ``%`` is any text and ``_`` any sign; ``\%`` and ``\_`` are plain.
- Values: numbers (``NaN``, ``Infinity`` too), ``true``, ``false``, and text in single or double quotes,
  in which a quote is doubled or escaped by a backslash. A parameter is compared as a number with a
  number, and as text with text. A time is a number, or a date such as ``'2026-03-01'``.
- A comparison with what is missing is false, and NOT of it is true. NaN equals NaN only.
- MLflow's ``FAILED`` is a run that failed or crashed; ``failed`` is one that failed.

An order is a name and ASC or DESC; parameters that are numbers come before those that are text, what
is missing or NaN comes last in either direction, and then the newest first.

A filter has at most 10,000 characters, 100 comparisons, and 50 levels of NOT and parentheses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["Asked", "Attribute", "Named", "Subject", "fetch"]

if TYPE_CHECKING:
    from lapwise.store.search.page import Asked, fetch
    from lapwise.store.search.subject import Attribute, Named, Subject

_HOMES = {"Asked": "page", "fetch": "page"}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'subject')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
