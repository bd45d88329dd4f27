"""A gate that ends with at most k experts for each row."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count
from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers.gate import Gate


@polytask_export("polytask.layers.DSelectKGate")
class DSelectKGate(Gate):
    """DSelect-k: a sparse gate that is smooth in its parameters.

    Each of k selectors writes the number of one expert in binary: bit j is on to the
    degree S(zⱼ), where the smooth step S is 0 below -γ/2, 1 above γ/2 and a cubic
    between. An expert's share in the selector is the product over the bits of S or
    1 - S, and the gate is the softmax-weighted sum of the k selectors. Once all bits
    are 0 or 1, each selector has one expert, so at most k have a weight other than
    zero (fewer, where two selectors agree).

    `entropy` is the strength of the selectors' mean entropy, which drives the bits to
    0 or 1; its gradient acts between -γ/2 and γ/2. With a number of experts that is no
    power of two, some codes name no expert: `unreachable` times the mean of
    1 / (1 - their share) - 1 is added to the loss.

    Args:
        num_experts: Number of experts.
        task: Name of the task that the gate serves, for reports.
        k: Number of selectors. Defaults to 2.
        gamma: γ, the width of the smooth step. Defaults to 1.
        static: Whether all rows have the same weights, which do not depend on the
            input. Defaults to False.
        load_balance: Strength of the penalty on unequal use of the experts.
        balance: Its form, "cv2" or "switch".
        entropy: Strength of the selectors' mean entropy. Defaults to 0.
        unreachable: Strength of the penalty on codes without an expert. Defaults to 1.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If there is no expert, k lies outside 1 to the number of experts,
            or a strength or γ is out of range.

    Source:
        Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts
        with Applications to Multi-Task Learning", NeurIPS 2021.

    Example:
        >>> import numpy as np
        >>> DSelectKGate(4, k=2, entropy=0.01)(np.ones((3, 5))).shape == (3, 4)
        True
    """

    def __init__(
        self,
        num_experts: int,
        task: str = "",
        k: int = 2,
        gamma: float = 1.0,
        static: bool = False,
        load_balance: float = 0.0,
        balance: str = "cv2",
        entropy: float = 0.0,
        unreachable: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_experts, task, load_balance, balance, entropy, **kwargs)
        self.k = checked_count(k, "k", "DSelectKGate")
        if self.k > self.num_experts:
            raise UserError(
                f"DSelectKGate: k must be at most the number of experts, "
                f"{self.num_experts}; found {self.k}."
            )
        for name, value, positive in (
            ("gamma", gamma, True),
            ("unreachable", unreachable, False),
        ):
            if not math.isfinite(value) or value < 0 or (positive and value == 0):
                raise UserError(
                    f"DSelectKGate: {name} must be a number "
                    f"{'above' if positive else 'from'} 0; found {value}."
                )
        self.gamma = float(gamma)
        self.static = bool(static)
        self.unreachable = float(unreachable)
        self.num_bits = max(1, math.ceil(math.log2(self.num_experts)))
        numbers = np.arange(self.num_experts)[:, None] >> np.arange(self.num_bits)
        # (bits, experts): whether the bit is on in the expert's number.
        self._codes = (numbers & 1).T.astype("float32")

    def build(self, input_shape: Any) -> None:
        """Make the parameters of the bits and of the selectors' softmax."""
        # Small, so that no bit begins on a flat part of the step; not zero, so that
        # the selectors differ.
        near_zero = keras.initializers.RandomUniform(
            -self.gamma / 100, self.gamma / 100
        )
        bits = self.k * self.num_bits
        self.bias = self._float_weight("bias", (bits,), near_zero)
        self.order_bias = self._float_weight("order_bias", (self.k,), "zeros")
        self.kernel = self.order_kernel = None
        if not self.static:
            channels = input_shape[-1]
            self.kernel = self._float_weight("kernel", (channels, bits), near_zero)
            self.order_kernel = self._float_weight(
                "order_kernel", (channels, self.k), "glorot_uniform"
            )

    def _float_weight(self, name: str, shape: Any, initializer: Any) -> Any:
        initializer = keras.initializers.get(initializer)
        # As Keras's layers do: networks of one seed begin alike by it.
        setattr(self, f"{name}_initializer", initializer)
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, autocast=False
        )

    def weigh(self, features: Any, training: bool) -> tuple[Any, Any]:
        """Return the weighted sum of the selectors, and the selectors."""
        rows = ops.ones_like(features[:, :1])
        z, order = rows * self.bias, rows * self.order_bias
        if self.kernel is not None:
            z = z + ops.matmul(features, self.kernel)
            order = order + ops.matmul(features, self.order_kernel)
        on = self.smooth_step(ops.reshape(z, (-1, self.k, self.num_bits, 1)))
        codes = ops.convert_to_tensor(self._codes)
        factors = on * codes + (1.0 - on) * (1.0 - codes)
        selectors = ops.prod(factors, axis=2)
        if self.unreachable and self.num_experts < 2**self.num_bits:
            # The bound keeps the penalty finite where no code names an expert.
            reached = ops.maximum(ops.sum(selectors, axis=-1), 1e-6)
            self.add_loss(self.unreachable * ops.mean(1.0 / reached - 1.0))
        shares = ops.expand_dims(ops.softmax(order), -1)
        return ops.sum(shares * selectors, axis=1), selectors

    def smooth_step(self, t: Any) -> Any:
        """Return S(t): 0 below -γ/2, 1 above γ/2, a cubic between.

        Args:
            t: Tensor.
        """
        inside = ops.clip(t / self.gamma, -0.5, 0.5)
        return inside * (1.5 - 2.0 * ops.square(inside)) + 0.5
