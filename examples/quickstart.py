"""The three classic techniques — L2, dropout, batch norm — in one multi-task model.

    python examples/quickstart.py

One table with two targets, half of the labels missing, in about 20 seconds.
"""

# Before Keras: it chooses the backend where only one is installed.
import polytask

# isort: split
import keras
import numpy as np


def make_table(rows: int = 400) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return features and two targets with missing labels (NaN)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 20)).astype("float32")
    signal = x[:, 0] - 2 * x[:, 1]
    click = (signal + rng.normal(size=rows) > 0).astype("float32")
    rating = (signal + x[:, 2] + rng.normal(size=rows)).astype("float32")
    click[rng.random(rows) < 0.5] = np.nan
    rating[rng.random(rows) < 0.5] = np.nan
    return x, {"click": click, "rating": rating}


def build_model() -> polytask.MultiTaskModel:
    """Return a trunk with L2 and batch norm, and two towers with dropout."""
    inputs = keras.Input((20,))
    h = keras.layers.Dense(64, kernel_regularizer=keras.regularizers.l2(0.01))(inputs)
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.Activation("relu")(h)
    outputs = {}
    for task, activation in {"click": "sigmoid", "rating": None}.items():
        tower = keras.layers.Dense(16, activation="relu")(h)
        tower = keras.layers.Dropout(0.5)(tower)
        outputs[task] = keras.layers.Dense(1, activation=activation)(tower)
    return polytask.MultiTaskModel(inputs, outputs)


def main() -> None:
    keras.utils.set_random_seed(0)
    x, y = make_table()
    model = build_model()
    model.compile(
        optimizer="adam",
        loss={"click": "binary_crossentropy", "rating": "mse"},
        metrics={"click": ["accuracy"], "rating": ["mae"]},
    )
    model.fit(x, y, epochs=40, validation_split=0.25, verbose=0)
    scores = model.evaluate(x, y, return_dict=True, verbose=0)
    for name, value in sorted(scores.items()):
        print(f"{name:<16}{value:8.3f}")


if __name__ == "__main__":
    main()
