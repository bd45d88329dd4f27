"""Mean relative improvement over single-task baselines."""

from collections.abc import Mapping

from polytask.errors import UserError


def delta_m(
    values: Mapping[str, float],
    baselines: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
    scales: Mapping[str, float] | None = None,
) -> float:
    """Return Δm in percent: positive where the multi-task model is better.

    Δm = 100 / T · Σ_t s_t (M_t − B_t) / |B_t|, with s_t = 1 where more is better,
    else −1.

    Args:
        values: Task → metric of the multi-task model.
        baselines: Task → the same metric of the task's single-task model.
        higher_is_better: Task → direction of its metric.
        scales: Task → what to divide by instead of |B_t|, such as the baseline's
            mean over seeds when single seeds are compared.

    Returns:
        The mean over tasks, in percent; NaN where a metric is NaN.

    Raises:
        UserError: If the tasks differ or a divisor is zero.

    Source:
        Maninis, Radosavovic and Kokkinos, "Attentive Single-Tasking of Multiple
        Tasks", CVPR 2019.

    Example:
        >>> better = {"a": True, "b": False}
        >>> round(delta_m({"a": 0.9, "b": 2.0}, {"a": 0.8, "b": 1.6}, better), 2)
        -6.25
    """
    if set(values) != set(baselines) or not values:
        raise UserError(
            "delta_m needs the same tasks in values and baselines; found "
            f"{sorted(values)} and {sorted(baselines)}."
        )
    total = 0.0
    for task, value in values.items():
        scale = abs((scales or baselines)[task])
        if scale == 0:
            raise UserError(
                f"delta_m is undefined: the baseline of task {task!r} is 0."
            )
        sign = 1 if higher_is_better[task] else -1
        total += sign * (value - baselines[task]) / scale
    return 100 * total / len(values)
