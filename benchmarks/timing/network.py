"""The networks that are timed, and their data; named here, built by the frameworks."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """A network with T tasks: a shared trunk, and one linear output for each task.

    Attributes:
        name: "mlp", "cnn" or "transformer".
        tasks: Number of tasks, T.
    """

    name: str
    tasks: int

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks."""
        return [f"task_{t}" for t in range(self.tasks)]

    def batch(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return a batch: inputs (images with channels last), and targets by task."""
        random = np.random.default_rng(0)
        x = random.standard_normal(SHAPES[self.name]).astype("float32")
        noise = random.standard_normal((self.tasks, len(x), 1)).astype("float32")
        return x, dict(zip(self.task_names, noise, strict=True))


#: Shape of a batch.
SHAPES = {"mlp": (256, 100), "cnn": (64, 32, 32, 3), "transformer": (32, 32, 64)}
MLP_UNITS = (512, 512, 512)
CNN_FILTERS = (16, 32, 64)
ATTENTION_HEADS = 4
FEED_FORWARD = 256

#: Both frameworks' default, passed all the same: one number for everybody.
LEARNING_RATE = 1e-3
