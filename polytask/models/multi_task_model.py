"""`MultiTaskModel`: a functional Keras model that trains several tasks together."""

from dataclasses import replace
from typing import Any, Self

import keras
from keras import ops

from polytask import training
from polytask._export import polytask_export
from polytask._keras_private import set_direction
from polytask.errors import UserError
from polytask.models.compilation import (
    CompileOptions,
    compile_tasks,
    refuse_overridden,
)
from polytask.models.compiled_model import CompiledModel
from polytask.models.construction import joined, named_outputs
from polytask.models.fit_arguments import (
    make_ready,
    named_arguments,
    named_targets,
)
from polytask.models.training_monitor import TrainingMonitor, with_callback
from polytask.models.training_regularizers import refuse_given_away
from polytask.numeric.namespace import concrete
from polytask.training.class_weights import class_weights_by_task
from polytask.training.objective import batch_of, loss_of_outputs, loss_tracker
from polytask.training.outputs import outputs_by_task


@polytask_export("polytask.MultiTaskModel")
class MultiTaskModel(CompiledModel):
    """A functional Keras model with one named output per task.

    Everything else is `keras.Model`: layers, callbacks, `.keras` files, export. Rows
    without a label (NaN in a float target, -1 in an integer one, `sample_weight` 0)
    count in no loss, metric or gradient, and regularizers that have a proximal
    operator end in exact zeros.

    Args:
        inputs: Input tensor, list or dict of tensors, as in `keras.Model`.
        outputs: Dict from task name to output tensor; or a list or one tensor, named
            after their layers. Predictions and targets have the same structure.
        name: Name of the model.

    Example:
        >>> import keras, polytask
        >>> x = keras.Input((20,))
        >>> h = keras.layers.Dense(64, activation="relu")(x)
        >>> outputs = {
        ...     "click": keras.layers.Dense(1, activation="sigmoid")(h),
        ...     "rating": keras.layers.Dense(1)(h),
        ... }
        >>> model = polytask.MultiTaskModel(x, outputs)
        >>> losses = {"click": "binary_crossentropy", "rating": "mse"}
        >>> model.compile("adam", loss=losses)
        >>> model.task_names
        ['click', 'rating']
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        graph = dict(zip(("inputs", "outputs", "name"), args, strict=False)) | kwargs
        if not {"inputs", "outputs"} <= graph.keys():
            raise UserError(
                f"{type(self).__name__} has no inputs and outputs, so its tasks are "
                "not known: a model whose call() computes them has no graph. Build it "
                "as MultiTaskModel(inputs, {task: tensor}); what call() does can be a "
                "layer of the trunk or of a head."
            )
        super().__init__(**graph)

    @classmethod
    def from_model(cls, model: keras.Model) -> Self:
        """Return a multi-task model on the layers and weights of a Keras model.

        Args:
            model: A functional or Sequential model whose input shape is known. The
                task names are the keys of a dict output, else the output names.

        Returns:
            The model; it shares its layers with `model`.

        Raises:
            UserError: If the model is not functional or not built.

        Example:
            >>> import keras
            >>> layers = [keras.Input((4,)), keras.layers.Dense(1)]
            >>> model = MultiTaskModel.from_model(keras.Sequential(layers))
        """
        inputs, outputs = named_outputs(model)
        return cls(inputs, outputs, name=model.name)

    @classmethod
    def from_trunk(
        cls,
        trunk: keras.layers.Layer,
        heads: dict[str, keras.layers.Layer],
        inputs: Any = None,
        name: str | None = None,
    ) -> Self:
        """Return the model in which all heads read the trunk's output.

        Args:
            trunk: A layer or model.
            heads: Task name → layer or model.
            inputs: Input tensors. Default: the trunk's own, if it has a known input.
            name: Name of the model.

        Returns:
            The model.

        Raises:
            UserError: If `inputs` is missing and the trunk's input is not known.

        Example:
            >>> import keras
            >>> trunk = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
            >>> heads = {"a": keras.layers.Dense(1), "b": keras.layers.Dense(1)}
            >>> MultiTaskModel.from_trunk(trunk, heads).task_names
            ['a', 'b']
        """
        inputs, outputs = joined(trunk, heads, inputs)
        return cls(inputs, outputs, name=name)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        balancer: Any = "equal",
        task_structure: Any = None,
        penalties: str = "proximal",
        weight_decay: Any = None,
        head_gradients: str = "own",
        mask_value: int = -1,
        jacobian: str = "auto",
        clip_task_gradients: float | None = None,
        mixup: Any = None,
        regularizers: Any = None,
    ) -> None:
        """Configure the model for training; arguments as in `keras.Model.compile`.

        Args:
            optimizer: Any Keras optimizer, or its name.
            loss: Dict from task to loss; a task with None is not trained. One loss for
                all, or a list in the order of `task_names`, is accepted. Without any,
                the model is compiled as Keras does it.
            loss_weights: Dict or list by task of factors, applied before balancing.
            metrics: Dict from task to metrics, over the labeled rows; or a list with
                one entry for each task. Any other list of metrics is for every task.
            weighted_metrics: The same, weighted by `sample_weight` too.
            run_eagerly: As in Keras.
            steps_per_execution: As in Keras.
            jit_compile: As in Keras.
            auto_scale_loss: As in Keras.
            balancer: Name or `polytask.balancing.Balancer`; how the tasks' gradients
                become one update. Default: `"equal"`, their sum.
            task_structure: A `polytask.regularizers` task structure on the stack of
                the heads' kernels, or a list of pairs (structure, kernels), where a
                kernel is a variable or its path, and one alone needs no list.
            penalties: `"proximal"`: a regularizer with a proximal operator acts by an
                exact step after each update; `"gradient"`: all act by their gradient.
            weight_decay: Decoupled decay of the kernels, in place of the optimizer's:
                a rate, or a dict from `"trunk"` (what tasks share), `"tower"` and
                `"head"` (a task's last kernel) to rates. Biases, norms, embeddings and
                heads of tasks without a label in the batch do not decay.
            head_gradients: `"own"`: a head gets its own task's gradient; `"weighted"`:
                times the balancer's weight.
            mask_value: The integer that marks a missing label.
            jacobian: How a balancer of gradients gets their inner products.
                `"full"`: all T gradients of the p shared values are held in memory.
                `"one_row"`: one at a time, pulled back through the trunk and pushed
                forward again, and one last pull-back of their weighted sum; the same
                numbers at about twice the time. On TensorFlow and PyTorch the gradients
                of the shared layers must be differentiable themselves, which some
                fused recurrent layers are not. Default: `"auto"`: full, up to T x p =
                2^28 (1 GiB in float32).
            clip_task_gradients: The largest norm that one task's gradient of the
                shared variables has before balancing; a longer one is scaled down.
                The optimizer's own clipping acts on the balanced gradient. Default:
                None, no limit.
            mixup: α, above 0, to train on rows mixed in pairs, λ a + (1 - λ) b with λ
                from Beta(α, α), as `polytask.training.Mixup(α)` does, or another such
                object: `CutMix`, `ManifoldMixup`. Losses are mixed alike; metrics
                compare with the labels of a. 0.2 is usual. Not for tasks whose outputs
                have no meaningful mean, such as boxes; one of ordered classes is
                refused. Default: None.
            regularizers: Regularizers of the training, such as
                `[polytask.training.SAM()]`; one alone needs no list.

        Raises:
            UserError: If a task, balancer or option is unknown, a number is out of
                range, or a penalty that needs a proximal step cannot have one.
        """
        options = CompileOptions(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
            balancer=balancer,
            task_structure=task_structure,
            penalties=penalties,
            weight_decay=weight_decay,
            head_gradients=head_gradients,
            mask_value=mask_value,
            jacobian=jacobian,
            clip_task_gradients=clip_task_gradients,
            mixup=mixup,
            regularizers=regularizers,
        )
        refuse_overridden(self, MultiTaskModel)
        compiled = compile_tasks(self, options)
        if compiled is not None:
            optimizer = compiled.optimizer
            metrics, weighted_metrics = None, compiled.metrics
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        self._hold(options, compiled)

    def train_step(self, *arguments: Any) -> Any:
        """Make one update; arguments and result as Keras has them on the backend."""
        if self._tasks is None:
            return super().train_step(*arguments)
        return training.train_step(self, *arguments)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch: all tasks, and all penalties.

        Args:
            x: Inputs; not used.
            y: Targets, as `fit` takes them.
            y_pred: What the model returned.
            sample_weight: Sample weights, as `fit` takes them, or None.
            training: Not used.

        Returns:
            Scalar.
        """
        if self._tasks is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        batch = batch_of(self.step_plan, (x, y, sample_weight))
        return loss_of_outputs(self, batch, y_pred)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the metrics with a batch and return all results.

        Args:
            x: Inputs; not used.
            y: Targets, as `fit` takes them.
            y_pred: What the model returned.
            sample_weight: Sample weights, as `fit` takes them, or None.

        Returns:
            Name → value.
        """
        if self._tasks is not None:
            names = self._tasks.plan.outputs
            batch = batch_of(self.step_plan, (x, y, sample_weight))
            # Keras reads off their number what the metrics are called.
            predicted = outputs_by_task(names, y_pred)
            y_pred = {name: predicted.get(name) for name in names}
            y = {name: batch.y.get(name) for name in names}
            weights = batch.sample_weight
            sample_weight = {t: weights.get(t) for t in names} if weights else None
        results: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
        return results

    def get_metrics_result(self) -> dict[str, Any]:
        """Return all metrics, NaN where every step of an epoch was left out."""
        results: dict[str, Any] = super().get_metrics_result()
        if not self.compiled or "loss" not in results:
            return results
        count = loss_tracker(self).count
        known = concrete(count)
        if known is not None and known > 0:
            return results
        return keras.tree.map_structure(
            lambda value: ops.where(ops.equal(count, 0), float("nan"), value), results
        )

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Train the model; arguments and result as in `keras.Model.fit`.

        The history holds `<task>_loss` and the metrics of each task, and, where the
        balancer is not `"equal"`, `<task>_weight`. Steps with a loss that is not
        finite are left out and counted as `skipped_steps`, and so are proximal steps
        whose decomposition fails.

        Targets are a dict by task, a list in the order of `task_names`, a table with a
        column for each task, or one array where one task has a loss. `class_weight` is
        a dict {task: {class: weight}}; other classes weigh 1.

        Args:
            *args: Positional arguments of `keras.Model.fit`.
            **kwargs: Keyword arguments of `keras.Model.fit`.

        Returns:
            The history.

        Raises:
            UserError: If the targets cannot be those of the tasks, or a regularizer of
                the training was given to another model since.
        """
        arguments = self._ready(super().fit, args, kwargs)
        try:
            with named_targets(self._plan, arguments):
                history: keras.callbacks.History = super().fit(**arguments)
        finally:
            if self._tasks is not None:
                training.end_training(self)
        return history

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Return losses and metrics; arguments as in `keras.Model.evaluate`."""
        arguments = self._ready(super().evaluate, args, kwargs)
        with named_targets(self._plan, arguments):
            return super().evaluate(**arguments)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Make one update; arguments as in `keras.Model.train_on_batch`."""
        arguments = self._ready(super().train_on_batch, args, kwargs)
        return super().train_on_batch(**arguments)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate one batch; arguments as in `keras.Model.test_on_batch`."""
        arguments = self._ready(super().test_on_batch, args, kwargs)
        return super().test_on_batch(**arguments)

    def _ready(
        self, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Return arguments by name, as Keras takes them."""
        arguments = named_arguments(method, args, kwargs)
        if self._tasks is None:
            return arguments
        plan = self.step_plan
        make_ready(plan, arguments)
        if method.__name__ == "fit":
            callbacks = with_callback(arguments.get("callbacks"), TrainingMonitor())
            for callback in callbacks:
                set_direction(callback, self._tasks.directions())
            arguments["callbacks"] = callbacks
        if method.__name__ in ("fit", "train_on_batch"):
            refuse_given_away(plan)
            given = arguments.pop("class_weight", None)
            weights = class_weights_by_task(given, self.task_outputs, plan.graph.tasks)
            if weights != plan.class_weights:
                self._tasks.plan = replace(plan, class_weights=weights)
                self.train_function = None
        return arguments

    def make_train_function(self, force: bool = False) -> Any:
        """Prepare the step; the optimizer is built first, outside of any trace."""
        if self._tasks is not None and not self.optimizer.built:
            with training.building_scope(self):
                self.optimizer.build(self.trainable_variables)
        with self._unseen_train_step():
            return super().make_train_function(force=force)
