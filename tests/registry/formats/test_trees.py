from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor

from lapwise.core.errors import ModelError
from lapwise.registry.formats.skops import dump, load
from lapwise.registry.formats.trees import check_trees
from tests.registry.examples import boosted_pipeline, small_labels, small_rows

NUMBERS = small_rows()["a", "b"].to_numpy()


def boosted() -> Any:
    return HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(NUMBERS, small_labels())


@pytest.mark.parametrize(
    "model",
    [
        boosted(),
        RandomForestClassifier(3, random_state=0).fit(NUMBERS, small_labels()),
        DecisionTreeRegressor(max_leaf_nodes=9).fit(NUMBERS, NUMBERS[:, 0]),
        boosted_pipeline(small_rows(), trees=3).fit(small_rows(), small_labels()),
        HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(
            np.abs(NUMBERS).round(), small_labels()
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_trees_as_they_were_trained_pass(model: Any) -> None:
    """Every tree that scikit-learn grows is in bounds."""
    check_trees(model)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 10_000), ("right", 10_000), ("left", 0), ("feature_idx", 2), ("feature_idx", -1)],
)
def test_a_boosted_tree_out_of_bounds_is_refused(field: str, value: int) -> None:
    """Children outside the tree, a loop, a feature outside the rows: refused when loaded."""
    model = boosted()
    model._predictors[1][0].nodes[field][0] = value
    content = dump(model)
    with pytest.raises(ModelError, match="outside its bounds"):
        load(content)


def test_categories_out_of_bounds_are_refused() -> None:
    """A categorical node must point at a set of categories that is there."""
    model = boosted()
    nodes = model._predictors[0][0].nodes
    nodes["is_categorical"][0] = 1
    nodes["bitset_idx"][0] = 7
    with pytest.raises(ModelError, match="outside its bounds"):
        check_trees(model)


@pytest.mark.parametrize("field", ["left_child", "right_child", "feature"])
def test_a_forest_out_of_bounds_is_refused(field: str) -> None:
    """The same for the trees of a forest, whatever width an inner tree claims."""
    forest = RandomForestClassifier(2, random_state=0).fit(NUMBERS, small_labels())
    tree = forest.estimators_[1]
    state = tree.tree_.__getstate__()
    nodes = state["nodes"].copy()
    nodes[field][0] = 5_000
    state["nodes"] = nodes
    tree.tree_.__setstate__(state)
    tree.n_features_in_ = 6_000
    with pytest.raises(ModelError, match="outside its bounds"):
        check_trees(forest)


def test_a_count_of_nodes_that_lies_is_refused() -> None:
    """A tree that claims more nodes than it holds would read past them."""
    model = DecisionTreeRegressor().fit(NUMBERS, NUMBERS[:, 0])
    state = model.tree_.__getstate__()
    model.tree_.__setstate__(state | {"node_count": state["node_count"] + 1})
    with pytest.raises(ModelError, match="outside its bounds"):
        check_trees(model)
