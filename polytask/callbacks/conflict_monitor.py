"""Watches how far the tasks' gradients conflict while a model trains."""

import math
from pathlib import Path
from typing import Any

import keras

from polytask.callbacks.recording_step import RecordingStep
from polytask.callbacks.tensorboard import EventLog, heat_map
from polytask.errors import UserError
from polytask.models import MultiTaskModel
from polytask.optimizers.gradient_summary import GradientSummary


class ConflictMonitor(keras.callbacks.Callback):
    """Records, each epoch, the tasks' gradients of the shared variables.

    `fit` returns in its history, as means over the steps of the epoch: `conflict`, the
    share of task pairs with a negative cosine; `<a>_vs_<b>_cosine` for each pair;
    `<task>_gradient_norm`; and `<task>_weight`, the balancer's weight. The history
    then has one value an epoch for each; NaN where a task had no label.

    A balancer that works on the Gramian computes all of this in each step (each
    `update_every`-th), of what it balances: with `on="representation"` the gradients
    of the trunk's end. Recording it costs nothing measurable. `modo`, `sdmgrad` and
    `auto_lambda` compare two halves of a batch, of which nothing is recorded.

    For any other balancer, `"equal"` among them, every `every`-th step pulls the
    gradients of T tasks back one by one instead of their sum: that step costs up to T
    backward passes through the shared layers in place of one, and the first of them
    compiles the step once more. The update is the same but for rounding.

    Args:
        every: Look at every so many steps, beginning with the first of each epoch;
            steps that `steps_per_execution` runs as one are looked at together.
            Without meaning for a balancer on the Gramian, which looks at every step.
            Default: 50.
        log_dir: Folder for TensorBoard, or None. The curves, and the matrix of
            cosines as an image, are written to its subfolder `train`, as by
            `keras.callbacks.TensorBoard`; this needs the packages `tensorboardX` and
            `pillow` (the extra `tensorboard`), but not TensorFlow.

    Attributes:
        summaries: One `GradientSummary` for each epoch of the last `fit`.

    Raises:
        UserError: If `every` is not a positive whole number; if `log_dir` is given
            and `tensorboardX` or `pillow` is not installed; if the model is no
            `MultiTaskModel`, or has no two tasks that share a variable.

    Source:
        Tianhe Yu et al., 2020, "Gradient Surgery for Multi-Task Learning" (conflict as
        a negative cosine).

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((2,))
        >>> h = keras.layers.Dense(3)(x)
        >>> heads = {t: keras.layers.Dense(1)(h) for t in ("a", "b")}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.ones((8, 2), "float32")
        >>> y = {"a": rows[:, 0], "b": -rows[:, 1]}
        >>> monitor = ConflictMonitor(every=10)
        >>> history = model.fit(rows, y, verbose=0, callbacks=[monitor])
        >>> sorted(set(history.history) - {"loss", "a_loss", "b_loss"})[:3]
        ['a_gradient_norm', 'a_vs_b_cosine', 'a_weight']
    """

    def __init__(self, every: int = 50, log_dir: str | Path | None = None) -> None:
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise UserError(
                f"every must be a whole number of steps, 1 or more; found {every!r}."
            )
        self.every = every
        self.log_dir = log_dir
        self.summaries: list[GradientSummary] = []
        self._log = None if log_dir is None else EventLog(Path(log_dir) / "train")
        self._recording: RecordingStep | None = None
        self._next = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the model, and prepare the step that records."""
        if not isinstance(self.model, MultiTaskModel):
            raise UserError(
                "ConflictMonitor watches a MultiTaskModel; found "
                f"{type(self.model).__name__}. See MultiTaskModel.from_model."
            )
        plan = self.model.step_plan
        if plan.num_tasks < 2 or not plan.graph.shared:
            raise UserError(
                "ConflictMonitor compares the gradients of shared variables, but no "
                f"variable is upstream of two of the tasks {list(plan.graph.tasks)}."
            )
        self.summaries = []
        self._recording = None
        if plan.balancer.requires != "gramian":
            self._recording = RecordingStep(self.model)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the first step."""
        self._next = 0

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Let every so many steps record the gradients."""
        if self._recording is not None and batch >= self._next:
            self._recording.use_once()
            self._next = (batch // self.every + 1) * self.every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add to the history, and to TensorBoard."""
        plan = self.model.step_plan
        summary = GradientSummary.of(plan.optimizer)
        self.summaries.append(summary)
        scalars = named_scalars(summary, plan.graph.tasks)
        # Not to `logs`: the progress bar would print a number for each pair.
        history = getattr(self.model.history, "history", {})
        for name, value in scalars.items():
            # Weights and conflict may be there from the logs already.
            if name not in (logs or {}):
                history.setdefault(name, []).append(value)
        if self._log is not None:
            writer = self._log.writer
            for name, value in scalars.items():
                if not math.isnan(value):
                    writer.add_scalar(f"gradients/{name}", value, epoch)
            picture = heat_map(summary.cosines)
            writer.add_image("gradients/cosines", picture, epoch, dataformats="HWC")
            writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close TensorBoard's file."""
        if self._log is not None:
            self._log.close()


def named_scalars(summary: GradientSummary, tasks: list[str]) -> dict[str, float]:
    """Return everything that a summary holds, by the names of the history.

    Args:
        summary: Of one epoch.
        tasks: Names of the tasks.

    Returns:
        Name → value, NaN where it is unknown.
    """
    named = {"conflict": summary.conflict}
    for index, task in enumerate(tasks):
        named[f"{task}_weight"] = float(summary.weights[index])
        named[f"{task}_gradient_norm"] = float(summary.norms[index])
        for other in range(index + 1, len(tasks)):
            cosine = float(summary.cosines[index, other])
            named[f"{task}_vs_{tasks[other]}_cosine"] = cosine
    return named
