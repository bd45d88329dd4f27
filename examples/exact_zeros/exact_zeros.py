"""Exact zeros: the same L1 penalty in scikit-learn, in Keras and in polytask.

Run it with the backend of your choice: `KERAS_BACKEND=jax python exact_zeros.py`.
"""

# Before Keras: it chooses the backend where only one is installed.
import polytask

# isort: split
import keras
import numpy as np
from keras.optimizers.schedules import CosineDecay
from sklearn.linear_model import Lasso

ROWS, COLUMNS, USEFUL, STEPS = 500, 100, 10, 600
ALPHA = 0.05


def make_data():
    """Return a table in which 10 of 100 columns matter, and its target."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, COLUMNS))
    truth = np.zeros(COLUMNS)
    truth[:USEFUL] = 2 * rng.normal(size=USEFUL)
    y = x @ truth + 0.5 * rng.normal(size=ROWS)
    return x.astype("float32"), y.astype("float32")


def train(model_class, optimizer, x, y):
    """Return the coefficients of a linear model with an L1 penalty."""
    # scikit-learn halves the squared error and Keras does not: the penalty doubles.
    penalty = keras.regularizers.L1(2 * ALPHA)
    inputs = keras.Input((COLUMNS,))
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty, name="y")
    model = model_class(inputs, {"y": layer(inputs)})
    model.compile(optimizer, loss={"y": "mse"})
    # Every batch is the whole table, so that the solution has no noise.
    together = 50
    model.fit(
        np.tile(x, (together, 1)),
        {"y": np.tile(y, together)[:, None]},
        batch_size=ROWS,
        epochs=STEPS // together,
        shuffle=False,
        verbose=0,
    )
    return keras.ops.convert_to_numpy(layer.kernel)[:, 0]


def main():
    x, y = make_data()
    lasso = Lasso(ALPHA, fit_intercept=False, tol=1e-12, max_iter=100_000)
    lasso.fit(x.astype("float64"), y.astype("float64"))
    optimizers = {
        "SGD": lambda: keras.optimizers.SGD(CosineDecay(0.2, STEPS)),
        "Adam": lambda: keras.optimizers.Adam(CosineDecay(0.1, STEPS)),
    }
    print(f"keras {keras.__version__}, backend {keras.backend.backend()}")
    print(
        f"{'model':<24}{'optimizer':<12}{'exact zeros':>12}{'same zeros':>12}", end=""
    )
    print(f"{'largest difference':>20}")
    print(f"{'scikit-learn Lasso':<36}{np.sum(lasso.coef_ == 0):>12}")
    for model_class in (keras.Model, polytask.MultiTaskModel):
        name = f"{model_class.__module__.split('.')[0]}.{model_class.__name__}"
        for optimizer, make in optimizers.items():
            found = train(model_class, make(), x, y)
            same = np.sum((found == 0) & (lasso.coef_ == 0))
            difference = np.abs(found - lasso.coef_).max()
            print(
                f"{name:<24}{optimizer:<12}{np.sum(found == 0):>12}{same:>12}", end=""
            )
            print(f"{difference:>20.1e}")


if __name__ == "__main__":
    main()
