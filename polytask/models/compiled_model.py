"""What `compile` made of a model: its views, its state and its saved form."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from polytask import balancing
from polytask._keras_private import refuse_hdf5
from polytask.errors import UserError
from polytask.models.compilation import CompiledTasks, CompileOptions
from polytask.models.construction import named_outputs
from polytask.models.kernel_paths import with_paths
from polytask.models.knobs import with_saved_knobs
from polytask.models.random_states import load_random_states, save_random_states
from polytask.models.sparsity import Sparsity, sparsity
from polytask.models.training_regularizers import savable
from polytask.optimizers.portable_config import portable_config
from polytask.training.step_plan import StepPlan

#: Why a compiled model is not saved to HDF5.
_NO_HDF5 = (
    "HDF5, the format of Keras 2, has no place for balancer and penalties, and the "
    "model could not be loaded from it. Save to a .keras file, the weights alone with "
    "save_weights(... .weights.h5), or the model without its training with "
    "include_optimizer=False."
)


class CompiledModel(keras.Model):
    """The part of `MultiTaskModel` that shows and stores what `compile` made."""

    # None before `compile`, and where it was given no loss.
    _tasks: CompiledTasks | None = None
    _options: CompileOptions | None = None

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks, in the order of the outputs."""
        return list(self.task_outputs)

    @property
    def task_outputs(self) -> dict[str, Any]:
        """Task → symbolic output; a list is named after the layers it comes from."""
        return named_outputs(self)[1]

    @property
    def step_plan(self) -> StepPlan:
        """What the train step needs to know; made by `compile`."""
        return self._compiled().plan

    @property
    def _plan(self) -> StepPlan | None:
        """What the train step needs to know, where there is one of ours."""
        return None if self._tasks is None else self._tasks.plan

    @contextmanager
    def using_plan(self, plan: StepPlan) -> Iterator[None]:
        """Let train steps that are traced or run inside follow another plan."""
        compiled = self._compiled()
        own, compiled.plan = compiled.plan, plan
        try:
            yield
        finally:
            compiled.plan = own

    @contextmanager
    def _unseen_train_step(self) -> Iterator[None]:
        """Let the step be a function that is new to JAX.

        JAX takes a method that it has traced before for the same program, whatever
        plan it followed then.
        """
        before = vars(self).get("train_step")
        step: Any = self.train_step  # type: ignore[has-type]
        self.train_step = lambda *data: step(*data)
        try:
            yield
        finally:
            if before is None:
                del self.train_step
            else:
                self.train_step = before

    @property
    def compile_options(self) -> CompileOptions:
        """What `compile` was called with.

        Not a dict: Keras looks into those, and would store an optimizer in it again.
        """
        if self._options is None:
            raise ValueError("Call `compile()` first.")
        return self._options

    @property
    def balancer(self) -> Any:
        """The balancer that the model was compiled with."""
        return self._compiled().balancer

    @property
    def shared_variables(self) -> list[keras.Variable]:
        """Trainable variables upstream of two or more compiled tasks."""
        return list(self.step_plan.graph.shared)

    @property
    def private_variables(self) -> dict[str, list[keras.Variable]]:
        """For each compiled task the trainable variables upstream of it alone."""
        return {task: list(v) for task, v in self.step_plan.graph.private.items()}

    @property
    def task_structures(self) -> list[tuple[Any, Any]]:
        """Each compiled task structure with the stack of kernels that it acts on.

        The stack is an array in the form that the structure's methods take, such as
        `structure.correlation(stack)` or `structure.split(stack)`.
        """
        plan = self.step_plan
        arrays = [ops.convert_to_numpy(stack) for stack in plan.stacks()]
        return [
            (structure, array)
            for (structure, _), array in zip(plan.structures, arrays, strict=True)
        ]

    def sparsity(self) -> Sparsity:
        """Return which weights are exactly zero and which inputs each task uses.

        Returns:
            A report; print it, or read its attributes.
        """
        return sparsity(self)

    def _hold(self, options: CompileOptions, tasks: CompiledTasks | None) -> None:
        """Keep what `compile` was given, and what it made of that."""
        self.loss = options.loss
        self._options, self._tasks = options, tasks
        if tasks is not None:
            refuse_hdf5(self, _NO_HDF5)

    def _compiled(self) -> CompiledTasks:
        if self._options is None:
            raise ValueError(
                "Call `compile()` before training or evaluating the model."
            )
        if self._tasks is None:
            raise UserError(
                "No task has a loss. Pass loss={task: loss} to compile, with one of "
                f"the tasks {', '.join(self.task_names)}."
            )
        return self._tasks

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The loss trackers and the metrics of all tasks."""
        metrics: list[keras.metrics.Metric] = list(super().metrics)
        if self._tasks is None:
            return metrics
        return [*metrics, *self._tasks.plan.trackers]

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of the layers, and the knobs of penalties and `compile`."""
        found: list[keras.Variable] = list(super().variables)
        if self._tasks is None:
            return found
        known = {id(variable) for variable in found}
        return found + [knob for knob in self._tasks.knobs if id(knob) not in known]

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save the model; arguments as in `keras.Model.save`.

        Raises:
            UserError: If the file is in HDF5, the format of Keras 2, and the losses of
                the tasks would go with the model.
        """
        hdf5 = str(filepath).endswith((".h5", ".hdf5"))
        if hdf5 and self._tasks is not None and kwargs.get("include_optimizer", True):
            raise UserError(f"{filepath}: {_NO_HDF5}")
        super().save(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the graph, for saving, with a word for who lacks the class."""
        config: dict[str, Any] = super().get_config()
        reads: Any = type(self).from_config
        known: Any = CompiledModel.from_config
        if reads.__func__ is not known.__func__:
            # A subclass that reads its configuration itself does not know the word.
            return config
        return {"needs": "import polytask before loading", **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the model from its configuration."""
        graph = {key: value for key, value in config.items() if key != "needs"}
        return super().from_config(graph, custom_objects=custom_objects)

    def save_own_variables(self, store: Any) -> None:
        """Store the random states of the layers, which Keras leaves out.

        With them, training continues from a file as if it had not been interrupted,
        dropout masks included.
        """
        super().save_own_variables(store)
        save_random_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` stored, and files without random states."""
        super().load_own_variables(load_random_states(self, store))

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`, for saving; it names no backend."""
        if self._options is None:
            return {}
        arguments = dict(vars(self._options))
        tasks = self._tasks
        optimizer = self.optimizer if tasks is None else tasks.user_optimizer
        arguments["optimizer"] = portable_config(optimizer)
        if tasks is not None:
            arguments["balancer"] = balancing.serialize(tasks.balancer)
        for name in ("loss_weights", "weight_decay"):
            arguments[name] = with_saved_knobs(arguments[name])
        arguments["task_structure"] = with_paths(arguments["task_structure"])
        arguments["regularizers"] = savable(arguments["regularizers"])
        config: dict[str, Any] = keras.saving.serialize_keras_object(arguments)
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` returned."""
        arguments = keras.saving.deserialize_keras_object(config)
        self.compile(**arguments)
        if self.built:
            self.optimizer.build(self.trainable_variables)
