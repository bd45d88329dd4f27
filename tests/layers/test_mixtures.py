"""MMoE, one-gate MoE, CGC and PLE against NumPy, and in a multi-task model."""

import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError, compact
from polytask.layers import CGC, PLE, MixExperts, MMoE, MoE, SharedBottom
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(7, 6)).astype("float32")
TASKS = ["a", "b"]


class TestMixExperts(LayerContract):
    def make(self):
        return MixExperts()

    def arguments(self):
        draws = np.random.default_rng(1)
        experts = draws.normal(size=(5, 3, 2, 2, 4)).astype("float32")
        return [experts, draws.uniform(size=(5, 3)).astype("float32")]


def dense(block, x):
    for layer in block.layers:
        kernel, bias = layer.get_weights()
        x = np.tanh(x @ kernel + bias)
    return x


def gated(gate, x):
    kernel, bias = gate.get_weights()
    shares = np.exp(x @ kernel + bias)
    return shares / shares.sum(axis=1, keepdims=True)


def mixed(weights, experts):
    return sum(w[:, None] * h for w, h in zip(weights.T, experts, strict=True))


def randomized(model):
    """Give every variable, biases of gates included, a value of its own."""
    model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    return model


def called(architecture):
    """Return the architecture's results on ROWS, its layers randomized."""
    x = keras.Input((6,))
    model = randomized(keras.Model(x, architecture(x)))
    return model.predict(ROWS, verbose=0)


def test_mmoe_is_a_mixture_of_shared_experts_with_a_gate_for_each_task():
    mmoe = MMoE(TASKS, experts=3, units=(5, 4), activation="tanh")
    found = called(mmoe)
    experts = [dense(block, ROWS) for block in mmoe.experts.blocks]
    for task in TASKS:
        expected = mixed(gated(mmoe.gates[task], ROWS), experts)
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)


def test_moe_has_one_gate_for_all_tasks():
    moe = MoE(TASKS, experts=3, units=(4,), activation="tanh")
    found = called(moe)
    (gate,) = moe.gates.values()
    experts = [dense(block, ROWS) for block in moe.experts.blocks]
    for task in TASKS:
        expected = mixed(gated(gate, ROWS), experts)
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)


def test_cgc_mixes_own_and_shared_experts():
    cgc = CGC(TASKS, experts=1, shared_experts=2, units=(4,), activation="tanh")
    found = called(cgc)
    shared = [dense(block, ROWS) for block in cgc.shared.blocks]
    for task in TASKS:
        own = [dense(block, ROWS) for block in cgc.own[task].blocks]
        expected = mixed(gated(cgc.gates[task], ROWS), own + shared)
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)


def test_ple_passes_a_shared_mixture_of_all_experts_on():
    ple = PLE(TASKS, experts=1, shared_experts=2, units=(5, 4), activation="tanh")
    found = called(ple)
    first, second = ple.levels
    shared = [dense(block, ROWS) for block in first.shared.blocks]
    own = {t: [dense(b, ROWS) for b in first.own[t].blocks] for t in TASKS}
    level = {t: mixed(gated(first.gates[t], ROWS), own[t] + shared) for t in TASKS}
    common = mixed(gated(first.shared_gate, ROWS), [*own["a"], *own["b"], *shared])
    shared = [dense(block, common) for block in second.shared.blocks]
    for task in TASKS:
        x = level[task]
        own_second = [dense(block, x) for block in second.own[task].blocks]
        expected = mixed(gated(second.gates[task], x), own_second + shared)
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)
    assert second.shared_gate is None


def compiled(architecture, balancer="equal"):
    x = keras.Input((6,))
    features = architecture(x)
    model = MultiTaskModel(
        x, {t: keras.layers.Dense(1, name=f"head_{t}")(features[t]) for t in TASKS}
    )
    model.compile("adam", loss="mse", balancer=balancer)
    return model


def roots(variables):
    return {variable.path.split("/")[0] for variable in variables}


def test_gates_of_mmoe_are_private_and_experts_are_shared():
    model = compiled(MMoE(TASKS, experts=2, name="m"))
    assert roots(model.shared_variables) == {"m_expert_0_0", "m_expert_1_0"}
    assert roots(model.private_variables["b"]) == {"m_gate_1", "head_b"}


def test_the_gate_of_a_one_gate_mixture_is_shared():
    model = compiled(MoE(TASKS, experts=2, name="m"))
    assert "m_gate_0" in roots(model.shared_variables)


