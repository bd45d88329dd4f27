"""Adam for the few numbers that a balancer learns."""

from typing import Any

from polytask.numeric.namespace import Namespace


def adam_state(start: Any) -> dict[str, Any]:
    """Return the moments and step counts before the first step.

    Args:
        start: The (T,) values to be learned.

    Returns:
        State entries, one number per task each.
    """
    return dict.fromkeys(("moment1", "moment2", "adam_steps"), start * 0.0)


def adam_step(
    ops: Namespace,
    gradient: Any,
    state: dict[str, Any],
    learning_rate: float,
    epsilon: float = 1e-8,
) -> tuple[Any, dict[str, Any]]:
    """Return what to add to the values, and the new state.

    Args:
        ops: `keras.ops` or NumPy's namespace.
        gradient: (T,) gradient.
        state: The entries made by `adam_state`; a task's moments are its own, so that
            an absent task stays where it was.
        learning_rate: Step size.
        epsilon: Added to the root of the second moment; 0 for gradients that have the
            scale of the losses. Defaults to 1e-8.

    Returns:
        (T,) change of the values, and the new entries.

    Source:
        D. Kingma, J. Ba (2015), Adam: a method for stochastic optimization.
    """
    steps = state["adam_steps"] + 1.0
    moment1 = 0.9 * state["moment1"] + 0.1 * gradient
    moment2 = 0.999 * state["moment2"] + 0.001 * gradient**2
    mean = moment1 / (1.0 - 0.9**steps)
    spread = ops.sqrt(moment2 / (1.0 - 0.999**steps))
    spread = ops.where(spread > 0, spread, 1.0) + epsilon
    change = -learning_rate * mean / spread
    return change, {"moment1": moment1, "moment2": moment2, "adam_steps": steps}
