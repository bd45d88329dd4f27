"""A shared encoder, and a private one for each task."""

from collections.abc import Iterable
from typing import Any

import keras

from polytask.layers._block import Make, make_block
from polytask.layers.orthogonality_penalty import OrthogonalityPenalty
from polytask.layers.sharing import Sharing


class SharedPrivate(Sharing):
    """[shared(x), private_t(x)] for each task: what all need beside what one needs.

    `orthogonality` keeps the private features from repeating the shared ones. For the
    adversarial form, put a head that guesses the row's task behind a
    `GradientReversal` of the shared features, which `return_shared` gives.

    Args:
        tasks: Task names.
        units: Widths of the dense layers of each encoder. Defaults to (64,).
        activation: Their activation.
        orthogonality: Strength of `OrthogonalityPenalty`; 0, the default, for none.
        make: A function without arguments that returns a new encoder (any layer),
            instead of dense layers; it is called once for the shared encoder and once
            for each task.
        name: Prefix of the layers' names.

    Raises:
        UserError: If a task is named twice, a width is below 1, or the strength is
            negative.

    Source:
        Liu, Qiu and Huang, "Adversarial Multi-task Learning for Text Classification",
        ACL 2017; Bousmalis et al., "Domain Separation Networks", NIPS 2016.

    Example:
        >>> import keras, polytask
        >>> layers = polytask.layers
        >>> x = keras.Input((20,))
        >>> encode = layers.SharedPrivate(["books", "music"], units=(8,))
        >>> features, shared = encode(x, return_shared=True)
        >>> outputs = {t: keras.layers.Dense(1)(f) for t, f in features.items()}
        >>> guess = keras.layers.Dense(2, "softmax")
        >>> outputs["domain"] = guess(layers.GradientReversal(0.05)(shared))
        >>> polytask.MultiTaskModel(x, outputs).task_names
        ['books', 'music', 'domain']
    """

    def __init__(
        self,
        tasks: Iterable[str],
        units: Iterable[int] = (64,),
        activation: Any = "relu",
        orthogonality: float = 0.0,
        make: Make | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(tasks, name)
        units = units if isinstance(units, int) else tuple(units)

        def encoder(*part: Any) -> Any:
            return make_block(
                "SharedPrivate", units, activation, make, self.layer_name(*part)
            )

        self.shared = encoder("shared")
        self.private = {
            task: encoder("private", t) for t, task in enumerate(self.tasks)
        }
        self.penalties = {
            task: OrthogonalityPenalty(
                orthogonality, name=self.layer_name("orthogonality", t)
            )
            for t, task in enumerate(self.tasks)
        }
        self.join = keras.layers.Concatenate(name=self.layer_name("features"))

    def __call__(self, inputs: Any, return_shared: bool = False) -> Any:
        """Return shared and private features of each task, side by side.

        Args:
            inputs: Tensor that the encoders read.
            return_shared: Whether to return the shared features as well.

        Returns:
            Task → tensor; or a pair of that and the shared features.
        """
        shared = self.shared(inputs)
        features = {}
        for task in self.tasks:
            private = self.private[task](inputs)
            if self.penalties[task].strength:
                private = self.penalties[task](private, shared)
            features[task] = self.join([shared, private])
        return (features, shared) if return_shared else features