def test_ple_shares_all_levels_but_the_own_experts_of_the_last():
    model = compiled(PLE(TASKS, experts=1, shared_experts=1, units=(3, 2), name="p"))
    # A task's gate of the first level acts on the task's own path alone.
    gates = {"p_level_0_gate_0", "p_level_1_gate_0"}
    own = {"p_level_1_expert_0_0_0", "head_a"}
    assert roots(model.private_variables["a"]) == gates | own
    shared = roots(model.shared_variables)
    assert {
        "p_level_0_expert_0_0_0",
        "p_level_0_shared_gate",
        "p_level_1_shared_expert_0_0",
    } < shared


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize(
    ("kind", "options", "balancer"),
    [
        (
            MMoE,
            {
                "experts": 2,
                "units": (4,),
                "gate": {"name": "softmax", "load_balance": 0.1},
            },
            "upgrad",
        ),
        (
            MMoE,
            {"experts": 3, "units": (4,), "gate": {"name": "dselect_k", "k": 2}},
            "equal",
        ),
        (
            PLE,
            {
                "experts": 1,
                "shared_experts": 1,
                "units": (4, 3),
                "gate": {"name": "softmax", "dropout": 0.2},
            },
            "equal",
        ),
    ],
    ids=["load_balance", "dselect_k", "ple"],
)
def test_it_trains_and_a_saved_model_predicts_the_same(
    kind, options, balancer, tmp_path
):
    # Made here, not while tests are collected, so that the seed holds: a start in which
    # every unit of an expert is dead would leave its kernel where it was.
    model = compiled(kind(TASKS, **options), balancer)
    before = model.get_weights()
    targets = {"a": ROWS[:, 0], "b": ROWS[:, 1]}
    history = model.fit(ROWS, targets, batch_size=7, epochs=2, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))
    for variable, old, new in zip(
        model.weights, before, model.get_weights(), strict=True
    ):
        assert np.any(old != new), variable.path
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    first, second = (m.predict(ROWS, verbose=0) for m in (model, loaded))
    for task in TASKS:
        np.testing.assert_array_equal(first[task], second[task])


def test_called_twice_it_uses_the_same_layers():
    mmoe = MMoE(TASKS, experts=2)
    x, y = keras.Input((6,)), keras.Input((6,))
    model = keras.Model([x, y], [mmoe(x), mmoe(y)])
    first, second = model.predict([ROWS, ROWS], verbose=0)
    np.testing.assert_array_equal(first["a"], second["a"])


def test_experts_can_be_convolutions_and_gates_read_pictures():
    pictures = keras.Input((6, 6, 2))
    mmoe = MMoE(TASKS, experts=2, make=lambda: keras.layers.Conv2D(5, 3))
    features, gates = mmoe(pictures, return_gates=True)
    assert features["a"].shape == (None, 4, 4, 5)
    assert gates["a"].shape == (None, 2)


def test_ple_takes_experts_of_several_layers():
    def expert():
        layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(4)]
        return keras.Sequential(layers)

    ple = PLE(TASKS, 1, 1, make=[expert, expert])
    features, gates = ple(keras.Input((6,)), return_gates=True)
    assert features["a"].shape == (None, 4)
    assert [level["b"].shape for level in gates] == [(None, 2), (None, 2)]


def test_compact_keeps_the_predictions_of_a_mixture():
    model = compiled(MMoE(TASKS, experts=2, units=(4,), name="m"))
    for e in range(2):
        layer = model.get_layer(f"m_expert_{e}_0")
        kernel, bias = layer.get_weights()
        kernel[:, 1] = 0
        layer.set_weights([kernel, bias])
    small = compact(model)
    for task, expected in model.predict(ROWS, verbose=0).items():
        np.testing.assert_allclose(
            small.predict(ROWS, verbose=0)[task], expected, rtol=1e-5, atol=1e-6
        )


def test_a_shared_bottom_gives_all_tasks_the_same_features():
    features = SharedBottom(TASKS, units=(8, 4))(keras.Input((6,)))
    assert features["a"] is features["b"]
    assert features["a"].shape == (None, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MMoE(TASKS, experts=0), "experts must be an integer, at least 1"),
        (lambda: CGC(TASKS, shared_experts=0), "CGC: shared_experts must be an int"),
        (lambda: PLE(TASKS, experts=-1), "experts must be an integer, at least 1"),
        (lambda: PLE(TASKS, units=()), "at least one level; found none"),
        (lambda: MMoE(TASKS, units=(8, 0)), "units must be widths from 1"),
        (lambda: MMoE([]), "tasks must be different names, at least one"),
        (lambda: MMoE(TASKS, gate="sofmax"), 'Did you mean "softmax"'),
        (
            lambda: MMoE(TASKS, gate={"name": "softmax", "drpout": 0.1}),
            'no option "drpout". Did you mean "dropout"',
        ),
        (lambda: MMoE(TASKS, gate=lambda n, t: None), "gate must return a Gate"),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_another_number_of_weights_than_experts_is_refused():
    with pytest.raises(UserError, match="found 3 experts and 2 weights"):
        MixExperts()(np.ones((4, 3, 2)), np.ones((4, 2)))
