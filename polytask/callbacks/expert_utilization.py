"""Watches which experts the tasks use while a model trains."""

from typing import Any

import keras
import numpy as np

from polytask._checks import checked_count
from polytask.errors import UserError
from polytask.layers.gate import Gate
from polytask.models.layer_calls import layer_calls


class ExpertUtilization(keras.callbacks.Callback):
    """Records, each epoch, the mean weights of every gate on some rows.

    `fit` returns in its history, for each gate: `<gate>_expert_<i>`, the mean weight
    of an expert over the rows; `<gate>_entropy`, the rows' mean entropy in nats, from
    0 (each row has one expert) to log of the number of experts; and
    `<gate>_unused_experts`, the share of experts whose mean weight is below
    `threshold`. A gate is called after its task, a gate that serves all tasks
    `shared`; where there are several, `<task>_0`, `<task>_1` and so on, from the input
    on. Gates are those of `polytask.layers`, in the model itself (not in a model
    nested in it).

    Each epoch costs one prediction of the gates on the rows.

    Args:
        x: Inputs of the rows to look at, as for `Model.predict`; validation rows.
        threshold: Mean weight below which an expert counts as unused. Defaults to
            0.01.
        batch_size: Of the predictions. Defaults to 256.

    Attributes:
        mean_weights: Gate → mean weights (experts,) of the last epoch.

    Raises:
        UserError: If a number is out of range, or, when training begins, the
            model has no gate.

    Source:
        "Expert polarization" in Zhao et al., "Recommending What Video to Watch Next",
        RecSys 2019.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((2,))
        >>> features = polytask.layers.MMoE(["a", "b"], experts=2, units=(3,))(x)
        >>> heads = {t: keras.layers.Dense(1)(f) for t, f in features.items()}
        >>> model = polytask.MultiTaskModel(x, heads)
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.ones((8, 2), "float32")
        >>> y = {"a": rows[:, 0], "b": -rows[:, 1]}
        >>> watch = ExpertUtilization(rows)
        >>> history = model.fit(rows, y, verbose=0, callbacks=[watch]).history
        >>> sorted(key for key in history if key.startswith("a_"))
        ['a_entropy', 'a_expert_0', 'a_expert_1', 'a_loss', 'a_unused_experts']
    """

    def __init__(self, x: Any, threshold: float = 0.01, batch_size: int = 256) -> None:
        super().__init__()
        if not 0 <= threshold < 1:
            raise UserError(
                f"ExpertUtilization: threshold must lie in [0, 1); found {threshold!r}."
            )
        self.x = x
        self.threshold = float(threshold)
        self.batch_size = checked_count(batch_size, "batch_size", "ExpertUtilization")
        self.mean_weights: dict[str, np.ndarray] = {}
        self._gates: keras.Model | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the gates."""
        model = self.model
        graph = layer_calls(model)
        gates: dict[str, list[Any]] = {}
        for call in graph.calls:
            if isinstance(call.layer, Gate) and not call.path:
                label = call.layer.task or "shared"
                gates.setdefault(label, []).append(graph.tensors[call.outputs[0]])
        if not gates:
            raise UserError(
                "ExpertUtilization: the model has no gate. It watches mixtures such as "
                "polytask.layers.MMoE, MoE, CGC and PLE."
            )
        outputs = {}
        for label, tensors in gates.items():
            for position, tensor in enumerate(tensors):
                name = label if len(tensors) == 1 else f"{label}_{position}"
                outputs[name] = tensor
        self._gates = keras.Model(model.input, outputs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Predict the gates and add to the logs."""
        assert self._gates is not None
        # Looking at the model brings the variables up to date, on JAX.
        _ = self.model
        weights_by_gate = self._gates.predict(
            self.x, batch_size=self.batch_size, verbose=0
        )
        for gate, weights in weights_by_gate.items():
            weights = np.asarray(weights, "float64")
            means = weights.mean(axis=0)
            self.mean_weights[gate] = means
            if logs is None:
                continue
            for expert, mean in enumerate(means):
                logs[f"{gate}_expert_{expert}"] = float(mean)
            logarithms = np.log(np.where(weights > 0, weights, 1.0))
            entropies = -np.sum(weights * logarithms, axis=-1)
            logs[f"{gate}_entropy"] = float(entropies.mean())
            logs[f"{gate}_unused_experts"] = float(np.mean(means < self.threshold))
