"""Bounds of trees: compiled prediction follows their indices without looking.

scikit-learn's own loading checks shapes, not content, so a crafted file could read outside its
memory at the first prediction (scikit-learn pull request 34558). Children must come after their
parent, inside the tree, and features inside the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lapwise.core.errors import ModelError

__all__ = ["check_trees"]


def check_trees(model: object) -> None:
    """Check each tree in a loaded model.

    Raises:
        ModelError: a tree points outside itself or outside the rows it will be given.
    """
    for part in _parts(model):
        kind = type(part)
        if not hasattr(part, "n_features_in_"):
            continue  # the unfitted template that an ensemble copies for each of its trees
        if kind.__module__ == "sklearn.ensemble._forest":
            for tree in part.estimators_:  # a forest checks the rows once, for all of its trees
                _check_tree(tree.tree_, part.n_features_in_)
        elif kind.__module__ == "sklearn.tree._classes":
            _check_tree(part.tree_, part.n_features_in_)
        elif kind.__name__.startswith("HistGradientBoosting"):
            width = part.n_features_in_
            for predictor in (one for many in part._predictors for one in many):  # noqa: SLF001
                _check_predictor(predictor, width)


def _check_tree(tree: Any, features: int) -> None:
    import numpy as np

    if tree.node_count != tree.capacity or tree.node_count < 1:
        raise _outside("nodes")
    left, right = tree.children_left, tree.children_right
    inner = left != -1
    _check_children(left[inner], right[inner], np.flatnonzero(inner), tree.node_count)
    _check_range(tree.feature[inner], features)


def _check_predictor(predictor: Any, features: int) -> None:
    import numpy as np

    nodes = predictor.nodes
    if nodes.ndim != 1 or len(nodes) < 1:
        raise _outside("nodes")
    inner = nodes["is_leaf"] == 0
    where = np.flatnonzero(inner)
    _check_children(nodes["left"][inner], nodes["right"][inner], where, len(nodes))
    _check_range(nodes["feature_idx"][inner], features)
    chosen = nodes[inner & (nodes["is_categorical"] != 0)]
    _check_range(chosen["bitset_idx"], len(predictor.raw_left_cat_bitsets))


def _check_children(left: Any, right: Any, parent: Any, count: int) -> None:
    # A child after its parent also means that every walk ends.
    for child in (left, right):
        if len(child) and not ((child > parent).all() and int(child.max()) < count):
            raise _outside("children")


def _check_range(values: Any, count: int) -> None:
    if len(values) and not (int(values.min()) >= 0 and int(values.max()) < count):
        raise _outside("features")


def _parts(model: object) -> Iterator[Any]:
    """Yield every scikit-learn object that a model is made of."""
    seen: set[int] = set()
    stack: list[Any] = [model]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, list | tuple):
            stack.extend(part)
        elif type(part).__name__ == "ndarray" and part.dtype == object:
            stack.extend(part.ravel().tolist())
        elif hasattr(part, "__dict__") and not isinstance(part, type):
            yield part
            stack.extend(vars(part).values())


def _outside(what: str) -> ModelError:
    return ModelError(
        f"the model file has a tree with {what} outside its bounds",
        expected="indices inside the tree and the rows",
        fix="take the file from the registry again, or package the model anew",
    )
