"""What policy gradients are made of: distributions of actions, and advantages."""

from typing import Any

import numpy as np

from polytask import UserError


class Categorical:
    """One of some actions; a head puts out their logits.

    Args:
        actions: Number of actions.
    """

    def __init__(self, actions: int) -> None:
        self.size = actions

    def sample(self, random: np.random.Generator, parameters: np.ndarray) -> Any:
        """Return an action for each row."""
        return np.argmax(parameters + random.gumbel(size=parameters.shape), axis=-1)

    def mode(self, parameters: np.ndarray) -> Any:
        """Return the most likely actions."""
        return np.argmax(parameters, axis=-1)

    def log_probability(self, xp: Any, parameters: Any, actions: Any) -> Any:
        """Return the logarithm of each action's probability."""
        logs = _log_softmax(xp, parameters)
        chosen = xp.asarray(actions, "int32")[:, None]
        return xp.take_along_axis(logs, chosen, axis=-1)[:, 0]

    def entropy(self, xp: Any, parameters: Any) -> Any:
        """Return the entropy of each row."""
        logs = _log_softmax(xp, parameters)
        return -xp.sum(xp.exp(logs) * logs, axis=-1)


class Gaussian:
    """One real action; a head puts out its mean and the log of its deviation."""

    size = 2

    def sample(self, random: np.random.Generator, parameters: np.ndarray) -> Any:
        """Return an action (rows, 1) for each row."""
        mean, deviation = parameters[:, :1], np.exp(_bounded(np, parameters)[:, None])
        return mean + deviation * random.normal(size=mean.shape)

    def mode(self, parameters: np.ndarray) -> Any:
        """Return the most likely actions."""
        return parameters[:, :1]

    def log_probability(self, xp: Any, parameters: Any, actions: Any) -> Any:
        """Return the logarithm of each action's density."""
        log = _bounded(xp, parameters)
        distance = (xp.ravel(actions) - parameters[:, 0]) / xp.exp(log)
        return -0.5 * distance**2 - log - 0.5 * np.log(2 * np.pi)

    def entropy(self, xp: Any, parameters: Any) -> Any:
        """Return the entropy of each row."""
        return _bounded(xp, parameters) + 0.5 * np.log(2 * np.pi * np.e)


def policy_of(space: Any) -> Any:
    """Return the distribution for an action space.

    Args:
        space: A gymnasium space: `Discrete`, or a `Box` of one number.

    Raises:
        UserError: For any other.
    """
    if hasattr(space, "n"):
        return Categorical(int(space.n))
    if space.shape == (1,):
        return Gaussian()
    raise UserError(
        f"The agent acts by one of some actions or by one number; found {space}."
    )


def advantage_estimates(
    rewards: np.ndarray,
    values: np.ndarray,
    following: np.ndarray,
    ended: np.ndarray,
    discount: float,
    trace: float,
) -> np.ndarray:
    """Return generalized advantage estimates.

    Args:
        rewards: (steps, environments).
        values: Of what was observed before each step.
        following: Of what was observed after it, in the same episode; 0 where it has
            terminated.
        ended: Whether the episode ended with the step, by itself or cut short.
        discount: γ of a step.
        trace: λ: 0 looks one step ahead, 1 to the end.

    Source:
        Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized
        Advantage Estimation".
    """
    errors = rewards + discount * following - values
    estimates, running = np.zeros_like(errors), np.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + discount * trace * np.where(ended[step], 0, running)
        estimates[step] = running
    return estimates


def _bounded(xp: Any, parameters: Any) -> Any:
    return xp.clip(parameters[:, 1], -3.0, 0.5)


def _log_softmax(xp: Any, logits: Any) -> Any:
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))
