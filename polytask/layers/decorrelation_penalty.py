"""A penalty on features that say the same."""

from typing import Any

from keras import ops

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.errors import one_of
from polytask.layers._configured import ConfiguredLayer
from polytask.layers._rows import flat_rows, flat_tasks

FORMS = ("decov", "vicreg")


@polytask_export("polytask.layers.DecorrelationPenalty")
class DecorrelationPenalty(ConfiguredLayer):
    """The features themselves; adds a penalty on the covariances between columns.

    With the covariance matrix C of the batch's n rows of d features,

    - `"decov"` adds λ/2 Σ_{i≠j} C_ij², with C an average over n rows;
    - `"vicreg"` adds λ/d Σ_{i≠j} C_ij², with C over n − 1 rows, so that λ means the
      same for any width.

    Call it as `layer(features)`, or `layer(features, rows)` with one boolean or 0/1
    number a row: the others do not count, whatever they hold. Fewer than two rows have
    no covariance and cost nothing. Features with more axes than (rows, channels) count
    each position as a row.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        form: `"decov"` (the default) or `"vicreg"`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If the strength is negative or not finite, or the form is unknown.

    Source:
        Cogswell et al., "Reducing Overfitting in Deep Networks by Decorrelating
        Representations", ICLR 2016; Bardes, Ponce and LeCun, "VICReg:
        Variance-Invariance-Covariance Regularization for Self-Supervised Learning",
        ICLR 2022.

    Example:
        >>> import numpy as np
        >>> layer = DecorrelationPenalty(1.0)
        >>> _ = layer(np.array([[1.0, 2.0], [-1.0, -2.0]], "float32"))
        >>> [float(loss) for loss in layer.losses]
        [4.0]
    """

    def __init__(
        self, strength: float = 0.01, form: str = "decov", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.strength = checked_strength(strength, "DecorrelationPenalty")
        one_of("DecorrelationPenalty: form", form, FORMS)
        self.form = form
        self.supports_masking = True

    def build(self, features_shape: Any, rows_shape: Any = None) -> None:
        """Nothing to make."""

    def call(self, features: Any, rows: Any = None) -> Any:
        """Return the features and add the penalty."""
        task = None if rows is None else ops.cast(rows, "int32") - 1
        counted = flat_tasks(task, features, num_tasks=1)
        # Before any product: 0 · NaN would be NaN.
        x = ops.where(counted > 0, flat_rows(features), 0.0)
        number = ops.maximum(ops.sum(counted), 1.0)
        x = counted * (x - ops.sum(x, axis=0) / number)
        if self.form == "decov":
            divisor, factor = number, self.strength / 2
        else:
            divisor = ops.maximum(number - 1.0, 1.0)
            factor = self.strength / x.shape[1]
        covariance = ops.matmul(ops.transpose(x), x) / divisor
        between = covariance * (1.0 - ops.eye(x.shape[1], dtype="float32"))
        self.add_loss(factor * ops.sum(ops.square(between)))
        return features

    def compute_output_shape(self, features_shape: Any, rows_shape: Any = None) -> Any:
        """Return the features' shape."""
        return features_shape
