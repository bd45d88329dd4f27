"""A dense layer of several networks that share their kernel."""

from typing import Any

import keras
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError, one_of
from polytask.layers._configured import ConfiguredLayer

_SCALES = ("ones", "random_signs")


@polytask_export("polytask.layers.EnsembleDense")
class EnsembleDense(ConfiguredLayer):
    """Dense layers of `members` networks, one kernel W and two vectors for each.

    Member m computes activation(((x ∘ r_m) W) ∘ s_m + b_m). The members are trained
    side by side in one forward pass at little more than the parameters of one network,
    and each is regularized by the kernel that all must share. The first layer of an
    ensemble takes `input_scale="random_signs"`, which makes the members differ; later
    layers, and the heads, start as equals.

    Called on (rows, features), the rows are given to every member; called on (rows,
    members, features), each member has its own. Give the losses of a model whose
    outputs have a member axis as `polytask.losses.MemberLoss`: each member then learns
    by itself, and their mean is the prediction.

    Args:
        units: Outputs of each member.
        members: Number of members, from 2.
        activation: As in `keras.layers.Dense`. Default: none.
        use_bias: Whether each member has a bias. Default: True.
        input_scale: How r begins: `"ones"` or `"random_signs"` (±1 at random).
        kernel_initializer: Of W. Default: `"glorot_uniform"`.
        kernel_regularizer: On W alone. Default: none.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If `units` or `members` is too small, `input_scale` is unknown, or
            the input has another number of members.

    Source:
        Wen, Tran, Ba, "BatchEnsemble: An Alternative Approach to Efficient Ensemble
        and Lifelong Learning", ICLR 2020; for tables: Gorishniy, Kotelnikov, Babenko,
        "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling",
        ICLR 2025.

    Example:
        >>> import numpy as np
        >>> hidden = EnsembleDense(8, members=4, input_scale="random_signs")
        >>> head = EnsembleDense(1, members=4)
        >>> head(hidden(np.ones((3, 5)))).shape == (3, 4, 1)
        True
    """

    def __init__(
        self,
        units: int,
        members: int,
        activation: Any = None,
        use_bias: bool = True,
        input_scale: str = "ones",
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checked_count(units, "units", "EnsembleDense")
        self.members = checked_count(members, "members", "EnsembleDense")
        if self.members < 2:
            raise UserError("EnsembleDense: members must be at least 2; found 1.")
        one_of("EnsembleDense: input_scale", input_scale, _SCALES)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.input_scale = input_scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and every member's vectors."""
        if len(input_shape) not in (2, 3) or (
            len(input_shape) == 3 and input_shape[1] != self.members
        ):
            raise UserError(
                f'EnsembleDense "{self.name}" takes (rows, features) or (rows, '
                f"{self.members} members, features); found {tuple(input_shape)}."
            )
        features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        signs = self.input_scale == "random_signs"
        self.scale_in = self.add_weight(
            name="scale_in",
            shape=(self.members, features),
            initializer=_random_signs if signs else "ones",
        )
        self.scale_out = self.add_weight(
            name="scale_out", shape=(self.members, self.units), initializer="ones"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.members, self.units), initializer="zeros"
            )

    def call(self, inputs: Any) -> Any:
        """Return (rows, members, units)."""
        if len(inputs.shape) == 2:
            inputs = ops.expand_dims(inputs, axis=1)
        outputs = ops.matmul(inputs * self.scale_in, self.kernel) * self.scale_out
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (rows, members, units)."""
        return (input_shape[0], self.members, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _random_signs(shape: Any, dtype: Any = None) -> Any:
    draw = keras.random.uniform(shape, dtype=dtype)
    return ops.where(draw < 0.5, -ops.ones_like(draw), ops.ones_like(draw))
