"""`MultiTaskModel`: a functional Keras model that trains several tasks together."""

from typing import Any, Self

import keras
from keras import ops

from polytask import training
from polytask._export import polytask_export
from polytask.models.compilation import CompiledTasks, CompileOptions, compile_tasks
from polytask.models.compiled_model import CompiledModel
from polytask.models.construction import joined, named_outputs
from polytask.models.training_monitor import TrainingMonitor, with_callback
from polytask.numeric.namespace import concrete
from polytask.training.objective import batch_of, loss_of_outputs, loss_tracker


@polytask_export("polytask.MultiTaskModel")
class MultiTaskModel(CompiledModel):
    """A functional Keras model with one named output per task.

    Everything else is `keras.Model`: layers, callbacks, `.keras` files, export. Rows
    without a label (NaN in a float target, -1 in an integer one, `sample_weight` 0)
    count in no loss, metric or gradient, and regularizers that have a proximal
    operator end in exact zeros.

    Args:
        inputs: Input tensor, list or dict of tensors, as in `keras.Model`.
        outputs: Dict from task name to output tensor.
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
        mixup: float | None = None,
        regularizers: Any = None,
    ) -> None:
        """Configure the model for training; arguments as in `keras.Model.compile`.

        Args:
            optimizer: Any Keras optimizer, or its name.
            loss: Dict from task to loss. A task without a loss is not trained. One
                loss for all, or a list in the order of `task_names`, is accepted.
            loss_weights: Dict from task to a factor, applied before balancing.
            metrics: Dict from task to metrics, over the labeled rows.
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
                from Beta(α, α), of which one is drawn for a batch and all its tasks.
                Their losses are mixed alike, so that a missing label takes its term
                with it; metrics compare with the labels of a. 0.2 is usual. Not for
                tasks whose outputs have no meaningful mean, such as boxes or ranks.
                Default: None.
            regularizers: Regularizers of the training, such as
                `[polytask.training.SAM()]`; one alone needs no list.

        Raises:
            UserError: If a task, balancer or option is unknown, or a penalty that
                needs a proximal step cannot have one.
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
        compiled = compile_tasks(self, options)
        super().compile(
            optimizer=compiled.optimizer,
            weighted_metrics=compiled.metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        self.loss = loss
        self._tasks: CompiledTasks = compiled

    def train_step(self, *arguments: Any) -> Any:
        """Make one update; arguments and result as Keras has them on the backend."""
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
            y: Targets by task.
            y_pred: Outputs by task.
            sample_weight: Sample weights by task, or None.
            training: Not used.

        Returns:
            Scalar.
        """
        batch = batch_of(self.step_plan, (x, y, sample_weight))
        return loss_of_outputs(self, batch, y_pred)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the metrics with a batch and return all results.

        Args:
            x: Inputs; not used.
            y: Targets by task.
            y_pred: Outputs by task.
            sample_weight: Sample weights by task, or None.

        Returns:
            Name → value.
        """
        names = self.task_names
        batch = batch_of(self.step_plan, (x, y, sample_weight))
        targets = {name: batch.y.get(name) for name in names}
        weights = None
        if sample_weight:
            weights = {name: batch.sample_weight.get(name) for name in names}
        results: dict[str, Any] = super().compute_metrics(x, targets, y_pred, weights)
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

        Args:
            *args: Positional arguments of `keras.Model.fit`.
            **kwargs: Keyword arguments of `keras.Model.fit`.

        Returns:
            The history.
        """
        args, kwargs = with_callback(args, kwargs, TrainingMonitor())
        try:
            history: keras.callbacks.History = super().fit(*args, **kwargs)
        finally:
            if self.compiled:
                training.end_training(self)
        return history

    def make_train_function(self, force: bool = False) -> Any:
        """Prepare the step; the optimizer is built first, outside of any trace."""
        if not self.optimizer.built:
            with training.building_scope(self):
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force=force)
