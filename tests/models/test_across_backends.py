"""A file that one backend saved continues on the others."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel

BACKENDS = ("jax", "tensorflow", "torch")

CONTINUE = textwrap.dedent(
    """
    import sys
    import numpy as np
    import polytask
    import keras

    folder = sys.argv[1]
    data = np.load(f"{folder}/table.npz")
    model = keras.models.load_model(f"{folder}/model.keras")
    targets = {"click": data["click"], "rating": data["rating"]}
    model.fit(data["x"], targets, batch_size=32, epochs=2, shuffle=False, verbose=0)
    np.savez(f"{folder}/continued.npz", *model.get_weights())
    """
)


@pytest.mark.parametrize("other", BACKENDS)
@pytest.mark.slow
def test_a_saved_model_continues_on_another_backend(
    table, network, losses, tmp_path, other
):
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    x, y = table
    y["click"][::3] = np.nan
    penalty = keras.regularizers.L1(1e-3)
    model = network(MultiTaskModel, penalty, dropout=0.0)
    model.compile(
        keras.optimizers.Adam(0.01), loss=losses, metrics={"click": ["accuracy"]}
    )

    def train(epochs):
        model.fit(x, y, batch_size=32, epochs=epochs, shuffle=False, verbose=0)

    train(1)
    np.savez(tmp_path / "table.npz", x=x, **y)
    model.save(tmp_path / "model.keras")
    subprocess.run(
        [sys.executable, "-c", CONTINUE, str(tmp_path)],
        check=True,
        env={**os.environ, "KERAS_BACKEND": other},
    )
    train(2)
    continued = np.load(tmp_path / "continued.npz")
    for here, there in zip(model.get_weights(), continued.values(), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-5)
