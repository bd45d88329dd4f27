"""Each technique by its name in a study: what it makes of network and training."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask.errors import UserError
from polytask.lab.kinds import Task
from polytask.lab.studies import Budget, Network, Settings, Study
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.network import build_network
from polytask.lab.studies.normalizations import NORMALIZATIONS
from polytask.lab.studies.reading import refuse_unknown_tasks
from polytask.lab.studies.train import check_variants, train
from polytask.lab.studies.training_regularizers import training_regularizers
from polytask.lab.tables import FeatureColumns
from polytask.layers import (
    Calibrated,
    ColumnGroupDropout,
    DecorrelationPenalty,
    DropConnect,
    FiLM,
    FunnelPenalty,
    GhostBatchNormalization,
    MixupPoint,
)

NETWORK = Network(trunk=(6, 4), towers=(3,))
TASKS = (
    Task("click", "binary", ("no", "yes")),
    Task("buy", "binary", ("no", "yes")),
    Task("price", "regression"),
)


def parsed(options):
    text = f'[data]\nname = "digits"\n[variants.v]\n{options}\n'
    return Study.parse(text, "study.toml", Path()).variant("v").settings


def network(options, tasks=TASKS):
    sources = ("age", "job", "job", "job", "pay")
    columns = FeatureColumns(sources, (0.0, 0.0, 0.0, 1.0, -0.5))
    return build_network(tasks, 5, NETWORK, parsed(options), (), columns)


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("name", sorted(NORMALIZATIONS))
def test_every_normalization_stands_where_the_variant_says(name):
    # The groups of group normalization divide the width.
    grouped = ", groups = 1" if name in ("group", "evo") else ""
    named = f'{{ name = "{name}"{grouped} }}'
    model = network(f"normalization_trunk = {named}")
    assert {n for n in (x.name for x in model.layers) if n.endswith("_norm")} == {
        "trunk_0_norm",
        "trunk_1_norm",
    }
    assert not model.get_layer("trunk_0").use_bias
    assert model.get_layer("tower_0_0").use_bias
    assert model(np.ones((4, 5), "float32"))["price"].shape == (4, 1)


def test_towers_have_a_normalization_of_their_own():
    model = network(
        "batch_norm = true\n"
        'normalization_tower = { name = "ghost_batch", virtual_batch_size = 4 }'
    )
    ghosts = of_kind(model, GhostBatchNormalization)
    assert len(ghosts) == 3
    assert ghosts[0].virtual_batch_size == 4
    assert len(of_kind(model, layers.BatchNormalization)) == 5


def test_noise_hidden_columns_and_dropped_weights_are_layers():
    model = network("noise_input = 0.1\ncolumn_dropout = 0.2\ndrop_connect = 0.3")
    (noise,) = of_kind(model, layers.GaussianNoise)
    (hide,) = of_kind(model, ColumnGroupDropout)
    assert noise.stddev == 0.1
    assert (hide.rate, hide.groups) == (0.2, [[0], [1, 2, 3], [4]])
    assert hide.missing == [0.0, 0.0, 0.0, 1.0, -0.5]
    dropped = of_kind(model, DropConnect)
    assert [layer.units for layer in dropped] == [6, 4, 3, 3, 3]
    assert {layer.rate for layer in dropped} == {0.3}


def test_a_rate_of_dropout_may_be_one_for_each_task_and_of_another_kind():
    model = network('dropout_tower = { buy = 0.4 }\ndropout_kind = "gaussian"')
    (dropout,) = of_kind(model, layers.GaussianDropout)
    assert (dropout.name, dropout.rate) == ("tower_1_0_dropout", 0.4)


def test_penalties_on_activations_act_in_the_trunk():
    model = network("activity_l2 = 0.2\ndecorrelation = 0.5")
    assert {layer.l2 for layer in of_kind(model, layers.ActivityRegularization)} == {
        0.1
    }
    (penalty,) = of_kind(model, DecorrelationPenalty)
    assert (penalty.strength, penalty.form) == (0.5, "decov")


def test_penalties_on_activations_of_a_tower_belong_to_its_task():
    model = network("activity_l2_tower = { buy = 0.4 }")
    (penalty,) = of_kind(model, layers.ActivityRegularization)
    assert (penalty.name, penalty.l2) == ("tower_1_0_activity_l2", 0.2)
    assert len(of_kind(network("activity_l2_tower = 1.0"), type(penalty))) == 3


def test_a_normalization_that_activates_takes_the_activations_place():
    model = network('normalization_trunk = { name = "evo", groups = 2 }')
    active = {layer.name for layer in of_kind(model, layers.Activation)}
    assert active == {f"tower_{task}_0_activation" for task in range(3)}


def test_rows_may_be_mixed_behind_each_shared_layer():
    options = 'mixup = 2.0\nmixup_at = "hidden"'
    points = of_kind(network(options), MixupPoint)
    assert [point.name for point in points] == ["trunk_0_mixup", "trunk_1_mixup"]
    assert not of_kind(network("mixup = 2.0"), MixupPoint)
    with pytest.raises(UserError, match="mixes the layers of a plain trunk"):
        network(f'{options}\nsharing = "mmoe"')


def test_film_starts_as_the_identity_for_each_task_and_learns():
    model = network("film = true")
    films = of_kind(model, FiLM)
    assert len(films) == 3
    h = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(films[0](h, np.ones((2, 1), "float32"))), h
    )
    assert parsed("film = true").alone() == Settings()


def test_tasks_roam_over_the_last_shared_units(data):
    found = trained(data, "roaming = { share = 0.5, every = 2 }", epochs=2)
    layer = found.model.get_layer("roaming")
    parts, visited = map(ops.convert_to_numpy, (layer.parts, layer.visited))
    half = round(0.5 * parts.shape[1])
    assert (parts.sum(axis=1) == half).all()
    # The best epoch may be that before the swap, which comes after the judgment.
    assert set(visited.sum(axis=1)) <= {half, half + 1}
    assert parsed("roaming = 0.5").alone() == Settings()
    with pytest.raises(UserError, match="roaming takes the last units of a plain"):
        network('roaming = 0.5\nsharing = "mmoe"')


def test_a_funnel_orders_its_stages():
    model = network('funnel = { tasks = ["click", "buy"], strength = 0.3 }')
    (funnel,) = of_kind(model, FunnelPenalty)
    assert funnel.strength == 0.3
    model.compile("sgd", loss="mse")
    assert [joint.tasks for joint in model.step_plan.graph.joint] == [("click", "buy")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            'normalization_trunk = "leyer"',
            'Unknown normalization "leyer". Did you mean',
        ),
        ('normalization_trunk = { name = "rms", groups = 2 }', "groups"),
        (
            'batch_norm = true\nnormalization_trunk = "layer"',
            "both normalize the shared",
        ),
        ('dropout_kind = "spatial"', "accepted is one of plain, gaussian, alpha"),
        ("ema = 1", "ema = 1; accepted is a number from 0, below 1"),
        ("label_smoothing = { click = 2 }", "click = 2; accepted is a number"),
        ("sharpness = 0", "sharpness = 0; accepted is a number above 0, or a table"),
        ("sharpness = { adaptive = true }", 'the key "radius" is missing'),
        ("distillation = 1", "accepted is a number from 0, below 1, or a table"),
        ("task_early_stopping = 0", "accepted is an integer from 1"),
        ("decorrelation = { strength = 1, form = 3 }", "form = 3; accepted is one of"),
        ('funnel = { tasks = "click" }', "tasks = 'click'; accepted is a list"),
    ],
)
def test_a_wrong_option_is_refused_where_it_is_written(options, message):
    with pytest.raises(UserError) as error:
        parsed(options)
    assert message in str(error.value)
    assert str(error.value).startswith("study.toml, [variants.v")


def test_a_funnel_of_other_tasks_or_kinds_is_refused():
    with pytest.raises(UserError, match=r'"buyy". Did you mean "buy"'):
        network('funnel = { tasks = ["click", "buyy"] }')
    with pytest.raises(UserError, match="compares binary tasks; price is regression"):
        network('funnel = { tasks = ["click", "price"] }')


@pytest.fixture
def data(tiny_study):
    study = Study.load(tiny_study)
    dataset, _ = load_data(study.data)
    return study, dataset


def trained(data, options, epochs=3, **more):
    study, dataset = data
    budget = Budget(epochs=epochs, batch_size=16, patience=epochs, **more)
    settings = parsed(options)
    (variant,) = [v for v in study.variants if v.name == "l1"]
    from dataclasses import replace

    check_variants(
        [replace(variant, settings=settings)], dataset, study.network, budget
    )
    return train(dataset, dataset.tasks, study.network, budget, settings, seed=0)


@pytest.mark.slow
def test_labels_and_confidence_are_regularized_for_tasks_with_classes(data):
    found = trained(
        data,
        "label_smoothing = 0.2\nfocusing = 1.0\nconfidence_penalty = { sick = 0.1 }",
        epochs=1,
    )
    losses = dict(
        zip(found.model.task_names, found.model.step_plan.losses, strict=True)
    )
    assert losses["sick"].loss.label_smoothing == 0.2
    assert losses["sick"].loss.confidence_penalty == 0.1
    assert not hasattr(losses["score"].loss, "label_smoothing")
    with pytest.raises(UserError, match="tasks with classes; score has none"):
        trained(data, "label_smoothing = { score = 0.1 }")


@pytest.mark.slow
@pytest.mark.parametrize("refit", [False, True])
def test_a_moving_average_is_what_is_judged_and_kept(data, refit):
    found = trained(data, "ema = 0.9\nbatch_norm = true", epochs=2, refit=refit)
    plain = trained(data, "batch_norm = true", epochs=2, refit=refit)
    assert found.model.optimizer.inner_optimizer.ema_momentum == 0.9
    assert found.history != plain.history
    # The stored statistics are those of the averaged weights on the training rows.
    _, dataset = data
    norm = found.model.get_layer("trunk_0_norm")
    rows = dataset.train.x
    if refit:
        rows = np.concatenate([rows, dataset.validation.x])
    reads = ops.convert_to_numpy(keras.Model(found.model.input, norm.input)(rows))
    np.testing.assert_allclose(
        ops.convert_to_numpy(norm.moving_mean), reads.mean(0), rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
def test_gradients_of_tasks_are_clipped_and_a_task_that_learns_nothing_pauses(data):
    options = "task_early_stopping = 1\nclip_task_gradients = 0.5"
    found = trained(data, options, epochs=4, learning_rate=1e-12)
    assert found.model.step_plan.aggregation.clip == 0.5
    # All tasks wait after the second epoch, and the training ends.
    assert found.epochs == 2


@pytest.mark.slow
def test_regularizers_of_the_training_act_by_their_names(data):
    found = trained(
        data,
        "sharpness = { radius = 0.1, adaptive = true }\n"
        "adaptive_clipping = 0.02\ngradient_noise = 0.01\nmixup = 0.2",
        epochs=1,
    )
    sam, clipping, noise = found.model.step_plan.regularizers
    assert (sam.radius, sam.adaptive) == (0.1, True)
    assert (clipping.share, noise.variance) == (0.02, 0.01)
    assert found.model.step_plan.mixup.alpha == 0.2
    assert parsed("sharpness = 0.1").alone() == parsed("sharpness = 0.1")


def test_penalties_of_derivatives_leave_columns_of_yes_and_no_alone():
    x = np.array([[0.3, 1, 2], [0.1, 0, 2], [0.7, 1, 1], [0.2, 0, 3]], "float32")
    settings = parsed("input_gradient = 0.2\njacobian = 0.1")
    slope, jacobian = training_regularizers(settings, TASKS, x, {}, 10)
    assert (slope.strength, slope.columns) == (0.2, [0, 2])
    assert (jacobian.strength, jacobian.columns) == (0.1, [0, 2])
    with pytest.raises(UserError, match="input_gradient moves columns of numbers"):
        training_regularizers(settings, TASKS, x[:, 1:2], {}, 10)


def test_tasks_may_be_declared_calibrated():
    model = network('calibrated = ["buy"]\nfunnel = { tasks = ["click", "buy"] }')
    (declared,) = of_kind(model, Calibrated)
    assert declared.name == "calibrated_1"
    smoothed = {"click": "mse", "buy": keras.losses.BinaryCrossentropy(True, 0.1)}
    with pytest.raises(UserError, match='"buy" is declared calibrated'):
        model.compile("sgd", loss={**smoothed, "price": "mse"})
    with pytest.raises(UserError, match="calibrated"):
        refuse_unknown_tasks(parsed('calibrated = ["bye"]'), ["click", "buy"])


def test_schedules_end_at_a_share_of_the_updates():
    x = np.zeros((4, 2), "float32")
    settings = parsed("pruning = 0.9\nself_paced = { start = 0.3, end = 0.25 }")
    paced, pruning = training_regularizers(settings, TASKS, x, {}, 210)
    assert (paced.start, paced.steps) == (0.3, 52)
    assert (pruning.sparsity, pruning.end, pruning.every) == (0.9, 105, 5)


@pytest.mark.slow
def test_rows_without_a_label_teach_by_their_names(data):
    options = (
        "mean_teacher = { strength = 0.5, momentum = 0.9 }\n"
        "pseudo_labels = 0.3\nvat = { strength = 0.1, radius = 0.2 }\n"
        "dropout_trunk = 0.2"
    )
    found = trained(data, options, epochs=1)
    teacher, pseudo, vat = found.model.step_plan.regularizers
    assert (teacher.strength, teacher.momentum) == (0.5, 0.9)
    assert (pseudo.strength, pseudo.threshold) == (0.3, 0.95)
    assert (vat.strength, vat.radius) == (0.1, 0.2)
    _, dataset = data
    values = [len(np.unique(dataset.train.x[:, c])) for c in vat.columns]
    assert min(values) > 2


@pytest.mark.slow
def test_the_tasks_own_networks_of_the_same_seed_teach(data):
    options = "r_drop = 0.5\ndistillation = { annealing = true, temperature = 2.0 }"
    found = trained(data, options, epochs=1)
    # What doubles a batch comes last.
    taught, drop = found.model.step_plan.regularizers
    assert (drop.strength, taught.temperature, taught.label_share) == (0.5, 2.0, 0.5)
    assert taught.annealing_steps == 1 * int(found.model.optimizer.iterations)
    assert list(taught.teachers) == found.model.task_names
    teacher = taught.teachers["sick"]
    assert teacher.task_names == ["sick"]
    study, dataset = data
    (task,) = [task for task in dataset.tasks if task.name == "sick"]
    budget = Budget(epochs=1, batch_size=16, patience=1)
    settings = parsed("r_drop = 0.5")
    alone = train(dataset, (task,), study.network, budget, settings, seed=0)
    for mine, expected in zip(
        teacher.get_weights(), alone.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mine, expected, rtol=1e-6)
    with pytest.raises(UserError, match="teachers that have not seen validation"):
        trained(data, "distillation = 0.5", refit=True)


def test_tasks_cannot_be_stopped_without_validation_rows(data):
    with pytest.raises(UserError, match="refit = true trains on; give one"):
        trained(data, "task_early_stopping = 1", refit=True)
