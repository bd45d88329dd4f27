import keras
import numpy as np
import pytest

import polytask
from polytask.errors import UserError
from polytask.optimizers import CosineSchedule


def rates(schedule, steps):
    return [float(schedule(np.array(step))) for step in steps]


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_it_is_the_cosine_of_keras_with_a_rise(steps):
    warm = max(1, round(0.1 * steps))
    keras_schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), warmup_target=0.3, warmup_steps=warm
    )
    schedule = CosineSchedule(0.3, steps, warm_up=0.1)
    shown = range(steps + 3)
    assert rates(schedule, shown) == pytest.approx(
        rates(keras_schedule, shown), abs=1e-7
    )


def compiled(steps):
    x = keras.Input((1,))
    head = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = polytask.MultiTaskModel(x, {"a": head(x)})
    model.compile(keras.optimizers.SGD(CosineSchedule(0.5, steps)), loss="mae")
    return model


def test_a_knob_changes_the_length_without_a_new_step(tmp_path):
    steps = polytask.Knob(2, name="steps")
    model = compiled(steps)
    x, y = np.ones((1, 1), "float32"), np.full((1, 1), 9.0, "float32")
    model.fit(x, y, epochs=3, verbose=0)
    step = model.train_function
    # Rises in one step and falls in one: only the second update moves, by the rate.
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(0.5)
    steps.assign(100)
    before = float(model.get_weights()[0][0, 0])
    model.fit(x, y, verbose=0)
    moved = float(model.get_weights()[0][0, 0]) - before
    assert model.train_function is step
    assert moved == pytest.approx(float(CosineSchedule(0.5, 100)(3)), rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(
        float(model.optimizer.learning_rate)
    )
    (knob,) = [v for v in loaded.non_trainable_variables if v.name == "steps"]
    knob.assign(2)
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-7)


def test_wrong_arguments_are_named():
    for wrong, name in (
        ({"learning_rate": -1.0, "steps": 3}, "learning_rate"),
        ({"learning_rate": 0.1, "steps": 0}, "steps"),
        ({"learning_rate": 0.1, "steps": 2.5}, "steps"),
        ({"learning_rate": 0.1, "steps": 3, "warm_up": 1.5}, "warm_up"),
    ):
        with pytest.raises(UserError, match=f"CosineSchedule: {name} must be"):
            CosineSchedule(**wrong)
