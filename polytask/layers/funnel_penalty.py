"""A penalty on predictions that break the order of a funnel."""

from typing import Any

from keras import ops

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.FunnelPenalty")
class FunnelPenalty(ConfiguredLayer):
    """α Σ_t mean(max(p_t − p_{t−1}, 0)): no stage is more likely than the one before.

    For chains such as click → cart → purchase, where whoever reaches a stage passed
    the one before. It passes the predictions on, and is the last layer before the
    outputs:

        p_click, p_buy = FunnelPenalty(0.6)([p_click, p_buy])
        model = polytask.MultiTaskModel(x, {"click": p_click, "buy": p_buy})

    The penalty needs no labels, so every row counts, labeled or not; only what a Keras
    mask leaves out does not. In `MultiTaskModel` it belongs to no task: each tower
    stays private, and the balancer neither sees nor weighs the penalty. A task without
    a label in the batch keeps its tower, as always.

    It does not make the labels a funnel: where a purchase without a click is in the
    data, the penalty pulls against the labels.

    Args:
        strength: α, at least 0. Defaults to 0.6, as in the paper.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Two or more tensors of the same shape, from the first stage to the last:
            probabilities, so the outputs of sigmoids.

    Raises:
        UserError: If the strength is negative or not finite, or the inputs are not two
            or more tensors of the same shape.

    Source:
        D. Xi et al. (2021), "Modeling the Sequential Dependence among Audience
        Multi-step Conversions with Multi-task Learning in Targeted Display
        Advertising", behavioral expectation calibrator.

    Example:
        >>> import numpy as np
        >>> layer = FunnelPenalty(1.0)
        >>> click, buy = np.array([[0.5], [0.2]]), np.array([[0.1], [0.3]])
        >>> _ = layer([click, buy])
        >>> round(float(layer.losses[0]), 3)
        0.05
    """

    #: Each output is the input of the same position.
    passes_through = True

    def __init__(self, strength: float = 0.6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "FunnelPenalty")
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that there are stages to compare."""
        # One tensor arrives as its own shape, a tuple of numbers.
        shapes = [s for s in input_shape if isinstance(s, (list, tuple))]
        if len(shapes) < 2 or len({tuple(shape) for shape in shapes}) > 1:
            raise UserError(
                f'FunnelPenalty "{self.name}": call it on a list of two or more '
                "tensors of the same shape, from the first stage to the last; found "
                f"{input_shape}."
            )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Add the penalty of a batch and return its predictions."""
        self.add_loss(self.penalty(inputs, mask))
        return list(inputs)

    def penalty(self, stages: Any, masks: Any = None) -> Any:
        """Return the penalty of a batch.

        Args:
            stages: The predictions, from the first stage to the last.
            masks: The Keras mask of each, or None.

        Returns:
            Float32 scalar.
        """
        stages = [ops.cast(stage, "float32") for stage in stages]
        masks = masks or [None] * len(stages)
        total = ops.zeros((), "float32")
        for before, after, first, second in zip(
            stages[:-1], stages[1:], masks[:-1], masks[1:], strict=True
        ):
            excess = ops.relu(after - before)
            there = ops.ones_like(excess)
            for mask in (first, second):
                if mask is not None:
                    kept = ops.cast(mask, "float32")
                    missing = len(excess.shape) - len(kept.shape)
                    shape = (*ops.shape(kept), *[1] * missing)
                    there = there * ops.reshape(kept, shape)
            count = ops.maximum(ops.sum(there), 1.0)
            total = total + ops.sum(excess * there) / count
        return self.strength * total

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the masks of the predictions."""
        return previous_mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the predictions."""
        return list(input_shape)
