"""Learning without labels: an average of the past, sure guesses, worst moves."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError
from polytask.training import VAT, MeanTeacher, PseudoLabels
from polytask.training.batch import Batch
from polytask.training.output_distance import OutputDistance
from tests.helpers.one_step import build, some_batch, step

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 6)).astype("float32")
CLASSES = np.array([0, 1, 2, -1] * 3)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def classifier(*regularizers, dropout=0.0, **options):
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = layers.Dense(8, "tanh", name="trunk")(x)
    h = layers.Dropout(dropout, seed=1)(h)
    outputs = {
        "kind": layers.Dense(3, "softmax", name="kind")(h),
        "sick": layers.Dense(1, "sigmoid", name="sick")(h),
        "size": layers.Dense(1, name="size")(h),
    }
    model = MultiTaskModel(x, outputs)
    losses = {
        "kind": "sparse_categorical_crossentropy",
        "sick": "binary_crossentropy",
        "size": "mse",
    }
    model.compile("sgd", loss=losses, regularizers=list(regularizers), **options)
    return model


def labels(**changed):
    y = {"kind": CLASSES, "sick": np.full(12, np.nan), "size": X[:, 0]}
    return {**y, **changed}


def test_the_average_of_the_weights_is_that_of_the_formula():
    teacher = MeanTeacher(momentum=0.6)
    model = classifier(teacher, dropout=0.5)
    path, expected = model.trainable_variables[0], None
    for update in range(1, 5):
        model.train_on_batch(X, labels())
        momentum = min(0.6, 1 - 1 / update)
        now = array(path).astype("float64")
        expected = now if update == 1 else momentum * expected + (1 - momentum) * now
        found = array(teacher.variables[0])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_student_keeps_its_weights_and_learns_without_labels_as_the_ramp_rises():
    teacher = MeanTeacher(2.0, ramp_up_steps=1)
    model = classifier(teacher, dropout=0.5)
    none = labels(kind=np.full(12, -1), size=np.full(12, np.nan))
    first = model.train_on_batch(X, none, return_dict=True)["loss"]
    second = model.train_on_batch(X, none, return_dict=True)["loss"]
    assert second > first == 0
    start = array(classifier(dropout=0.5).get_layer("sick").kernel)
    assert not np.allclose(start, array(model.get_layer("sick").kernel), atol=1e-6)


@pytest.mark.two_backends
def test_averages_travel_with_a_file(tmp_path):
    model = classifier(MeanTeacher(momentum=0.5), dropout=0.5)
    for _ in range(2):
        model.train_on_batch(X, labels())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for mine, other in zip(
        model.step_plan.regularizers[0].variables,
        loaded.step_plan.regularizers[0].variables,
        strict=True,
    ):
        np.testing.assert_array_equal(array(mine), array(other))


def test_only_sure_guesses_of_rows_without_a_label_count():
    pseudo = PseudoLabels(0.5, threshold=0.6)
    tasks = classifier(pseudo).step_plan.trained
    said = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.9, 0.1, 0]])
    output = np.array([[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.2, 0.3, 0.5], [0.4] * 3])
    yes, sick = np.array([[0.9], [0.3], [0.5], [0.2]]), np.array([[0.8], [0.4]] * 2)
    missing = np.array([1.0, 1.0, 1.0, 0.0])

    def tensors(**values):
        return {k: ops.convert_to_tensor(v, "float32") for k, v in values.items()}

    beside = {
        "pseudo_labels": (
            tensors(kind=said, sick=yes, size=yes),
            tensors(kind=missing, sick=missing, size=missing),
        )
    }
    batch = Batch(None, {}, {}, None, beside)
    found = pseudo.terms(tasks, tensors(kind=output, sick=sick, size=sick), batch)
    expected = 0.5 * -(np.log(0.6) + np.log(0.5)) / 3
    assert float(found[0]) == pytest.approx(expected, rel=1e-4)
    expected = 0.5 * -(np.log(0.8) + np.log(1 - 0.4)) / 3
    assert float(found[1]) == pytest.approx(expected, rel=1e-4)
    assert found[2] is None


@pytest.mark.slow
def test_a_step_on_pseudo_labels_is_one_on_the_sure_classes():
    start = classifier()
    guess = array(start(X)["kind"]).argmax(-1)
    taught = np.where(CLASSES < 0, guess, CLASSES)
    model = classifier(PseudoLabels(threshold=1e-6))
    model.train_on_batch(X, labels())
    # Nine labels and three guesses, each a mean of its own.
    expected = classifier()
    weights = np.where(CLASSES < 0, 12 / 3, 12 / 9)
    y = labels(kind=taught)
    expected.train_on_batch(X, y, sample_weight={"kind": weights})
    found = array(model.get_layer("kind").kernel)
    wanted = array(expected.get_layer("kind").kernel)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_the_worst_direction_of_a_linear_model_is_that_of_its_weights():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    model = MultiTaskModel(x, {"a": layers.Dense(1, name="a")(x)})
    vat = VAT(2.0, radius=0.5, columns=[0, 2])
    model.compile(keras.optimizers.SGD(1.0), loss="mse", regularizers=vat)
    kernel = np.array([[3.0], [7.0], [4.0]], "float32")
    model.get_layer("a").set_weights([kernel, np.zeros(1)])
    rows = np.zeros((4, 3), "float32")
    nothing = {"a": np.full(4, np.nan)}
    loss = model.train_on_batch(rows, nothing, return_dict=True)["loss"]
    # Along (3, 4) / 5 in the columns that may move, the output changes by 0.5 * 5.
    assert loss == pytest.approx(2.0 * 2.5**2, rel=1e-4)


def test_moved_rows_have_no_labels():
    x, y = some_batch()
    model, moved = step((x, y), regularizers=VAT(1e-6, radius=1e-3))
    _, plain = step((x, y))
    for path, gradient in plain.items():
        np.testing.assert_allclose(moved[path], gradient, rtol=1e-3, atol=1e-4)
    assert model.step_plan.trained.distances[0] == OutputDistance("values")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MeanTeacher(momentum=1), "momentum"),
        (lambda: MeanTeacher(ramp_up_steps=0), "ramp_up_steps"),
        (lambda: PseudoLabels(threshold=2), "threshold"),
        (lambda: PseudoLabels(), "no task's loss is a cross-entropy"),
        (lambda: VAT(radius=-1), "radius"),
        (lambda: VAT(columns=[9]), "indices below 6"),
    ],
)
def test_what_is_out_of_range_or_does_not_fit_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        build().compile("sgd", loss="mse", regularizers=make())


@pytest.mark.slow
@pytest.mark.parametrize("regularizer", [MeanTeacher, PseudoLabels, VAT])
def test_outputs_in_a_list_are_found_by_their_names(regularizer):
    x = keras.Input((6,))
    h = layers.Dense(4, "tanh")(x)
    heads = [layers.Dense(1, "sigmoid", name=name)(h) for name in ("sick", "well")]
    model = MultiTaskModel(x, heads)
    model.compile("sgd", loss="binary_crossentropy", regularizers=regularizer())
    sick = np.array([0, 1, np.nan] * 4)
    logs = model.train_on_batch(X, [sick, 1 - sick], return_dict=True)
    assert np.isfinite(logs["loss"])


@pytest.mark.slow
def test_moved_rows_are_no_rows_without_a_label():
    """Sure guesses are for the rows that lack a label, whatever stands first."""
    weights = []
    for order in (1, -1):
        model = classifier(*[VAT(radius=1e-6), PseudoLabels(threshold=0.1)][::order])
        model.train_on_batch(X, labels())
        weights.append(array(model.get_layer("kind").kernel))
    np.testing.assert_allclose(*weights, rtol=1e-5)
