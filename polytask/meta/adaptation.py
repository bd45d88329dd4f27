"""A new task for a trained model, from few rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_number
from polytask.errors import UserError, one_of
from polytask.meta.common_trunk import common_features, mean_head
from polytask.meta.few_rows import FewRows
from polytask.meta.fine_tuning import FineTuning
from polytask.meta.linear_head import (
    KINDS,
    LinearHead,
    fit_linear_head,
    predictions,
    row_losses,
)
from polytask.models.multi_task_model import MultiTaskModel

#: How a new task is learned, from what moves least to what moves most.
METHODS = ("linear", "head", "l2sp", "full")

#: λ of a linear head, in units of the mean squared length of the centered features.
RATIOS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)

#: λ of the distance from the start, for `"head"` and `"l2sp"`.
STRENGTHS = (1.0, 0.1, 0.01)


@dataclass(frozen=True)
class Candidate:
    """One way to learn the new task.

    Attributes:
        method: One of `METHODS`.
        strength: Of the pull toward the anchor or the start.
        anchor: What the new head is pulled to: `"zero"`, or `"mean"`, the mean of the
            trained heads.
        loss: Mean loss on held-out rows.
    """

    method: str
    strength: float
    anchor: str
    loss: float = float("nan")


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A model that has learned a new task, and how that was chosen.

    Attributes:
        model: The model with the new task, not compiled.
        chosen: The candidate that it was learned with.
        candidates: All that were compared, the best first.
        drift: Trained task → the part of its outputs' variance that changed.
        too_far: Better candidates that were not taken, each with the drift of the
            trained task that it changed most.
    """

    model: MultiTaskModel
    chosen: Candidate
    candidates: list[Candidate]
    drift: dict[str, float]
    too_far: list[tuple[Candidate, float]] = field(default_factory=list)


def adapt(
    model: MultiTaskModel, task: str, data: tuple[Any, Any], **options: Any
) -> MultiTaskModel:
    """Return a trained model with one more task, learned from few rows.

    Args:
        model: The trained model, which stays as it is.
        task: Name of the new task.
        data: Inputs and labels, as for `compare_adaptations`.
        **options: Further arguments of `compare_adaptations`, which also tells how the
            method was chosen.

    Returns:
        A new model with the trained tasks and the new one, not compiled; it saves and
        loads like any other.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((3,))
        >>> h = keras.layers.Dense(4, activation="tanh")(x)
        >>> model = polytask.MultiTaskModel(
        ...     x, {task: keras.layers.Dense(1)(h) for task in ("height", "weight")}
        ... )
        >>> rows = np.random.default_rng(0).normal(size=(20, 3))
        >>> labels = (rows[:, 0] > 0).astype(float)
        >>> options = {"kind": "binary", "method": "linear"}
        >>> polytask.meta.adapt(model, "sick", (rows, labels), **options).task_names
        ['height', 'weight', 'sick']
    """
    return compare_adaptations(model, task, data, **options).model


