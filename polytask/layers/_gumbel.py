"""Choices that gradients can pass through."""

from typing import Any

import keras
from keras import ops

# Keeps a logarithm finite.
_LEAST = 1e-6


def gumbel_softmax(logits: Any, temperature: Any, seed: Any) -> Any:
    """Return a random choice of one along the last axis, softened.

    softmax((logits + g) / τ) with g = -log(-log u): as τ falls it comes near to one of
    the unit vectors, the k-th of them with probability softmax(logits)_k.

    Args:
        logits: (..., K) tensor.
        temperature: τ, above 0.
        seed: A `keras.random.SeedGenerator`.

    Source:
        Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR
        2017.
    """
    logits = ops.cast(logits, "float32")
    u = keras.random.uniform(ops.shape(logits), _LEAST, 1.0 - _LEAST, seed=seed)
    noise = -ops.log(-ops.log(u))
    return ops.softmax((logits + noise) / ops.cast(temperature, "float32"), axis=-1)
