"""Turn a trained model into files that answer, with the proof that they answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import ModelError
from lapwise.core.model import Artifact, Column, Signature
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.registry.inputs import model_inputs, signature_of
from lapwise.registry.model import NATIVE, ONNX, PROBE, Packaged, Parity

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.evidence import Task
    from lapwise.registry.parity import Case, Scorer
    from lapwise.store.model import Store

__all__ = ["package"]


def package(
    model: Any,
    *,
    inputs: pl.DataFrame,
    task: Task,
    store: Store,
    classes: Sequence[str] = (),
    threshold: float | None = None,
    trusted: Sequence[str] = (),
    progress: Progress | None = None,
) -> Packaged:
    """Write a model as a canonical skops archive, as ONNX if that answers alike, and a probe.

    The archive is read back and must answer as the model did, to the bit. ONNX serves when its
    scores stay within 1e-5 on the validation rows and on hard cases (missing, unseen, empty,
    extreme); otherwise the archive serves, and ``parity`` says why.

    Args:
        model: a fitted scikit-learn estimator.
        inputs: validation rows; normalised by :func:`lapwise.registry.model_inputs` if they are
            not yet.
        task: ``binary``, ``multiclass`` or ``regression``.
        store: where the files are kept.
        classes: the classes that the page declares, if any; the model's must equal them.
        threshold: of a binary decision, to count decisions that the compiled form would change.
        trusted: exact names of types that a person allowed beyond the reviewed list.
        progress: shows one line.

    Raises:
        UntrustedTypeError: the model holds types that nobody reviewed.
        ModelError: it does not fit the rows or the task, or cannot be written.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from lapwise.registry.formats import skops
    from lapwise.registry.formats.estimator import check_fits, classes_of
    from lapwise.registry.parity import answers, trial

    inputs = model_inputs(inputs, inputs.columns)
    if inputs.is_empty():
        raise ModelError(
            "a model is packaged with rows to try it on, and there are none",
            expected="validation rows",
            fix="give the split a longer validation part",
        )
    check_fits(model, inputs)
    names = classes_of(model, task=task, declared=tuple(classes))
    archive = skops.dump(model, trusted=trusted)
    line = (progress or SilentProgress()).task("package")
    # One thread: for a few rows, starting more costs far more than they save.
    with threadpool_limits(limits=1):
        native = _native(skops.load(archive, trusted=trusted), task)
        _check_restored(_native(model, task), native, inputs)
        cases = trial(inputs)
        expected = answers(native, cases)
        compiled, parity, sentence = _compile(
            model, inputs, cases, expected, task=task, threshold=threshold
        )
        files = {NATIVE: archive, PROBE: _probe(cases, expected)}
    line.done()
    if compiled is not None:
        files[ONNX] = compiled
    return Packaged(
        digest=digest_bytes(archive),
        format="skops",
        serving="onnx" if compiled is not None else "skops",
        parity=sentence,
        artifacts=tuple(
            Artifact(name=name, digest=store.blobs.put(content), size=len(content))
            for name, content in sorted(files.items())
        ),
        signature=Signature(inputs=signature_of(inputs), outputs=_outputs(names)),
        task=task,
        classes=names,
        trusted=tuple(sorted(trusted)),
        largest_difference=None if parity is None else parity.largest,
    )


def _native(model: Any, task: Task) -> Scorer:
    from lapwise.registry.formats.estimator import raw_scores, shaped

    return lambda rows: shaped(raw_scores(model, rows, task=task), task=task, rows=len(rows))


def _check_restored(trained: Scorer, restored: Scorer, inputs: pl.DataFrame) -> None:
    import numpy as np

    few = inputs.head(1000)
    try:
        before = trained(few)
    except ModelError:
        raise
    except Exception as error:  # the user's estimator may raise anything
        raise ModelError(
            "the model cannot score the rows it was validated on",
            value=f"{type(error).__name__}: {error}",
            expected="scores for rows as train() was given them",
            fix="let it take missing values: a SimpleImputer, or HistGradientBoosting",
        ) from error
    if not np.array_equal(before, restored(few)):
        raise ModelError(
            "the model answers differently once it was written and read back",
            expected="equal scores",
            fix="an estimator keeps state outside its attributes; use one of scikit-learn's own",
        )


def _compile(
    model: Any,
    inputs: pl.DataFrame,
    cases: Sequence[Case],
    expected: Sequence[Any],
    *,
    task: Task,
    threshold: float | None,
) -> tuple[bytes | None, Parity | None, str]:
    from lapwise.registry.formats import onnx
    from lapwise.registry.formats.estimator import shaped
    from lapwise.registry.parity import answers, compare, describe

    try:
        content = onnx.convert(model, inputs, task=task)
        session = onnx.Session(content)
    except ModelError as error:
        reason = str(error).splitlines()[0]
        return None, None, f"scikit-learn answers, not ONNX: {reason}"
    given = answers(lambda rows: shaped(onnx.run(session, rows), task=task, rows=len(rows)), cases)
    parity = compare(cases, expected, given, task=task, threshold=threshold)
    return content if parity.holds else None, parity, describe(parity)


def _probe(cases: Sequence[Case], expected: Sequence[Any]) -> bytes:
    """Keep a few rows of each case that the model answers."""
    import numpy as np
    import polars as pl

    from lapwise.registry.probe import spread_indices, write_probe

    rows: list[pl.DataFrame] = []
    scores: list[Any] = []
    for (_, case), answer in zip(cases, expected, strict=True):
        if answer is not None:
            few = spread_indices(len(case), 64 if not rows else 3)
            rows.append(case[few])
            scores.append(answer[few])
    return write_probe(pl.concat(rows), np.concatenate(scores))


def _outputs(classes: tuple[str, ...]) -> tuple[Column, ...]:
    if len(classes) <= 2:
        return (Column(name="score", dtype="Float64", nullable=False),)
    return tuple(Column(name=f"score {name}", dtype="Float64", nullable=False) for name in classes)
