"""The loss of an ensemble whose members learn by themselves."""

from typing import Any

import keras
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError


@polytask_export("polytask.losses.MemberLoss")
class MemberLoss(keras.losses.Loss):
    """The mean over members of each member's loss, not the loss of their mean.

    Members that are judged together learn to make up for each other's errors; judged
    one by one, each is a good network and their mean a better one.

    Args:
        loss: Loss of one member: a Keras loss, a function or a name.
        **kwargs: Arguments of `keras.losses.Loss`, such as `name`.

    Raises:
        UserError: If an output has no member axis: (rows, members, units).

    Source:
        Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", ICLR 2025.

    Example:
        >>> import numpy as np
        >>> loss = MemberLoss("mse")
        >>> float(loss(np.zeros((1, 1)), np.array([[[1.0], [-1.0]]])))
        1.0
    """

    def __init__(self, loss: Any, **kwargs: Any) -> None:
        kwargs.setdefault("name", "member_loss")
        super().__init__(**kwargs)
        self.loss = keras.losses.get(loss)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row.

        Args:
            y_true: (rows,) or (rows, values).
            y_pred: (rows, members, units).

        Returns:
            (rows,).
        """
        if len(y_pred.shape) != 3:
            raise UserError(
                "MemberLoss judges outputs of shape (rows, members, units); found "
                f"{tuple(y_pred.shape)}. Make the head a polytask.layers.EnsembleDense."
            )
        if len(y_true.shape) == 1 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, axis=-1)
        members = y_pred.shape[1]
        y_true = ops.repeat(ops.expand_dims(y_true, axis=1), members, axis=1)
        is_object = isinstance(self.loss, keras.losses.Loss)
        member_loss = self.loss.call if is_object else self.loss
        return ops.mean(member_loss(y_true, y_pred), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "loss": keras.losses.serialize(self.loss),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MemberLoss":
        """Return the loss that `get_config` described."""
        loss = keras.losses.deserialize(config["loss"])
        return cls(**{**config, "loss": loss})
