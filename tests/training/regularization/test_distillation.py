"""Distillation: gradients against those of labels that the teacher gives."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel, UserError
from polytask.training import Distillation
from tests.helpers.one_step import build, some_batch, step


def teacher(seed=7, units=1, activation=None):
    keras.utils.set_random_seed(seed)
    x = keras.Input((6,))
    h = keras.layers.Dense(4, "tanh")(x)
    return keras.Model(x, keras.layers.Dense(units, activation)(h))


def test_a_step_is_the_mean_of_one_on_labels_and_one_on_what_the_teacher_says():
    x, y = some_batch()
    y["b"][:] = np.nan
    model = teacher()
    said = ops.convert_to_numpy(model(x))[:, 0]
    _, labels = step((x, y))
    _, taught = step((x, {**y, "a": said, "b": said}))
    taught_by = Distillation({"a": model, "b": model}, label_share=0.3, temperature=2.0)
    student, moved = step((x, y), regularizers=taught_by)
    for task, path in (("a", "a/kernel"), ("b", "b/kernel")):
        expected = 0.3 * labels[path] + 0.7 * taught[path]
        np.testing.assert_allclose(moved[path], expected, rtol=1e-3, atol=1e-5)
        assert task in student.task_names
    np.testing.assert_allclose(moved["c/kernel"], labels["c/kernel"], rtol=1e-3)
    # No gradient reaches the teacher, and the student does not hold it.
    np.testing.assert_allclose(ops.convert_to_numpy(model(x))[:, 0], said, rtol=1e-6)
    assert len(student.trainable_variables) == len(build().trainable_variables)


def classifier():
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    h = keras.layers.Dense(5, "tanh", name="trunk")(x)
    outputs = {t: keras.layers.Dense(3, "softmax", name=t)(h) for t in "ab"}
    return MultiTaskModel(x, outputs)


def test_classes_get_the_gradient_of_the_teachers_probabilities():
    x, _ = some_batch()
    y = {t: np.arange(16) % 3 for t in "ab"}
    model = teacher(units=3, activation="softmax")
    said = ops.convert_to_numpy(model(x))
    taught = Distillation({"a": model}, label_share=0.0)
    sparse = "sparse_categorical_crossentropy"
    _, moved = step((x, y), sparse, classifier(), regularizers=taught)
    losses = {"a": "categorical_crossentropy", "b": sparse}
    _, expected = step((x, {"a": said, "b": y["b"]}), losses, classifier())
    for path, gradient in expected.items():
        np.testing.assert_allclose(moved[path], gradient, rtol=2e-3, atol=1e-5)


def test_the_share_of_the_labels_rises_to_one_with_the_updates():
    x, y = some_batch()
    taught = Distillation({"a": teacher()}, label_share=0.2, annealing_steps=2)
    model = build()
    model.compile("sgd", loss="mse", regularizers=taught)
    shares = []
    for _ in range(4):
        found = taught.label_shares(model.step_plan.trained)
        shares.append(ops.convert_to_numpy(found)[0])
        model.train_on_batch(x, y)
    np.testing.assert_allclose(shares, [0.2, 0.6, 1.0, 1.0], rtol=1e-6)
    assert ops.convert_to_numpy(found)[1] == 1.0


def test_a_file_leaves_the_teachers_out_and_says_so(tmp_path):
    model = build()
    model.compile("sgd", loss="mse", regularizers=[Distillation({"a": teacher()})])
    with pytest.warns(UserWarning, match="will not hold Distillation"):
        model.save(tmp_path / "model.keras")
    assert (
        keras.models.load_model(tmp_path / "model.keras").step_plan.regularizers == ()
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distillation({}), "teachers must be a dict"),
        (lambda: Distillation({"a": teacher()}, label_share=1), "label_share"),
        (lambda: Distillation({"a": teacher()}, temperature=0), "temperature"),
        (lambda: Distillation({"a": teacher()}, annealing_steps=0), "annealing_steps"),
        (lambda: Distillation({"aa": teacher()}), r'"aa", which is no task'),
        (lambda: Distillation({"a": teacher(units=2)}), "outputs of the shape"),
    ],
)
def test_wrong_teachers_and_numbers_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        build().compile("sgd", loss="mse", regularizers=make())


def test_a_teacher_with_several_outputs_is_asked_by_the_name_of_the_task():
    x, y = some_batch()
    both = build(seed=7)
    listed = MultiTaskModel(both.input, [both.output[t] for t in "abc"])
    _, by_dict = step((x, y), regularizers=Distillation({"b": both}))
    _, by_list = step((x, y), regularizers=Distillation({"b": listed}))
    np.testing.assert_allclose(by_list["b/kernel"], by_dict["b/kernel"], rtol=1e-6)
    other = MultiTaskModel(both.input, {"d": both.output["a"]})
    with pytest.raises(UserError, match='teacher of "b" has outputs of other names: d'):
        step((x, y), regularizers=Distillation({"b": other}))
