"""Which single-task models of other kinds a study has, and what each of them tries."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from polytask_options.option import option
from polytask_options.place import Place
from polytask_options.values import Choice, Choices, Integer, Kind, Number, Texts

#: Kinds that need no package of their own.
USUAL_BASELINES = ("constant", "linear", "trees", "svm")
BASELINES = (*USUAL_BASELINES, "lightgbm")

#: Parameter → the values that are tried.
GridValues = tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True)
class Grid(Kind):
    """Values of a model's parameters, of which every combination is fitted.

    Args:
        kinds: Parameter → what one value may be.
        usual: What is tried where a study does not say it.
    """

    kinds: Mapping[str, Kind]
    usual: GridValues
    metavar = "{...}"

    @property
    def accepted(self) -> str:
        """The parameters."""
        return f"a table with lists of values for {', '.join(self.kinds)}"

    def accepts(self, value: Any) -> bool:
        """Return whether it is a table."""
        return isinstance(value, Mapping)

    def read(self, value: Any, key: str, place: Place) -> GridValues:
        """Return the values; a parameter that is left out keeps its usual ones."""
        table, inner = super().read(value, key, place), place.inside(key)
        inner.refuse_unknown(table, self.kinds)
        asked = {}
        for name, values in table.items():
            kind = self.kinds[name]
            if not isinstance(values, list) or not values:
                accepted = f"a list with at least one value, each {kind.accepted}"
                raise inner.refused(name, values, accepted)
            asked[name] = tuple(kind.read(one, name, inner) for one in values)
        return tuple({**dict(self.usual), **asked}.items())


@dataclass(frozen=True)
class _Width(Number):
    """The width of a kernel."""

    rules = ("scale", "auto")

    @property
    def accepted(self) -> str:
        """The range and the rules."""
        return f"{super().accepted}, or one of {', '.join(self.rules)}"

    def accepts(self, value: Any) -> bool:
        """Return whether it is in the range or a rule of scikit-learn's."""
        return Choice(self.rules).accepts(value) or super().accepts(value)

    def kept(self, value: Any) -> Any:
        """Return a float or the rule."""
        return value if isinstance(value, str) else float(value)


_POSITIVE = Number(positive=True)
_LINEAR = Grid({"strength": _POSITIVE}, (("strength", (0.01, 0.1, 1.0, 10.0, 100.0)),))
_TREES = Grid(
    {
        "learning_rate": _POSITIVE,
        "max_leaf_nodes": Integer(2),
        "min_samples_leaf": Integer(1),
        "l2_regularization": Number(),
    },
    (("learning_rate", (0.05, 0.15)), ("max_leaf_nodes", (7, 31))),
)
_SVM = Grid(
    {"C": _POSITIVE, "gamma": _Width(positive=True)},
    (("C", (1.0, 10.0, 100.0)), ("gamma", ("scale", "auto", 0.1))),
)
_LIGHTGBM = Grid(
    {
        "n_estimators": Integer(1),
        "learning_rate": _POSITIVE,
        "num_leaves": Integer(2),
        "min_child_samples": Integer(1),
        "reg_lambda": Number(),
    },
    (
        ("n_estimators", (100, 300)),
        ("learning_rate", (0.05, 0.15)),
        ("num_leaves", (7, 31)),
    ),
)


@dataclass(frozen=True)
class Baselines:
    """Single-task models of other kinds, beside the single-task networks."""

    models: tuple[str, ...] = option(
        USUAL_BASELINES,
        Choices(BASELINES),
        "which kinds every task is compared with; lightgbm needs the extra of its name",
    )
    networks: tuple[str, ...] | None = option(
        None,
        Texts(),
        "variants that are also trained on each task alone; all, if not given",
        later=True,
    )
    linear: GridValues = option(
        _LINEAR.usual, _LINEAR, "strengths of the linear model that are tried"
    )
    trees: GridValues = option(
        _TREES.usual, _TREES, "settings of scikit-learn's boosted trees that are tried"
    )
    svm: GridValues = option(_SVM.usual, _SVM, "settings of the RBF-SVM that are tried")
    lightgbm: GridValues = option(
        _LIGHTGBM.usual, _LIGHTGBM, "settings of LightGBM that are tried"
    )

    def grid(self, model: str) -> dict[str, list[Any]]:
        """Return parameter → values that a kind of model tries.

        Example:
            >>> Baselines().grid("trees")
            {'learning_rate': [0.05, 0.15], 'max_leaf_nodes': [7, 31]}
        """
        pairs: GridValues = () if model == "constant" else getattr(self, model)
        return {name: list(values) for name, values in pairs}

    def settings(self, model: str) -> list[dict[str, Any]]:
        """Return every setting that a kind of model tries.

        Example:
            >>> Baselines().settings("linear")[:2], Baselines().settings("constant")
            ([{'strength': 0.01}, {'strength': 0.1}], [{}])
        """
        grid = self.grid(model)
        return [dict(zip(grid, one, strict=True)) for one in product(*grid.values())]
