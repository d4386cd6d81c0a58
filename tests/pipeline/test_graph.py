"""Edges are made by calls, and a result that is not there yet says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.pipeline import Engine, Step, pipeline, step


@step
def number() -> int:
    return 3


@step
def pair() -> "tuple[int, list[int]]":  # noqa: UP037 - a text annotation is read too
    return 1, [2]


@step
def untold():  # type: ignore[no-untyped-def]  # noqa: ANN201
    return 1, 2


@step
def add(a: int, b: int) -> int:
    return a + b


USES: list[Callable[[Any], object]] = [
    bool,
    len,
    list,
    str,
    int,
    lambda later: later > 3,
    lambda later: later == 3,
    lambda later: 3 in later,
    lambda later: later + 1,
    lambda later: 1 - later,
    lambda later: later.shape,
    lambda later: later["a"],
    lambda later: later(),
    lambda later: f"{later:.2f}",
]


@pytest.mark.parametrize("use", USES)
def test_a_result_to_come_names_its_step_when_used_as_a_value(
    engine: Engine, use: Callable[[Any], object]
) -> None:
    @pipeline
    def wrong() -> object:
        return use(number())

    with pytest.raises(DeclarationError, match="step 'number'"):
        engine.run(wrong)


def test_an_annotated_tuple_is_unpacked_and_any_tuple_is_indexed(engine: Engine) -> None:
    @pipeline
    def unpacked() -> Any:
        first, second = pair()
        return add(first, untold()[1]), second

    assert engine.run(unpacked).value() == (3, [2])


def test_a_part_that_is_not_there_is_an_error(engine: Engine) -> None:
    @pipeline
    def wrong() -> Any:
        return untold()[2]

    with pytest.raises(DeclarationError, match="step 'untold' does not return what"):
        engine.run(wrong)


def test_results_travel_inside_lists_tuples_and_dicts(engine: Engine) -> None:
    @step
    def total(parts: dict[str, Any]) -> int:
        return parts["a"][0] + parts["b"][1]  # type: ignore[no-any-return]

    @pipeline
    def nested() -> Any:
        return total({"a": [number()], "b": (0, number())})

    assert engine.run(nested).value() == 6


def test_a_pipeline_in_a_pipeline_adds_its_steps(engine: Engine) -> None:
    @pipeline
    def inner() -> Any:
        return add(number(), 1)

    @pipeline
    def outer() -> Any:
        return add(inner(), 1)

    run = engine.run(outer)
    assert [each.name for each in run.steps] == ["number", "add", "add"]
    assert run.value() == 5


def test_a_step_that_calls_a_step_just_runs_it(engine: Engine) -> None:
    def caller() -> Any:
        return number() + 1

    assert engine.call(caller).handle.value() == 4


@pytest.mark.parametrize("wrong", [{"files": "x.json"}, {"env": [1]}, {"packages": "numpy"}])
def test_a_declaration_is_a_list_of_names(wrong: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="not a list of names"):
        step(**wrong)


def test_a_step_is_marked_once() -> None:
    assert isinstance(number, Step)
    with pytest.raises(DeclarationError, match="once"):
        step(number)
