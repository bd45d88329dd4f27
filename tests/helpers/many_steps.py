"""Many updates from the same rows, where each epoch would cost more than its step."""

import keras
import numpy as np


def take_steps(model, x, y, steps):
    """Train on all rows, `steps` times over, in one epoch."""
    repeated = keras.tree.map_structure(
        lambda rows: np.concatenate([rows] * steps), (x, y)
    )
    model.fit(*repeated, batch_size=len(x), shuffle=False, verbose=0)
