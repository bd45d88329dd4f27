"""Decoders of one task moved apart while they train."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask.errors import UserError
from polytask.models.best_decoders import decoder_losses, pseudo_tasks


class PseudoTaskControl(keras.callbacks.Callback):
    """Lets the decoders of a task begin again near the best of them: PTA-G, -P, -H.

    After every so many epochs, for each head `polytask.layers.PseudoTasks`, by the loss
    of its decoders on validation rows:

    - `greedy`: all decoders become the best one, dropout rate included;
    - `perturb`: the weights of all but the best move by N(0, σ²);
    - `hyperperturb`: so do the dropout rates of all but the best, within [0, 1).

    Where several are asked for, the greedy step comes first. The optimizer's moments
    stay.

    Args:
        x: Validation rows, as `predict` takes them.
        y: Their targets, as `fit` takes them.
        greedy: Whether all become the best one. Default: False.
        perturb: σ of the weights, at least 0. Default: 0.
        hyperperturb: σ of the dropout rates, at least 0. Default: 0.
        every: Epochs between two times. Default: 1.
        seed: Seed of what is drawn. Default: 0.

    Raises:
        UserError: If a number is out of range or nothing is asked for, or, when
            training begins, no head has several decoders that learn, or
            `hyperperturb` meets one without dropout.

    Source:
        Meyerson and Miikkulainen, "Pseudo-task Augmentation: From Deep Multitask
        Learning to Intratask Sharing -- and Back", ICML 2018.

    Example:
        >>> rows, labels = np.ones((4, 2), "float32"), {"a": np.ones(4, "float32")}
        >>> control = PseudoTaskControl(rows, labels, greedy=True, perturb=0.01)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        greedy: bool = False,
        perturb: float = 0.0,
        hyperperturb: float = 0.0,
        every: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        owner = "PseudoTaskControl"
        self.x, self.y = x, y
        self.greedy = bool(greedy)
        self.perturb = checked_number(perturb, "perturb", owner, at_least=0.0)
        self.hyperperturb = checked_number(
            hyperperturb, "hyperperturb", owner, at_least=0.0
        )
        if not (greedy or perturb or hyperperturb):
            raise UserError(
                f"{owner} does nothing; ask for greedy=True, perturb or hyperperturb."
            )
        self.every = checked_count(every, "every", owner)
        self._random = np.random.default_rng(seed)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the heads."""
        self._heads = pseudo_tasks(self.model)
        for task, head in self._heads.items():
            if head.frozen:
                raise UserError(
                    f'PseudoTaskControl moves decoders, but those of "{task}" are '
                    "frozen. Make them with frozen=False."
                )
            if self.hyperperturb and head.rates is None:
                raise UserError(
                    "PseudoTaskControl: hyperperturb moves dropout rates, and "
                    f'"{task}" has none. Make its PseudoTasks with dropout=0.5.'
                )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the decoders where it is time."""
        if (epoch + 1) % self.every:
            return
        for task, losses in decoder_losses(self.model, self.x, self.y).items():
            self._move(self._heads[task], int(np.argmin(losses)))

    def _move(self, head: Any, best: int) -> None:
        """Move the decoders of a head, all but the best."""
        spreads = [(head.kernel, self.perturb), (head.bias, self.perturb)]
        if head.rates is not None:
            spreads.append((head.rates, self.hyperperturb))
        for variable, spread in spreads:
            values = np.array(ops.convert_to_numpy(variable))
            if self.greedy:
                values[:] = values[best]
            noise = spread * self._random.standard_normal(values.shape)
            noise[best] = 0.0
            values = values + noise.astype(values.dtype)
            if variable is head.rates:
                values = np.clip(values, 0.0, 0.999)
            variable.assign(values)
