"""Acts when a library is imported, now or later, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TypeAlias

__all__ = ["ImportWatch"]

Act: TypeAlias = Callable[[ModuleType], None]


class ImportWatch(MetaPathFinder):
    """Calls a function once a module is imported: at once if it is already.

    The module's own loader does the loading, and is what the module names as its loader.
    """

    def __init__(self) -> None:
        self._acts: dict[str, Act] = {}
        self._seeking: set[str] = set()

    def watch(self, name: str, act: Act) -> None:
        """Call ``act`` with the module ``name``, now or when it has been imported."""
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if module is not None and not getattr(spec, "_initializing", False):
            act(module)
            return
        self._acts[name] = act
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._acts.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a watched module as all other finders do, and put a step after its loading."""
        if fullname not in self._acts or fullname in self._seeking:
            return None
        self._seeking.add(fullname)
        try:
            for finder in sys.meta_path:
                if finder is not self and (found := finder.find_spec(fullname, path, target)):
                    if found.loader is not None:
                        found.loader = _Following(found.loader, self, fullname)
                    return found
        finally:
            self._seeking.discard(fullname)
        return None

    def imported(self, module: ModuleType, name: str) -> None:
        """Act on a module that has just been loaded."""
        act = self._acts.pop(name, None)
        if act is not None:
            act(module)


class _Following(Loader):
    """Loads by another loader, then tells the watch."""

    def __init__(self, loader: Loader, watch: ImportWatch, name: str) -> None:
        self._loader = loader
        self._watch = watch
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Load the module, which sees its own loader and never this one."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._watch.imported(module, self._name)
