"""``@pipeline``: edges made by calling steps inside a function.

While the function is read, a step's call gives a :class:`Later` instead of a value. A call can
only take what earlier calls gave, so the order of calls is a topological order and there are no
cycles.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol

from lapwise.core.errors import DeclarationError

__all__ = ["Graph", "Later", "Node", "Pipeline", "building", "pipeline", "substitute"]


class Called(Protocol):
    """A step, as far as the graph knows it."""

    name: str
    function: Callable[..., Any]


class Node:
    """One call of a step."""

    def __init__(
        self, index: int, step: Called, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.index = index
        self.step = step
        self.args = args
        self.kwargs = kwargs


class Later:
    """What a step will give; only other steps, and the pipeline's ``return``, can take it.

    A result annotated ``tuple[A, B]`` can be unpacked; any tuple can be indexed.
    """

    def __init__(self, node: Node, index: int | None = None) -> None:
        self._node = node
        self._index = index

    def __iter__(self) -> Iterator[Later]:
        """Return the parts of a result whose annotation says how many there are."""
        arity = None if self._index is not None else _arity(self._node.step.function)
        if arity is None:
            name = self._node.step.name
            raise DeclarationError(
                f"the result of step '{name}' cannot be unpacked: its function does not say how "
                "many values it returns",
                expected=f"def {name}(...) -> tuple[A, B]",
                fix="annotate the return type, or take the parts by index: result[0], result[1]",
            )
        return iter([Later(self._node, index) for index in range(arity)])

    def __getitem__(self, index: object) -> Later:
        """Return one part of a tuple."""
        if self._index is not None or not isinstance(index, int) or index < 0:
            self.refuse()
        return Later(self._node, index)

    def refuse(self, *_: object) -> NoReturn:
        """Raise the error that names the step: there is no value yet."""
        name = self._node.step.name
        raise DeclarationError(
            f"step '{name}' has not run yet: its result has no value inside the pipeline function",
            expected="a result is only given to other steps, or returned",
            fix=f"move the code that uses the result of '{name}' into a step of its own",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    def __repr__(self) -> str:
        part = "" if self._index is None else f"[{self._index}]"
        return f"<result of step {self._node.step.name}{part}, to come>"

    __bool__ = __len__ = __int__ = __float__ = __index__ = __contains__ = __call__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = refuse
    __and__ = __or__ = __xor__ = __invert__ = __neg__ = __abs__ = __enter__ = __exit__ = refuse
    __str__ = __format__ = refuse
    __hash__ = object.__hash__


class Graph:
    """The calls of one pipeline, in order."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, step: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Later:
        """Add a call and return what it will give."""
        node = Node(len(self.nodes), step, args, kwargs)
        self.nodes.append(node)
        return Later(node)


_BUILDING: ContextVar[Graph | None] = ContextVar("lapwise_graph", default=None)


def building() -> Graph | None:
    """Return the graph being built in this thread or task, if one is."""
    return _BUILDING.get()


class Pipeline:
    """A function that calls steps; :meth:`lapwise.pipeline.Engine.run` runs it with the cache.

    Called directly, it runs like any function, and its steps too.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name: str = function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function plainly, or as part of the pipeline being read."""
        return self.function(*args, **kwargs)

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Graph, Any]:
        """Return the graph of a call, and what the function returned (with Laters in it)."""
        graph = Graph()
        mark = _BUILDING.set(graph)
        try:
            return graph, self.function(*args, **kwargs)
        finally:
            _BUILDING.reset(mark)


def pipeline(function: Callable[..., Any]) -> Pipeline:
    """Mark a function whose calls of steps are the edges of a pipeline.

    >>> from lapwise.pipeline import step
    >>> @step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @pipeline
    ... def quadruple(x: int) -> int:
    ...     return double(double(x))
    >>> quadruple(3)
    12
    """
    return Pipeline(function)


def substitute(value: Any, replace: Callable[[Later], Any]) -> Any:
    """Return a value with every Later in its lists, tuples and dicts replaced."""
    if isinstance(value, Later):
        return replace(value)
    if type(value) in {list, tuple}:
        return type(value)(substitute(part, replace) for part in value)
    if type(value) is dict:
        return {key: substitute(part, replace) for key, part in value.items()}
    return value


def _arity(function: Callable[..., Any]) -> int | None:
    """Return how many values a function says it returns, without evaluating its annotation."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    source = annotation if isinstance(annotation, str) else repr(annotation)
    try:
        tree = ast.parse(source.replace("<class '", "").replace("'>", ""), mode="eval").body
        if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
            tree = ast.parse(tree.value, mode="eval").body  # quoted, and future annotations too
    except SyntaxError:
        return None
    if not isinstance(tree, ast.Subscript) or ast.unparse(tree.value).rpartition(".")[2] not in {
        "tuple",
        "Tuple",
    }:
        return None
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    is_open = any(isinstance(part, ast.Constant) and part.value is ... for part in parts)
    return None if is_open else len(parts)
