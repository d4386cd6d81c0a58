"""Runs steps, or finds what they gave the last time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest
from lapwise.core.errors import (
    CorruptError,
    DeclarationError,
    LapwiseError,
    NotFoundError,
    StepError,
)
from lapwise.core.model import KeyPart, Output, StepResult
from lapwise.core.protocols import Codec, Progress, SilentProgress
from lapwise.pipeline.codecs import STANDARD
from lapwise.pipeline.course import Course, ticking
from lapwise.pipeline.failure import failed
from lapwise.pipeline.graph import Later, Node, Pipeline, substitute
from lapwise.pipeline.key import Call, bind, fingerprint, key_of, key_parts
from lapwise.pipeline.model import Handle, PipelineRun, StepRun, load
from lapwise.pipeline.outputs import Outputs
from lapwise.pipeline.reach.places import Places
from lapwise.pipeline.reach.walk import Walk
from lapwise.pipeline.steps import Step
from lapwise.store.model import Store

__all__ = ["Engine"]


class Engine:
    """Runs steps and pipelines over a store, and never runs twice what it can find.

    Args:
        store: keeps results.
        root: the project's folder; its code is followed, other code counts by version.
        progress: shown how far the work is.
        cache: False runs everything and keeps no results for later runs.
        codecs: further types of results, asked before the standard ones.
    """

    def __init__(
        self,
        store: Store,
        *,
        root: Path,
        progress: Progress | None = None,
        cache: bool = True,
        codecs: tuple[Codec, ...] = (),
    ) -> None:
        self._store = store
        self._root = root
        self._progress: Progress = progress or SilentProgress()
        self._cache = cache
        self._outputs = Outputs(store, (*codecs, *STANDARD))
        self._clock = MachineClock()
        self._places = Places(root)
        self._files: dict[str, tuple[tuple[int, ...], Digest]] = {}

    @property
    def caches(self) -> bool:
        """Whether results are looked for and kept."""
        return self._cache

    def fingerprint(self, function: Callable[..., Any]) -> Digest:
        """Return the digest of a function with all the project code that it reaches."""
        return fingerprint(function, self._root)

    def run(self, pipeline: Pipeline, *args: Any, **kwargs: Any) -> PipelineRun:
        """Run a pipeline: read its graph, then run or find each step in the order of calls.

        Raises:
            StepError: the pipeline function or a step raised; its exception is the cause.
            DeclarationError: a step is used in a way that cannot be, or its result cannot be kept.
            StorageFullError: there is no room for a result; nothing of it is kept.
        """
        try:
            graph, returned = pipeline.read(args, kwargs)
        except LapwiseError:
            raise
        except Exception as error:
            raise failed(f"pipeline '{pipeline.name}'", error, self._places) from error
        course = Course(self._store.steps, self._progress, pipeline.name, graph.nodes)
        done: list[StepRun] = []
        try:
            for node in graph.nodes:
                done.append(self._run_node(node, done, course))
                course.passed(node)
        finally:
            course.done()
        result = substitute(returned, lambda later: _handle(later, done))
        return PipelineRun(pipeline.name, result, tuple(done))

    def call(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        seed: int | None = None,
        name: str | None = None,
        extra: Mapping[str, Digest] | None = None,
        unkeyed: Mapping[str, Any] | None = None,
        before: Callable[[], object] = lambda: None,
        **kwargs: Any,
    ) -> StepRun:
        """Run one step, or find what it gave for the same key.

        Args:
            function: a step or any other callable.
            args: plain values, records, frames, functions, or handles of earlier results, which
                count by the digest of their content and are loaded only if the step really runs.
            seed: part of the key; passed on if the function has a parameter of that name.
            name: what people call the step; not part of the key.
            extra: further ingredients of the key.
            unkeyed: further keyword arguments, not part of the key: what cannot change the result
                (a store, a progress bar), or what the key names already.
            before: called if the step really runs, before it does.
            kwargs: as ``args``.

        Raises:
            StepError, DeclarationError, StorageFullError: as :meth:`run`.
        """
        name = name or str(getattr(function, "name", "") or getattr(function, "__name__", "step"))
        return self._step(function, name, args, kwargs, seed, extra, unkeyed or {}, before)

    def _run_node(self, node: Node, done: list[StepRun], course: Course) -> StepRun:
        args = substitute(node.args, lambda later: _handle(later, done))
        kwargs = substitute(node.kwargs, lambda later: _handle(later, done))
        function = node.step
        assert isinstance(function, Step)  # noqa: S101 - only steps make nodes
        return self._step(function, node.step.name, args, kwargs, before=lambda: course.runs(node))

    def _step(
        self,
        function: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        seed: int | None = None,
        extra: Mapping[str, Digest] | None = None,
        unkeyed: Mapping[str, Any] = MappingProxyType({}),
        before: Callable[[], object] = lambda: None,
    ) -> StepRun:
        args = tuple(_unwrapped(value) for value in args)
        kwargs = {key: _unwrapped(value) for key, value in kwargs.items()}
        call = bind(function, args, kwargs, seed, unkeyed)
        walk = Walk(self._places, self._files)
        parts = key_parts(walk, function, call.keyed, seed=seed, extra=extra)
        key = key_of(parts)

        def make() -> StepResult:
            return self._make(function, name, call, key, parts)

        found = self._store.steps.get(key) if self._cache else None
        reused = found is not None and self._outputs.are_there(found)
        if found is not None and reused:
            result = found
        else:
            if found is not None:
                self._warn(f"step '{name}': its kept result is lost; running it again")
            before()
            result = self._keep(make(), walk, name)
        handle = self._handle(result, name, make)
        return StepRun(name, key, reused, result.seconds, result.outputs, handle, parts)

    def _make(
        self,
        function: Callable[..., Any],
        name: str,
        call: Call,
        key: Digest,
        parts: tuple[KeyPart, ...],
    ) -> StepResult:
        """Run the function on loaded arguments and put what it returns into the store."""
        values, named = load(call.args), load(call.kwargs)
        plain = function.function if isinstance(function, Step) else function
        last = self._store.steps.last(name)
        started = self._clock.monotonic()
        with ticking(self._progress, name, None if last is None else last.seconds):
            try:
                value = plain(*values, **named)
            except LapwiseError:
                raise
            except Exception as error:
                raise failed(f"step '{name}'", error, self._places) from error
            outputs = self._outputs.write(name, value)
        return StepResult(
            key=key,
            step=name,
            parts=parts,
            outputs=outputs,
            seconds=self._clock.monotonic() - started,
            created=self._clock.timestamp(),
        )

    def _keep(self, result: StepResult, walk: Walk, name: str) -> StepResult:
        """Keep a result unless a file changed while the step ran: which one it read is unknown."""
        if not self._cache:
            return result
        for (path, whole), content in walk.seen_files.items():
            if walk.content(path, whole=whole) != content:
                self._warn(f"step '{name}': {path} changed while it ran; its result is not kept")
                return result
        kept = self._store.steps.add(result)
        return kept if self._outputs.are_there(kept) else result

    def _handle(self, result: StepResult, name: str, make: Callable[[], StepResult]) -> Handle:
        def read(index: int) -> Any:
            try:
                return self._outputs.read(result.outputs[index])
            except (CorruptError, NotFoundError) as error:
                self._warn(f"step '{name}': its kept result is damaged; running it again")
                self._repair(name, result.outputs, make, error)
                return self._outputs.read(result.outputs[index])

        return Handle(result.outputs, self._outputs.packages(result.outputs), read)

    def _repair(
        self,
        name: str,
        outputs: tuple[Output, ...],
        make: Callable[[], StepResult],
        error: LapwiseError,
    ) -> None:
        self._outputs.drop_damaged(outputs)
        if make().outputs != outputs:
            raise StepError(
                f"step '{name}': its kept result is damaged, and it gave another one when run again",
                expected="a step that gives the same for the same inputs and seed",
                fix="run the pipeline again: later steps will follow the new result",
            ) from error

    def _warn(self, message: str) -> None:
        self._progress.task(f"warning: {message}", 0).done()


def _unwrapped(value: Any) -> Any:
    return value.handle if isinstance(value, StepRun) else value


def _handle(later: Later, done: list[StepRun]) -> Handle:
    run = done[later._node.index]  # noqa: SLF001 - a Later shows users nothing
    if later._index is None:  # noqa: SLF001
        return run.handle
    try:
        return run.handle.part(later._index)  # noqa: SLF001
    except DeclarationError as error:
        raise DeclarationError(
            f"step '{run.name}' does not return what the pipeline takes from it",
            value=later._index,  # noqa: SLF001
            expected="a tuple with a part of that index",
            fix=f"mend the return annotation of '{run.name}', or the pipeline",
        ) from error
