"""What a balancer promises, as tests to inherit."""

from typing import Any

import numpy as np
from keras import ops

from polytask import balancing
from polytask.balancing import Balancer
from polytask.testing.compiled_weights import compiled_weights
from polytask.testing.graded_gradients import graded_gradients, gramian_of

_TASKS = 5
_SCALES = (1e-6, 1e-3, 1e3, 1e6)
_LOSSES = np.array([1.0, 0.5, 2.0, 0.3, 0.7], "float32")
# Of these the smallest eigenvalue is far from rounding.
_WELL_POSED = ("orthogonal", "random", "aligned", "norms from 0.01 to 100")


class BalancerContract:
    """Tests for pytest: a class that inherits them runs them on its own balancer.

    For balancers that need the losses or the Gramian. Override `make`; say by the
    attributes where the method is known to be different.

    Attributes:
        degree: The weights for gradients s times as long are s ** degree times as
            large. None: no such law. Defaults to 0.
        deterministic: Whether the weights depend on the losses and the Gramian alone,
            and not on an order or a random number. Defaults to True.
        sums_orthonormal: Whether orthonormal gradients with equal losses get weights
            of one; false for weights drawn at random. Defaults to True.
        hurts_no_task: Whether no task's loss grows along the direction, to first
            order. Defaults to False.
        slack: Relative accuracy of the weights. Defaults to 2e-5.

    Example:
        >>> from polytask.balancing import MGDA
        >>> class TestMGDA(BalancerContract):
        ...     hurts_no_task = True
        ...
        ...     def make(self):
        ...         return MGDA()
        >>> TestMGDA().test_the_configuration_rebuilds_the_balancer()
    """

    degree: float | None = 0.0
    deterministic = True
    sums_orthonormal = True
    hurts_no_task = False
    slack = 2e-5

    def make(self) -> Balancer:
        """Return a new balancer, not yet built."""
        raise TypeError(f"{type(self).__name__} does not define `make`.")

    def test_orthonormal_gradients_with_equal_losses_get_ones(self) -> None:
        """Another balancer does not change the learning rate by stealth."""
        if not self.sums_orthonormal:
            return
        weights = self._weights(np.eye(_TASKS))
        np.testing.assert_allclose(weights, 1.0, rtol=self.slack)

    def test_weights_are_finite_for_any_gradients_of_any_scale(self) -> None:
        """No gradients, however degenerate, break the method or make it skip."""
        for kind, jacobian in graded_gradients().items():
            for scale in (*_SCALES, 1.0):
                balancer = self._fresh()
                gramian = gramian_of(scale * jacobian)
                weights = self._weights(gramian, balancer=balancer)
                assert np.isfinite(weights).all(), (kind, scale)
                assert float(balancer.skipped_steps.value) == 0, (kind, scale)

    def test_scale_changes_nothing_but_the_known_factor(self) -> None:
        """No tolerance is absolute."""
        if self.degree is None:
            return
        for kind in _WELL_POSED:
            jacobian = graded_gradients()[kind]
            plain = self._weights(gramian_of(jacobian))
            for scale in _SCALES:
                scaled = self._weights(gramian_of(scale * jacobian))
                self._assert_close(scaled / scale**self.degree, plain, (kind, scale))

    def test_permuting_the_tasks_permutes_the_weights(self) -> None:
        """No task is preferred for its place."""
        if not self.deterministic:
            return
        order = np.array([3, 0, 4, 2, 1])
        for kind in _WELL_POSED:
            jacobian = graded_gradients()[kind]
            plain = self._weights(gramian_of(jacobian), _LOSSES)
            moved = self._weights(gramian_of(jacobian[order]), _LOSSES[order])
            self._assert_close(moved, plain[order], kind)

    def test_the_direction_hurts_no_task(self) -> None:
        """No gradient has a negative product with the direction."""
        if not self.hurts_no_task:
            return
        for kind in (*_WELL_POSED, "duplicate", "zero row", "nearly parallel"):
            jacobian = graded_gradients()[kind]
            direction = self._weights(gramian_of(jacobian)) @ jacobian
            norms = np.linalg.norm(jacobian, axis=1)
            reach = max(np.linalg.norm(direction), norms.min())
            assert (jacobian @ direction >= -2e-6 * norms * reach).all(), kind

    def test_an_absent_task_is_removed_and_not_taken_for_zero(self) -> None:
        """The weights of two tasks among five are those of the two alone."""
        present = np.array([False, False, True, True, False])
        gramian = gramian_of(graded_gradients()["norms from 0.01 to 100"])
        pair = gramian[2:4, 2:4].copy()
        gramian[~present] = np.nan
        gramian[:, ~present] = np.nan
        losses = np.where(present, _LOSSES, np.nan)
        among = self._weights(gramian, losses, present)
        assert (among[~present] == 0).all()
        if self.deterministic:
            alone = self._weights(pair, _LOSSES[2:4])
            self._assert_close(among[present], alone, "two of five")

    def test_the_state_of_an_absent_task_stays(self) -> None:
        """What is remembered of a task moves only with the task."""
        balancer = self._fresh()
        gramian = gramian_of(graded_gradients()["random"])
        self._weights(gramian, _LOSSES, balancer=balancer)
        before = _state_of(balancer)
        present = np.array([True, True, False, True, True])
        self._weights(gramian, 0.7 * _LOSSES, present, balancer)
        for old, new in zip(before, _state_of(balancer), strict=True):
            if old.shape[:1] == (_TASKS,):
                np.testing.assert_array_equal(new[2], old[2])
            if old.shape == (_TASKS, _TASKS):
                np.testing.assert_array_equal(new[:, 2], old[:, 2])

    def test_a_step_that_is_not_finite_is_skipped_and_counted(self) -> None:
        """Its weights are zero and nothing is remembered of it."""
        gramian = gramian_of(graded_gradients()["random"])
        for bad in (np.nan, np.inf):
            balancer = self._fresh()
            self._weights(gramian, _LOSSES, balancer=balancer)
            before = _state_of(balancer)
            losses = np.where(np.arange(_TASKS) == 1, bad, _LOSSES)
            assert (self._weights(gramian, losses, balancer=balancer) == 0).all()
            self._assert_unmoved(balancer, before, skipped=1)
            after = self._weights(gramian, _LOSSES, balancer=balancer)
            assert np.isfinite(after).all()

    def test_a_gramian_that_is_not_finite_is_skipped_and_counted(self) -> None:
        """As a loss that is not finite, where the method reads the Gramian."""
        if self.make().requires != "gramian":
            return
        balancer = self._fresh()
        before = _state_of(balancer)
        gramian = np.full((_TASKS, _TASKS), np.nan)
        assert (self._weights(gramian, balancer=balancer) == 0).all()
        self._assert_unmoved(balancer, before, skipped=1)

    def test_without_any_task_nothing_moves(self) -> None:
        """A batch without labels gives zeros, and is no skipped step."""
        balancer = self._fresh()
        before = _state_of(balancer)
        nothing = np.full(_TASKS, np.nan)
        absent = np.zeros(_TASKS, bool)
        weights = self._weights(np.eye(_TASKS), nothing, absent, balancer)
        assert (weights == 0).all()
        self._assert_unmoved(balancer, before, skipped=0)

    def test_the_configuration_rebuilds_the_balancer(self) -> None:
        """`deserialize(serialize(balancer))` is the same balancer."""
        balancer = self.make()
        again = balancing.deserialize(balancing.serialize(balancer))
        assert type(again) is type(balancer)
        assert again.get_config() == balancer.get_config()

    def _fresh(self, tasks: int = _TASKS) -> Balancer:
        """Return a built balancer in its first state; it is compiled only once."""
        known = _COMPILED.setdefault(type(self), {})
        if tasks not in known:
            balancer = self.make()
            balancer.build(tasks)
            start = [np.array(ops.convert_to_numpy(v)) for v in balancer.variables]
            known[tasks] = (balancer, compiled_weights(balancer), start)
        balancer, _, start = known[tasks]
        for variable, value in zip(balancer.variables, start, strict=True):
            variable.assign(value)
        return balancer

    def _weights(
        self,
        gramian: Any,
        losses: Any = None,
        present: Any = None,
        balancer: Balancer | None = None,
    ) -> np.ndarray:
        """Return the weights in float64, of a new balancer where none is given."""
        tasks = len(gramian)
        if balancer is None:
            self._fresh(tasks)
        _, step, _ = _COMPILED[type(self)][tasks]
        losses = np.ones(tasks) if losses is None else losses
        present = np.ones(tasks, bool) if present is None else present
        weights = step(
            ops.convert_to_tensor(np.asarray(losses, "float32")),
            ops.convert_to_tensor(np.asarray(gramian, "float32")),
            ops.convert_to_tensor(np.asarray(present)),
        )
        return np.asarray(ops.convert_to_numpy(weights), "float64")

    def _assert_close(
        self, weights: np.ndarray, expected: np.ndarray, case: Any
    ) -> None:
        slack = self.slack * np.abs(expected).max()
        np.testing.assert_allclose(
            weights, expected, rtol=self.slack, atol=slack, err_msg=str(case)
        )

    def _assert_unmoved(
        self, balancer: Balancer, before: list[np.ndarray], skipped: int
    ) -> None:
        for old, new in zip(before, _state_of(balancer), strict=True):
            np.testing.assert_array_equal(new, old)
        assert float(balancer.skipped_steps.value) == skipped


# Class → number of tasks → balancer, its compiled `weights`, its first state.
_COMPILED: dict[type, dict[int, tuple[Balancer, Any, list[np.ndarray]]]] = {}


def _state_of(balancer: Balancer) -> list[np.ndarray]:
    """Return copies of the state, without the counter of skipped steps."""
    counter = balancer.skipped_steps
    return [
        np.array(ops.convert_to_numpy(v))
        for v in balancer.variables
        if v is not counter
    ]
