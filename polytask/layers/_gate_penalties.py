"""Penalties on how a gate spreads the rows of a batch over the experts."""

from typing import Any

from keras import ops


def cv_squared(weights: Any) -> Any:
    """Return the squared coefficient of variation of the experts' importance.

    The importance of an expert is the sum of its weights over the rows; the variance
    is that of the experts at hand (divided by their number).

    Args:
        weights: (rows, experts).

    Source:
        Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
        Mixture-of-Experts Layer", ICLR 2017.
    """
    importance = ops.mean(weights, axis=0)
    return ops.var(importance) / ops.square(ops.mean(importance))


def switch_balance(weights: Any) -> Any:
    """Return E · Σᵢ fᵢ Pᵢ, with fᵢ the share of rows whose first expert is i.

    Pᵢ is the mean weight of expert i. The least value is 1, at equal shares; fᵢ has no
    gradient.

    Args:
        weights: (rows, experts).

    Source:
        Fedus, Zoph and Shazeer, "Switch Transformers", JMLR 2022.
    """
    experts = weights.shape[-1]
    first = ops.one_hot(ops.argmax(weights, axis=-1), experts, dtype=weights.dtype)
    shares = ops.stop_gradient(ops.mean(first, axis=0))
    return experts * ops.sum(shares * ops.mean(weights, axis=0))


def mean_entropy(weights: Any) -> Any:
    """Return the mean over the rows of -Σᵢ wᵢ log wᵢ, in nats.

    Args:
        weights: (rows, experts); 0 log 0 is 0.
    """
    # The logarithm's argument is never 0, or its gradient would be no number.
    safe = ops.where(weights > 0, weights, 1.0)
    return -ops.mean(ops.sum(weights * ops.log(safe), axis=-1))