def compare_adaptations(
    model: MultiTaskModel,
    task: str,
    data: tuple[Any, Any],
    kind: str = "regression",
    method: str | Sequence[str] = "auto",
    classes: int | None = None,
    strengths: Sequence[float] = STRENGTHS,
    folds: int = 5,
    unlabeled: Any = None,
    most_drift: float = 0.05,
    steps: int = 100,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Adaptation:
    """Learn a new task for a trained model in several ways, and keep the best.

    The new head is a dense layer on the features that all trained heads read. The
    methods are

    - `"linear"`: the trunk stays, and the head is the exact minimum of its loss (of
      numbers half the squared error, as in ridge regression) plus λ/2 times its squared
      distance from zero or from the mean of the trained heads;
    - `"head"`: the trunk stays, and the head makes gradient steps from zero or the mean
      of the trained heads, with a pull back to there;
    - `"l2sp"`: from the linear head, trunk and head make gradient steps, and λ/2 times
      the squared distance from the start is added to the loss;
    - `"full"`: the same without the pull.

    Method, strength and anchor are those with the least loss in cross-validation. A
    candidate that moves the trunk changes what the trained tasks say; where it changes
    more than `most_drift` of the variance of one of their outputs, the next best is
    taken. Layers act as in inference: dropout is off, batch statistics stay.

    Args:
        model: The trained model, which stays as it is. It needs a common trunk.
        task: Name of the new task.
        data: Inputs as the model takes them, and labels (rows,): 0 and 1 for
            `"binary"`, numbers from 0 for `"multiclass"`, values of about unit scale
            for `"regression"`; NaN (integers: -1) where missing.
        kind: `"binary"`, `"multiclass"` or `"regression"`. Default: `"regression"`.
        method: One or several of the methods; `"auto"`: all but `"head"`, whose minimum
            `"linear"` finds exactly. Default: `"auto"`.
        classes: Number of classes of a `"multiclass"` task. Default: as many as its
            labels show.
        strengths: λ of `"head"` and `"l2sp"`, each at least 0; a linear head has its
            own, in units of its features. Default: 1, 0.1 and 0.01.
        folds: Of the cross-validation. Default: 5.
        unlabeled: Inputs of further rows on which the drift is measured. Default: the
            rows of `data` alone.
        most_drift: See above. Default: 0.05.
        steps: Gradient steps of Adam on all rows. Default: 100.
        learning_rate: Their rate. Default: 1e-3.
        seed: Of the folds.

    Returns:
        The model and how it was chosen.

    Raises:
        UserError: If the model has no common trunk or the task already, the labels are
            of one class only or fewer than the folds, an option is out of range, or
            every candidate drifts too far.

    Source:
        Li, Grandvalet, Davoine, "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", ICML 2018 (L2-SP); Rajeswaran et al., "Meta-Learning
        with Implicit Gradients", NeurIPS 2019; Kumar et al., "Fine-Tuning can Distort
        Pretrained Features and Underperform Out-of-Distribution", ICLR 2022 (the linear
        head first).
    """
    methods = _methods(method)
    most_drift = checked_number(most_drift, "most_drift", "adapt", at_least=0.0)
    learning_rate = checked_number(learning_rate, "learning_rate", "adapt", above=0.0)
    if not len(strengths):
        raise UserError("strengths is empty; give at least one number.")
    pulls = [checked_number(s, "strengths", "adapt", at_least=0.0) for s in strengths]
    if steps < 1:
        raise UserError(f"steps must be at least 1; found {steps}.")
    _check_task(model, task)
    rows = FewRows(data, task, kind, folds, seed, classes)
    work = _Adapter(model, task, rows, steps, learning_rate)
    candidates = sorted(work.compared(methods, pulls), key=lambda c: c.loss)
    everywhere = rows.x if unlabeled is None else _joined(rows.x, unlabeled)
    before = _outputs(model, everywhere)
    too_far: list[tuple[Candidate, float]] = []
    for candidate in candidates:
        learned = work.learned(candidate)
        drift = _drift(before, _outputs(learned, everywhere))
        if max(drift.values()) <= most_drift:
            return Adaptation(learned, candidate, candidates, drift, too_far)
        too_far.append((candidate, max(drift.values())))
    raise UserError(
        f"Every way to learn {task!r} changes the trained tasks by more than "
        f"most_drift={most_drift:g} (the least by {min(d for _, d in too_far):.3g}). "
        'Take the method "linear" or "head", which leave them as they are.'
    )


class _Adapter:
    """Fits the candidates.

    Args:
        model: The trained model.
        task: Name of the new task.
        rows: Its rows.
        steps: Gradient steps.
        learning_rate: Their rate.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        task: str,
        rows: FewRows,
        steps: int,
        learning_rate: float,
    ) -> None:
        self.model = keras.models.clone_model(model)
        self.model.set_weights(model.get_weights())
        self.names = model.task_names
        self.task = task
        self.rows = rows
        self.kind = KINDS[rows.kind]
        features = common_features(self.model)
        units = rows.classes if rows.kind == "multiclass" else 1
        self.layer = keras.layers.Dense(
            units, activation=self.kind.activation, name=_free_name(model, task)
        )
        self.single = MultiTaskModel(self.model.input, {task: self.layer(features)})
        self.features = _outputs(
            keras.Model(self.model.input, {task: features}), rows.x
        )[task].astype("float64")
        shape = (self.features.shape[1], units)
        self.anchors = {"zero": LinearHead(np.zeros(shape), np.zeros(units))}
        mean = mean_head(self.model, units, self.kind.activation)
        if mean is not None:
            self.anchors["mean"] = mean
        self.tuning = FineTuning(
            self.single, task, self.kind, self.layer, steps, learning_rate
        )

    def compared(
        self, methods: Sequence[str], strengths: Sequence[float]
    ) -> list[Candidate]:
        """Return the candidates of some methods with their held-out losses."""
        found = [self._scored(c) for c in self._linear()]
        best = min(found, key=lambda c: c.loss)
        self.start = best
        kept = found if "linear" in methods else []
        if "head" in methods:
            kept += [
                self._scored(Candidate("head", strength, anchor))
                for anchor in self.anchors
                for strength in strengths
            ]
        if "l2sp" in methods:
            kept += [
                self._scored(Candidate("l2sp", strength, best.anchor))
                for strength in strengths
            ]
        if "full" in methods:
            kept.append(self._scored(Candidate("full", 0.0, best.anchor)))
        return kept

    def learned(self, candidate: Candidate) -> MultiTaskModel:
        """Return the model after learning from all rows, until the next call."""
        self._fit(candidate, self.rows.labeled)
        # In the order of the model; a copy has its outputs in that of their names.
        outputs = {name: self.model.task_outputs[name] for name in self.names}
        outputs[self.task] = self.single.task_outputs[self.task]
        return MultiTaskModel(self.model.input, outputs, name=self.model.name)

    def _linear(self) -> Iterator[Candidate]:
        features = self.features[self.rows.labeled]
        spread = np.mean(np.sum((features - features.mean(axis=0)) ** 2, axis=1))
        # Constant features leave the bias alone, whatever the strength.
        scale = spread if spread > 0 else 1.0
        for anchor in self.anchors:
            for ratio in RATIOS:
                yield Candidate("linear", float(ratio * scale), anchor)

    def _scored(self, candidate: Candidate) -> Candidate:
        losses = []
        for train, test in self.rows.splits():
            outputs = self._fit(candidate, train)[test]
            losses.append(row_losses(self.kind, self.rows.labels[test], outputs))
        loss = float(np.mean(np.concatenate(losses)))
        return Candidate(candidate.method, candidate.strength, candidate.anchor, loss)

    def _fit(self, candidate: Candidate, train: np.ndarray) -> np.ndarray:
        """Learn from some rows and return the outputs (rows, units) on all."""
        anchor = self.anchors[candidate.anchor]
        if candidate.method == "head":
            start = anchor
        else:
            linear = candidate if candidate.method == "linear" else self.start
            start = fit_linear_head(
                self.kind,
                self.features[train],
                self.rows.labels[train],
                linear.strength,
                anchor,
                free_bias=candidate.anchor == "zero",
            )
        self.tuning.restart(start)
        if candidate.method == "linear":
            return predictions(self.kind, start.scores(self.features))
        self.tuning.fit(
            self.rows.x,
            self.rows.masked(train),
            candidate.strength,
            whole=candidate.method != "head",
        )
        return _outputs(self.single, self.rows.x)[self.task].astype("float64")


def _methods(method: str | Sequence[str]) -> list[str]:
    if isinstance(method, str):
        one_of("method", method, ("auto", *METHODS))
        return ["linear", "l2sp", "full"] if method == "auto" else [method]
    asked = list(method)
    for one in asked or [""]:
        one_of("method", one, METHODS)
    return asked


def _check_task(model: Any, task: str) -> None:
    if not isinstance(model, MultiTaskModel):
        raise UserError(
            "adapt needs a polytask.MultiTaskModel; found "
            f"{type(model).__name__}. MultiTaskModel.from_model makes one of it."
        )
    if task in model.task_names:
        raise UserError(
            f'The model has the task "{task}" already; its tasks are '
            f"{', '.join(model.task_names)}."
        )


def _free_name(model: keras.Model, task: str) -> str:
    """Return a name for the new layer that no other has."""
    plain = "".join(c if c.isalnum() else "_" for c in task)
    taken = {layer.name for layer in model.layers}
    name, number = f"{plain}_head", 2
    while name in taken:
        name, number = f"{plain}_head_{number}", number + 1
    return name


def _outputs(model: keras.Model, x: Any) -> dict[str, np.ndarray]:
    """Return output name → values, called directly: there are few rows."""
    found = model(keras.tree.map_structure(ops.convert_to_tensor, x), training=False)
    return {name: ops.convert_to_numpy(value) for name, value in found.items()}


def _joined(x: Any, more: Any) -> Any:
    """Return rows of inputs below others."""
    return keras.tree.map_structure(
        lambda a, b: np.concatenate([a, np.asarray(b, a.dtype)]), x, more
    )


def _drift(
    before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> dict[str, float]:
    """Return for each trained task how much of its outputs' variance changed."""
    drift = {}
    for task, old in before.items():
        change = float(np.mean((after[task] - old) ** 2))
        variance = float(np.mean((old - old.mean(axis=0)) ** 2))
        # Outputs that never vary have no scale of their own.
        drift[task] = change / variance if variance > 0 else change
    return drift
