"""Steps run once, and never wrongly not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lapwise.core.errors import DataError, DeclarationError, StepError
from lapwise.pipeline import Engine, Handle, explain, fingerprint, pipeline, step, why
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.pipeline.conftest import Recorded

HERE = Path(__file__).parent


def note(name: str) -> None:
    """Count a call on the thread: a global list would be an input of the steps."""
    threading.current_thread().__dict__.setdefault("calls", []).append(name)


def calls() -> list[str]:
    return list(threading.current_thread().__dict__.pop("calls", []))


@step
def clean(raw: list[int]) -> list[int]:
    note("clean")
    return [value for value in raw if value]


@step
def split(rows: list[int]) -> tuple[list[int], list[int]]:
    note("split")
    return rows[:1], rows[1:]


@step
def fit(rows: list[int], depth: int = 3) -> dict[str, Any]:
    note("fit")
    return {"rows": tuple(rows), "depth": depth}


@pipeline
def train_all(raw: list[int], depth: int = 3) -> dict[str, Any]:
    first, rest = split(clean(raw))
    return {"model": fit(rest, depth), "first": [first]}


def test_a_pipeline_gives_what_its_function_would(engine: Engine) -> None:
    assert engine.run(train_all, raw=[0, 1, 2]).value() == train_all([0, 1, 2])


def test_a_second_run_runs_nothing(engine: Engine) -> None:
    calls()
    first = engine.run(train_all, [0, 1, 2])
    assert calls() == ["clean", "split", "fit"]
    second = engine.run(train_all, raw=[0, 1, 2], depth=3)
    assert calls() == []
    assert [run.reused for run in second.steps] == [True, True, True]
    assert [run.key for run in second.steps] == [run.key for run in first.steps]
    assert second.value() == first.value()


def test_only_what_an_argument_reaches_runs_again(engine: Engine) -> None:
    engine.run(train_all, [1, 2])
    assert [run.reused for run in engine.run(train_all, [1, 2], depth=4).steps] == [
        True,
        True,
        False,
    ]
    # An upstream step that gives the same content lets everything after it stand.
    assert [run.reused for run in engine.run(train_all, [1, 0, 2]).steps] == [False, True, True]


def test_without_the_cache_everything_runs_and_nothing_is_kept(store: Store) -> None:
    engine = Engine(store, root=HERE, cache=False)
    engine.run(train_all, [1])
    run = engine.run(train_all, [1])
    assert not any(each.reused for each in run.steps)
    assert store.steps.get(run.steps[0].key) is None


def test_a_step_outside_a_pipeline_simply_runs() -> None:
    assert clean([0, 1]) == [1]


def test_call_takes_values_functions_and_handles(engine: Engine) -> None:
    handle = engine.call(clean, [0, 3]).handle
    assert isinstance(handle, Handle)
    run = engine.call(lambda rows, f: [f(row) for row in rows], handle, abs, name="map")
    assert (run.name, run.handle.value()) == ("map", [3])
    assert engine.call(sum, [handle, [4]], []).handle.value() == [3, 4]


def test_the_seed_counts_and_reaches_a_parameter_of_that_name(engine: Engine) -> None:
    def draw(seed: int) -> int:
        return seed * 2

    assert engine.call(draw, seed=4).handle.value() == 8
    assert not engine.call(draw, seed=5).reused
    assert engine.call(len, [], seed=1).key != engine.call(len, [], seed=2).key


def test_extra_counts_and_the_name_does_not(engine: Engine) -> None:
    first = engine.call(clean, [1], extra={"data": "a"})
    assert engine.call(clean, [1], extra={"data": "b"}).key != first.key
    assert engine.call(clean, [1], extra={"data": "a"}, name="other").reused


def test_a_parameter_called_name_can_be_given_in_a_pipeline(engine: Engine) -> None:
    @step
    def greet(name: str, seed: int) -> str:
        return f"{name}{seed}"

    @pipeline
    def hello() -> Any:
        return greet(name="you", seed=1)

    assert engine.run(hello).value() == "you1"


def test_a_step_cannot_change_what_another_is_given(engine: Engine) -> None:
    def spoil(rows: list[int]) -> int:
        rows.append(9)
        return len(rows)

    handle = engine.call(clean, [1]).handle
    engine.call(spoil, handle)
    assert handle.value() == [1]


def test_a_failed_step_is_not_kept_and_says_where(engine: Engine, store: Store) -> None:
    def broken(x: int) -> float:
        return 1 / x

    with pytest.raises(
        StepError, match=r"step 'broken' raised ZeroDivisionError at test_engine.py:\d+"
    ) as caught:
        engine.call(broken, 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert store.steps.last("broken") is None


def test_an_error_of_lapwise_passes_as_it_is(engine: Engine) -> None:
    def broken() -> None:
        raise DataError("no such column")

    with pytest.raises(DataError, match="no such column"):
        engine.call(broken)


def test_an_interrupt_passes_and_nothing_is_kept(engine: Engine, store: Store) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.call(interrupted)
    assert store.steps.last("interrupted") is None


def test_a_pipeline_function_that_raises_is_named(engine: Engine) -> None:
    @pipeline
    def wrong() -> None:
        raise ValueError("no")

    with pytest.raises(StepError, match="pipeline 'wrong' raised ValueError"):
        engine.run(wrong)


def test_a_wrong_call_says_the_signature(engine: Engine) -> None:
    with pytest.raises(DeclarationError, match="missing a required argument: 'raw'") as caught:
        engine.call(clean, rows=[1])
    assert "clean(raw" in caught.value.expected


def test_a_lost_blob_is_a_miss_and_is_mended(
    engine: Engine, progress: Recorded, blob: Callable[[str], Path]
) -> None:
    run = engine.call(clean, [1])
    blob(run.outputs[0].digest).unlink()
    again = engine.call(clean, [1])
    assert (again.reused, again.handle.value()) == (False, [1])
    assert "lost" in progress.warnings()[0]
    assert engine.call(clean, [1]).reused


def test_a_damaged_blob_is_never_a_wrong_value(
    store: Store, tmp_path: Path, progress: Recorded, blob: Callable[[str], Path]
) -> None:
    run = Engine(store, root=HERE).call(clean, [1, 2])
    path = blob(run.outputs[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"\x92\xa1l\x05")
    # A new process checks what an old one knew.
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as fresh:
        again = Engine(fresh, root=HERE, progress=progress).call(clean, [1, 2])
        assert again.handle.value() == [1, 2]
    assert "damaged" in progress.warnings()[0]


def test_a_damaged_blob_of_a_step_that_gives_another_result_is_an_error(
    store: Store, tmp_path: Path, blob: Callable[[str], Path]
) -> None:
    def draw() -> bytes:
        import os

        return os.urandom(8)

    run = Engine(store, root=HERE).call(draw)
    path = blob(run.outputs[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as fresh:
        handle = Engine(fresh, root=HERE).call(draw).handle
        with pytest.raises(StepError, match="another one when run again"):
            handle.value()


def test_a_file_that_changes_while_a_step_runs_keeps_nothing(
    engine: Engine, store: Store, tmp_path: Path, progress: Recorded
) -> None:
    path = tmp_path / "data.txt"
    path.write_text("before")

    def read(file: Path) -> str:
        text = file.read_text()
        file.write_text("after")
        return text

    assert engine.call(read, path).handle.value() == "before"
    assert "changed while it ran" in progress.warnings()[0]
    assert store.steps.last("read") is None


def test_two_racing_for_one_key_keep_one_result(store: Store) -> None:
    def draw() -> bytes:
        import os
        import time

        time.sleep(0.05)
        return os.urandom(8)

    found: list[Any] = []

    def race() -> None:
        found.append(Engine(store, root=HERE).call(draw).handle.value())

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_progress_expects_what_the_step_took_last(engine: Engine, progress: Recorded) -> None:
    engine.run(train_all, [1, 2])
    assert progress.lines[0] == ("train_all", 3.0)
    assert ("fit", None) in progress.lines
    progress.lines.clear()
    engine.run(train_all, [1, 2], depth=5)
    (whole, total), (name, seconds) = progress.lines
    assert (whole, name) == ("train_all", "fit")
    assert total is not None
    assert seconds is not None
    assert 0 < seconds <= total < 3.0


def test_why_names_what_changed(engine: Engine, store: Store) -> None:
    run = engine.call(fit, [1], depth=1)
    assert why(store, "fit", run.parts) == ()
    other = Engine(store, root=HERE, cache=False).call(fit, [1], depth=2, extra={"data": "d"})
    assert [(each.name, each.kind) for each in why(store, "fit", other.parts)] == [
        ("argument depth", "changed"),
        ("extra data", "added"),
    ]
    assert {each.kind for each in why(store, "never ran", run.parts)} == {"added"}


def test_explain_names_what_is_reached(engine: Engine) -> None:
    names = {part.name for part in explain(fit, HERE)}
    assert {f"function {__name__}.fit", f"function {__name__}.note", "python"} <= names
    assert fingerprint(fit, HERE) == engine.fingerprint(fit)
    assert fingerprint(fit, HERE) != fingerprint(clean, HERE)


def test_unkeyed_arguments_reach_the_function_and_not_the_key(engine: Engine) -> None:
    def count(x: int, log: Callable[[str], None], **more: Any) -> int:
        log("ran")
        return x + len(more)

    heard: list[str] = []
    first = engine.call(count, 1, a=1, unkeyed={"log": heard.append, "b": object()})
    assert (first.handle.value(), heard) == (3, ["ran"])
    assert engine.call(count, 1, a=1, unkeyed={"log": print, "b": None}).key == first.key
    assert not engine.call(count, 1, a=2, unkeyed={"log": print, "b": None}).reused


def test_before_is_called_when_a_step_really_runs(engine: Engine) -> None:
    heard: list[str] = []
    engine.call(fit, [1], before=lambda: heard.append("first"))
    engine.call(fit, [1], before=lambda: heard.append("again"))
    assert heard == ["first"]
    assert engine.caches


def test_an_unread_handle_counts_the_same_and_gives_its_digest(engine: Engine) -> None:
    def size(rows: object) -> int:
        return len(str(rows))

    rows = engine.call(clean, [0, 1, 2])
    whole = engine.call(size, [rows.handle])
    unread = engine.call(size, [rows.handle.unread()])
    assert unread.key == whole.key
    assert rows.handle.unread().value() == rows.handle.digest
    parts = engine.call(split, rows).handle
    assert parts.part(1).unread().digest == parts.part(1).digest
