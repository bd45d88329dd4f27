import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError, regularizers
from polytask.training import SAM


@pytest.fixture
def model():
    x = keras.Input((4,))
    h = keras.layers.Dense(8)(x)
    return MultiTaskModel(
        x, {"click": keras.layers.Dense(1)(h), "rating": keras.layers.Dense(2)(h)}
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": {"clik": "mse"}}, 'unknown task "clik". Did you mean "click"?'),
        ({"loss": None, "weight_decay": 0.1}, "no task has a loss"),
        ({"loss": None, "loss_weights": [1.0, 2.0]}, "no task has a loss"),
        ({"loss": None, "regularizers": SAM()}, "no task has a loss"),
        (
            {"loss": {"click": "msee", "rating": "mse"}},
            'loss of task "click" is unknown',
        ),
        ({"loss": "mse", "balancer": "equall"}, 'Did you mean "equal"?'),
        ({"loss": "mse", "penalties": "prox"}, "penalties must be one of"),
        ({"loss": "mse", "head_gradients": "mine"}, "head_gradients must be one of"),
        ({"loss": ["mse"]}, "one entry for each of"),
        ({"loss": "mse", "loss_weights": {"rate": 1.0}}, 'Did you mean "rating"?'),
        (
            {"loss": "mse", "loss_weights": {"click": float("nan")}},
            'task "click" has nan',
        ),
        ({"loss": "mse", "mask_value": -1.5}, "mask_value must be the integer"),
        (
            {"loss": {"click": "mse", "rating": None}, "metrics": {"rating": "mae"}},
            "which has no loss",
        ),
        (
            {"loss": "mse", "metrics": {"rating": ["maee"]}},
            'metric of task "rating" is unknown',
        ),
        (
            {"loss": "mse", "metrics": {"rating": "accuracy"}},
            '"accuracy" of task "rating" is ambiguous',
        ),
        (
            {"loss": "mse", "task_structure": regularizers.L1(0.1)},
            "acts on one kernel",
        ),
        (
            {"loss": "mse", "optimizer": "lion", "task_structure": "l21"},
            "L21 acts by a proximal step only",
        ),
    ],
)
def test_wrong_arguments_of_compile_are_named(model, arguments, message):
    with pytest.raises(UserError) as error:
        model.compile(**{"optimizer": "sgd", **arguments})
    assert message in str(error.value)


def test_a_missing_target_is_named(model):
    model.compile("sgd", loss="mse")
    x = np.zeros((4, 4), "float32")
    with pytest.raises(ValueError, match='no target for task "rating"'):
        model.fit(x, {"click": np.zeros(4), "ratings": np.zeros((4, 2))}, verbose=0)


def test_training_before_compile_is_refused(model):
    with pytest.raises(ValueError, match="compile"):
        model.fit(np.zeros((4, 4)), {"click": np.zeros(4)}, verbose=0)


def test_an_optimizer_of_another_model_is_refused(model):
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="already built"):
        model.compile(optimizer, loss="mse")


@pytest.mark.parametrize("scales", [False, True])
def test_the_wrapper_of_another_model_is_refused(model, scales):
    optimizer = keras.optimizers.SGD()
    if scales:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss="mse")
    with pytest.raises(UserError, match="already belongs to a MultiTaskModel"):
        model.compile(model.optimizer, loss="mse")


def test_a_penalty_without_a_proximal_step_falls_back_with_a_warning():
    x = keras.Input((4,))
    model = MultiTaskModel(
        x,
        {"a": keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.1))(x)},
    )
    with pytest.warns(UserWarning, match="gives no exact zeros"):
        model.compile("lion", loss="mse")


@pytest.mark.parametrize(
    "penalty", [regularizers.MaxNorm(1.0), regularizers.L0(0.1)], ids=repr
)
def test_what_acts_by_a_proximal_step_only_is_refused_without_one(penalty):
    x = keras.Input((4,))
    head = keras.layers.Dense(1, kernel_regularizer=penalty)(x)
    name = type(penalty).__name__
    with pytest.raises(UserError, match=f"{name} acts by a proximal step only"):
        MultiTaskModel(x, {"a": head}).compile("lion", loss="mse")
