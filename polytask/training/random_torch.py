"""The same random numbers once more, on PyTorch."""

import contextlib
from collections.abc import Iterator

import torch


class RandomStates:
    """The states of PyTorch's generators at the time it is made.

    Keras layers without a seed draw from them.
    """

    def __init__(self) -> None:
        self.states = self._current()

    def _current(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return torch.get_rng_state(), devices

    def _set(self, states: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
        torch.set_rng_state(states[0])
        if states[1]:
            torch.cuda.set_rng_state_all(states[1])

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Return to these states for a while."""
        states = self._current()
        self._set(self.states)
        try:
            yield
        finally:
            self._set(states)
