"""The gradient of validation losses by the strengths of penalties."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask._types import Tensor, Variable
from polytask.errors import UserError, one_of
from polytask.knob import Knob, bound, knobs_in
from polytask.models.multi_task_model import MultiTaskModel
from polytask.optimizers.kernel_stack import stack_kernels
from polytask.regularizers import L1, ElasticNet, WeightedL1, parts_of
from polytask.regularizers.as_proximal import as_proximal
from polytask.training.compiled_function import compiled_function
from polytask.training.functional import losses_at, value_and_gradients, values_of

#: How the weights are taken to follow the strengths.
METHODS = ("implicit", "one_step")

# Penalties whose corners are where single weights are 0.
_ENTRYWISE = (L1, ElasticNet, WeightedL1)


class HypergradientSolver:
    """Computes hypergradients of one model, compiled once.

    Args:
        model: A compiled model.
        knobs: What is differentiated by; None for all that can be.
        method: One of `METHODS`.
        rate: α of one step.
        damping: Added to the curvature.
        iterations: The most conjugate gradients.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        knobs: Sequence[Knob] | None,
        method: str,
        rate: float,
        damping: float,
        iterations: int,
    ) -> None:
        owner = "hypergradients"
        if not isinstance(model, MultiTaskModel) or not model.compiled:
            raise UserError(
                "A strength is learned with a compiled polytask.MultiTaskModel: "
                f"model.compile(optimizer, loss=...); found {type(model).__name__}."
            )
        one_of(f"{owner}: method", method, METHODS)
        self.implicit = method == "implicit"
        self.rate = checked_number(rate, "rate", owner, above=0.0)
        self.damping = checked_number(damping, "damping", owner, at_least=0.0)
        self.iterations = checked_count(iterations, "iterations", owner)
        self.model, self.plan = model, model.step_plan
        self.variables: list[Variable] = model.trainable_variables
        self.knobs = _chosen(_acting(model), knobs)
        self.names = [knob.name for knob in self.knobs]
        if self.implicit:
            _check_penalties(model)
        self._slope = compiled_function(self._objective_slope)
        self._outer = compiled_function(self._validation_slope)
        self._curved = compiled_function(self._curvature)
        self._mixed = compiled_function(self._mixed_slope)

    def __call__(self, data: Any, validation: Any) -> tuple[float, np.ndarray]:
        """Return the validation loss and its gradient by the strengths.

        Args:
            data: Training rows, tensors.
            validation: Rows held out, tensors.
        """
        values = values_of(self.variables)
        strengths = values_of(self.knobs)
        loss, counts, slope = self._outer(values, validation)
        if not np.any(ops.convert_to_numpy(counts) > 0):
            raise UserError("The validation rows have no label of any task.")
        if self.implicit:
            way = self._solved(values, strengths, data, slope)
        else:
            descent = self._slope(values, strengths, data)
            moved = [v - self.rate * g for v, g in zip(values, descent, strict=True)]
            _, _, after = self._outer(moved, validation)
            way = [self.rate * g for g in after]
        mixed = self._mixed(values, strengths, data, way)
        return float(loss), -np.array([float(m) for m in mixed])

    def _objective(
        self, values: list[Tensor], strengths: list[Tensor], data: Any
    ) -> Tensor:
        """Return F: losses, penalties of weights, and task structures."""
        value_of = {id(v): w for v, w in zip(self.variables, values, strict=True)}
        with bound(zip(self.knobs, strengths, strict=True)):
            losses, _ = losses_at(self.model, self.variables, values, data)
            total = ops.sum(losses)
            for variable in self.variables:
                if variable.regularizer is not None:
                    total = total + variable.regularizer(value_of[id(variable)])
            for structure, kernels in self.plan.structures:
                own = [value_of[id(kernel)] for kernel in kernels]
                total = total + structure(stack_kernels(own, structure))
        return total

    def _objective_slope(
        self, values: list[Tensor], strengths: list[Tensor], data: Any
    ) -> list[Tensor]:
        def objective(values: list[Tensor]) -> tuple[Tensor, tuple[()]]:
            return self._objective(values, strengths, data), ()

        return value_and_gradients(objective, values)[1]

    def _validation_slope(
        self, values: list[Tensor], validation: Any
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        def outer(values: list[Tensor]) -> tuple[Tensor, Tensor]:
            losses, counts = losses_at(
                self.model, self.variables, values, validation, weighted=False
            )
            return ops.sum(losses), counts

        (loss, counts), slope = value_and_gradients(outer, values)
        return loss, counts, slope

    def _slope_along(
        self,
        values: list[Tensor],
        strengths: list[Tensor],
        data: Any,
        way: list[Tensor],
    ) -> tuple[Tensor, tuple[()]]:
        """Return how F rises along a way, for its derivatives."""
        slope = self._objective_slope(values, strengths, data)
        return _product(slope, way), ()

    def _curvature(
        self,
        values: list[Tensor],
        strengths: list[Tensor],
        data: Any,
        way: list[Tensor],
    ) -> list[Tensor]:
        """Return H way."""
        return value_and_gradients(
            lambda moved: self._slope_along(moved, strengths, data, way), values
        )[1]

    def _mixed_slope(
        self,
        values: list[Tensor],
        strengths: list[Tensor],
        data: Any,
        way: list[Tensor],
    ) -> list[Tensor]:
        """Return the gradient by the strengths of F's slope along a way."""
        return value_and_gradients(
            lambda moved: self._slope_along(values, moved, data, way), strengths
        )[1]

    def _solved(
        self,
        values: list[Tensor],
        strengths: list[Tensor],
        data: Any,
        slope: list[Tensor],
    ) -> list[Tensor]:
        """Return H⁻¹ slope, where weights at the corner of a penalty do not move."""
        free = np.concatenate(
            [
                np.ravel(ops.convert_to_numpy(w) != 0)
                if any(as_proximal(p) is not None for p in parts_of(v.regularizer))
                else np.ones(np.prod(v.shape, dtype=int), bool)
                for v, w in zip(self.variables, values, strict=True)
            ]
        )

        def curved(flat: np.ndarray) -> np.ndarray:
            way = _unflattened(np.where(free, flat, 0.0), values)
            product = _flattened(self._curved(values, strengths, data, way))
            return np.where(free, product, 0.0) + self.damping * flat

        target = np.where(free, _flattened(slope), 0.0)
        return _unflattened(
            _conjugate_gradients(curved, target, self.iterations), values
        )


def _conjugate_gradients(
    curved: Callable[[np.ndarray], np.ndarray], target: np.ndarray, iterations: int
) -> np.ndarray:
    """Return the solution of curved(x) = target, for a positive definite `curved`."""
    x, residual = np.zeros_like(target), target.copy()
    way, size = residual.copy(), float(residual @ residual)
    # What products in single precision can resolve.
    enough = 1e-5 * np.sqrt(size)
    for _ in range(iterations):
        if np.sqrt(size) <= enough:
            return x
        product = curved(way)
        bend = float(way @ product)
        if not bend > 0:
            raise UserError(
                "The training loss is not convex at these weights (curvature "
                f"{bend / float(way @ way):.3g} along a way): an implicit "
                "hypergradient needs a minimum. Train longer, give damping above that "
                'number, or take method="one_step".'
            )
        x += size / bend * way
        residual -= size / bend * product
        before, size = size, float(residual @ residual)
        way = residual + size / before * way
    if np.sqrt(size) <= enough:
        return x
    raise UserError(
        f"The implicit hypergradient did not converge in {iterations} iterations "
        f"(residual {np.sqrt(size) / np.linalg.norm(target):.2g}); give more of them, "
        'some damping, or take method="one_step".'
    )


def _penalties(model: MultiTaskModel) -> list[Any]:
    """Return the penalties of weights, sums by part, and the task structures."""
    return [
        *(
            part
            for v in model.trainable_variables
            if v.regularizer is not None
            for part in parts_of(v.regularizer)
        ),
        *(structure for structure, _ in model.step_plan.structures),
    ]


def _acting(model: MultiTaskModel) -> list[Knob]:
    """Return the knobs of what training adds to the losses, and of their weights."""
    inside = itertools.chain.from_iterable(map(knobs_in, _penalties(model)))
    weights = [w for w in model.step_plan.loss_weights if isinstance(w, Knob)]
    return list({id(knob): knob for knob in (*inside, *weights)}.values())


def _chosen(acting: list[Knob], knobs: Sequence[Knob] | None) -> list[Knob]:
    chosen = acting if knobs is None else list(knobs)
    if not chosen:
        raise UserError(
            "The model has no strength to learn: give a penalty of a weight, the task "
            "structure or a loss weight a polytask.Knob, as in "
            'polytask.regularizers.L2(polytask.Knob(0.01, name="l2")).'
        )
    known = {id(knob) for knob in acting}
    for knob in chosen:
        if id(knob) not in known:
            raise UserError(
                f"{knob!r} is no strength of a penalty of a weight, of the task "
                "structure or of a loss of the model; those are "
                f"{', '.join(k.name for k in acting) or 'none'}."
            )
    names = [knob.name for knob in chosen]
    if len(set(names)) < len(names):
        raise UserError(
            f"Two knobs have the same name, so that results cannot tell them apart: "
            f"{', '.join(names)}. Name them: polytask.Knob(0.01, name=...)."
        )
    return chosen


def _check_penalties(model: MultiTaskModel) -> None:
    """Refuse penalties whose corners are not where single weights are 0."""
    for penalty in _penalties(model):
        corner = as_proximal(penalty)
        if corner is not None and not isinstance(corner, _ENTRYWISE):
            raise UserError(
                f"{type(penalty).__name__} is neither smooth nor made of single "
                'weights, which method="implicit" needs; take method="one_step".'
            )


def _product(some: list[Tensor], others: list[Tensor]) -> Tensor:
    return sum(
        (ops.sum(a * b) for a, b in zip(some, others, strict=True)), ops.zeros(())
    )


def _flattened(parts: list[Tensor]) -> np.ndarray:
    flat = [np.ravel(ops.convert_to_numpy(part)) for part in parts]
    return np.concatenate(flat).astype("float64")


def _unflattened(flat: np.ndarray, like: list[Tensor]) -> list[Tensor]:
    ends = np.cumsum([np.prod(part.shape, dtype=int) for part in like])[:-1]
    return [
        ops.convert_to_tensor(np.reshape(own, part.shape), "float32")
        for own, part in zip(np.split(flat, ends), like, strict=True)
    ]
