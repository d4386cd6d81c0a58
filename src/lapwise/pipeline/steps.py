"""``@step``: a function whose results may be kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, overload

from lapwise.core.errors import DeclarationError
from lapwise.pipeline.graph import building

__all__ = ["Step", "step"]


class Step:
    """A function with what it depends on beyond its code.

    Called outside a pipeline it simply runs; called while a ``@pipeline`` function is being read
    it becomes a node of the graph and runs later, or not at all.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        files: tuple[str, ...],
        env: tuple[str, ...],
        packages: tuple[str, ...],
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name: str = getattr(function, "__name__", type(function).__name__)
        self.files = files
        self.env = env
        self.packages = packages

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function, or become a node of the pipeline being read."""
        graph = building()
        return (
            graph.add(self, args, kwargs) if graph is not None else self.function(*args, **kwargs)
        )

    def __repr__(self) -> str:
        return f"<step {self.name}>"


@overload
def step(function: Callable[..., Any]) -> Step: ...


@overload
def step(
    *, files: Sequence[str] = (), env: Sequence[str] = (), packages: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Step]: ...


def step(
    function: Callable[..., Any] | None = None,
    *,
    files: Sequence[str] = (),
    env: Sequence[str] = (),
    packages: Sequence[str] = (),
) -> Step | Callable[[Callable[..., Any]], Step]:
    """Mark a function as a step of pipelines.

    Args:
        function: the function, when used as plain ``@step``.
        files: files and folders, relative to the project's root, whose content it depends on.
        env: environment variables whose values it depends on.
        packages: import names of libraries that it uses without naming them in its code.

    Returns:
        the step, to be called as the function was.

    Raises:
        DeclarationError: a declaration is not a list of names.

    >>> @step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(21)
    42
    """
    names: dict[str, object] = {"files": files, "env": env, "packages": packages}
    for name, given in names.items():
        if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
            raise DeclarationError(
                f"@step({name}=...) is not a list of names", value=given, expected=f'{name}=["..."]'
            )

    def mark(marked: Any) -> Step:
        if not callable(marked) or isinstance(marked, Step):
            raise DeclarationError("@step marks a function, once", value=marked)
        return Step(marked, tuple(files), tuple(env), tuple(packages))

    return mark if function is None else mark(function)
