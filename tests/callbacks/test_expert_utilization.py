import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.callbacks import ExpertUtilization
from polytask.layers import PLE, MMoE

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(32, 4)).astype("float32")
TARGETS = {"a": ROWS[:, 0], "b": ROWS[:, 1]}


def model_with(architecture):
    x = keras.Input((4,))
    features, gates = architecture(x, return_gates=True)
    heads = {t: keras.layers.Dense(1)(f) for t, f in features.items()}
    model = MultiTaskModel(x, heads)
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    return model, keras.Model(x, gates)


@pytest.mark.two_backends
def test_it_records_mean_weights_entropy_and_unused_experts():
    model, gates = model_with(MMoE("ab", experts=3, units=(4,)))
    watch = ExpertUtilization(ROWS[:10], threshold=0.3)
    history = model.fit(ROWS, TARGETS, epochs=2, verbose=0, callbacks=[watch]).history
    for task, weights in gates.predict(ROWS[:10], verbose=0).items():
        means = weights.mean(axis=0)
        for expert in range(3):
            values = history[f"{task}_expert_{expert}"]
            assert values[1] == pytest.approx(means[expert], rel=1e-4)
            assert values[0] != values[1]
        entropy = -np.mean(np.sum(weights * np.log(weights), axis=1))
        assert history[f"{task}_entropy"][1] == pytest.approx(entropy, rel=1e-4)
        unused = history[f"{task}_unused_experts"][1]
        assert unused == pytest.approx(np.mean(means < 0.3))
        np.testing.assert_allclose(watch.mean_weights[task], means, rtol=1e-4)


def test_watching_does_not_change_the_training():
    fitted = []
    for callbacks in ([], [ExpertUtilization(ROWS)]):
        keras.utils.set_random_seed(3)
        model, _ = model_with(MMoE("ab", experts=2, units=(4,)))
        model.fit(ROWS, TARGETS, epochs=2, verbose=0, callbacks=callbacks)
        fitted.append(model.get_weights())
    for without, with_it in zip(*fitted, strict=True):
        np.testing.assert_allclose(without, with_it, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.two_backends
def test_several_gates_of_a_task_are_numbered_from_the_input():
    model, _ = model_with(PLE("ab", 1, 1, units=(3, 2)))
    history = model.fit(
        ROWS, TARGETS, verbose=0, callbacks=[ExpertUtilization(ROWS)]
    ).history
    gates = {key.removesuffix("_entropy") for key in history if "entropy" in key}
    assert gates == {"a_0", "a_1", "b_0", "b_1", "shared"}
    assert "shared_expert_2" in history
    assert "a_1_expert_2" not in history


def test_a_model_without_gates_is_refused():
    x = keras.Input((4,))
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(x) for t in "ab"})
    model.compile("adam", loss="mse")
    with pytest.raises(UserError, match="the model has no gate"):
        model.fit(ROWS, TARGETS, verbose=0, callbacks=[ExpertUtilization(ROWS)])


def test_a_threshold_outside_of_its_range_is_refused():
    with pytest.raises(UserError, match=r"threshold must lie in \[0, 1\); found 1"):
        ExpertUtilization(ROWS, threshold=1)
