"""A train step that computes the tasks' gradients though the balancer needs none."""

from dataclasses import replace
from typing import Any

from polytask.training.step_plan import StepPlan


class RecordingStep:
    """A second train function of a model, for the steps that are to be recorded.

    It makes the update that the model's own train function makes, but pulls the
    gradients back task by task, and adds them to the optimizer's sums.

    Args:
        model: A compiled `MultiTaskModel`, whose train function is made.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.plan: StepPlan = replace(model.step_plan, records_gradients=True)
        self._plain = model.train_function
        # What is traced follows the plan that records.
        model.train_step = self._step
        try:
            model.make_train_function(force=True)
            self._recording = model.train_function
        finally:
            del model.train_step
            model.train_function = self._plain

    def use_once(self) -> None:
        """Let the next call of the model's train function record."""
        self.model.train_function = self._call

    def _call(self, *arguments: Any) -> Any:
        # Back at once, so that an error leaves the model as it was.
        self.model.train_function = self._plain
        # PyTorch looks the model's step up in here, the others have traced `_step`.
        with self.model.using_plan(self.plan):
            return self._recording(*arguments)

    def _step(self, *arguments: Any) -> Any:
        with self.model.using_plan(self.plan):
            return type(self.model).train_step(self.model, *arguments)
