import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import polytask
import polytask_cli
from polytask.errors import TableWarning, UserError

TASKS = {"price": "regression", "sold": "binary", "tier": "multiclass"}
OPTIONS = {"trunk": [8], "epochs": 2, "embedding": "none"}


def homes(rows=80):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(5, 1, rows),
            "town": random.choice(["Ulm", "Bonn"], rows),
            "price": random.normal(300, 50, rows),
            "sold": random.choice([False, True], rows),
            "tier": random.choice([10, 20, 30], rows),
        }
    )
    frame["sold"] = frame["sold"].astype(object)
    frame.loc[:4, "sold"] = None
    frame.loc[5:9, "price"] = np.nan
    frame.loc[3, "size"] = np.nan
    return frame


@pytest.fixture(scope="module")
def fitted():
    return polytask.TabularModel(TASKS, options=OPTIONS).fit(homes())


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("models") / "homes")


@pytest.mark.slow
def test_predictions_are_a_table_beside_the_rows(fitted):
    rows = homes().drop(columns=list(TASKS)).sample(frac=0.2, random_state=0)
    predicted = fitted.predict(rows)
    assert predicted.index.equals(rows.index)
    assert list(predicted) == list(TASKS)
    # Classes come back as they were given.
    assert predicted["sold"].dtype == bool
    assert set(predicted["tier"]) <= {10, 20, 30}


def test_probabilities_have_a_column_for_each_class_and_agree(fitted):
    shares = fitted.predict_proba(homes())
    assert set(shares.columns.get_level_values("task")) == {"sold", "tier"}
    assert list(shares["tier"]) == [10, 20, 30]
    for task in ("sold", "tier"):
        np.testing.assert_allclose(shares[task].sum(axis=1), 1, rtol=1e-5)
        likeliest = shares[task].idxmax(axis=1)
        assert (likeliest == fitted.predict(homes())[task]).all()


def test_missing_labels_do_not_count(fitted):
    measured = fitted.evaluate(homes())
    assert measured.loc[("sold", "auc"), "rows"] == 75
    assert measured.loc[("price", "rmse"), "rows"] == 75
    known = homes().dropna(subset=["price"])
    error = known["price"] - fitted.predict(known)["price"]
    expected = np.sqrt(np.mean(np.square(error)))
    assert measured.loc[("price", "rmse"), "value"] == pytest.approx(expected, rel=1e-5)


def test_the_score_of_numbers_is_r2(fitted):
    frame = homes()[["size", "town", "price"]]
    expected = fitted.evaluate(frame).loc[("price", "r2"), "value"]
    assert fitted.score(frame) == pytest.approx(expected, rel=1e-5)


def test_all_rows_train_and_some_of_them_choose(fitted):
    assert set(fitted.scores_.index.get_level_values("split")) == {
        "train",
        "validation",
    }
    assert 1 <= fitted.n_iter_ <= 2
    assert list(fitted.feature_names_in_) == ["size", "town"]
    assert fitted.n_features_in_ == 2


@pytest.mark.slow
def test_targets_may_come_apart_from_the_table(fitted):
    frame = homes()
    apart = clone(fitted).fit(frame[["size", "town"]], frame[list(TASKS)])
    pd.testing.assert_frame_equal(apart.predict(frame), fitted.predict(frame))


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y,
        lambda y: y.reset_index(drop=True).to_dict("series"),
        lambda y: {task: y[task].to_numpy() for task in y},
        lambda y: y.to_numpy(),
    ],
    ids=["table", "series by task", "arrays by task", "array"],
)
def test_targets_apart_may_have_any_form(fitted, form):
    frame = homes().set_axis([f"row {i}" for i in range(80)])
    score = fitted.evaluate(frame[["size", "town"]], form(frame[list(TASKS)]))
    pd.testing.assert_frame_equal(score, fitted.evaluate(frame))


def test_targets_that_do_not_fit_the_table_are_refused(fitted):
    x, price = homes()[["size", "town"]], homes()["price"]
    for y, named in [
        ({"price": price[:5]}, r"80 rows and y\['price'\] 5"),
        (price.to_numpy(), r"shape \(80,\).*price, sold, tier"),
        ("price", "y is a str"),
    ]:
        with pytest.raises(UserError, match=named):
            fitted.evaluate(x, y)


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert again.set_params(effort="quick").effort == "quick"
    with pytest.raises(NotFittedError):
        again.predict(homes())


def test_an_unknown_category_is_read_as_rare_with_a_warning(fitted):
    rows = homes().head(2).assign(town="Rom")
    with pytest.warns(TableWarning, match="'town'"):
        assert np.isfinite(fitted.predict(rows)["price"]).all()


def test_a_saved_model_predicts_the_same(fitted, saved):
    loaded = polytask.TabularModel.load(saved)
    assert loaded.get_params() == fitted.get_params()
    pd.testing.assert_frame_equal(loaded.predict(homes()), fitted.predict(homes()))
    pd.testing.assert_frame_equal(loaded.scores_, fitted.scores_)


def test_a_saved_model_is_a_folder_of_the_command(fitted, saved, tmp_path):
    table, out = tmp_path / "homes.csv", tmp_path / "predicted.csv"
    homes().to_csv(table, index=False)
    words = ["predict", str(saved), str(table), "--out", str(out)]
    assert polytask_cli.main(words) == 0
    np.testing.assert_allclose(
        pd.read_csv(out)["price"], fitted.predict(homes())["price"], rtol=1e-4
    )
    assert (saved / "report.html").is_file()


@pytest.mark.slow
def test_a_folder_of_the_command_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    homes().to_csv("homes.csv", index=False)
    words = ["fit", "homes.csv", "--task", "price:regression", "--task", "sold:binary"]
    words += ["--trunk", "8", "--epochs", "1", "--exclude", "tier", "--out", "run"]
    assert polytask_cli.main(words) == 0
    loaded = polytask.TabularModel.load("run")
    assert loaded.tasks == {"price": "regression", "sold": "binary"}
    assert list(loaded.predict(homes())) == ["price", "sold"]
    # Its parameters ask for the same network.
    options = loaded.get_params()["options"]
    assert options["trunk"] == [8]
    assert options["exclude"] == ["tier"]
    again = clone(loaded).fit(homes())
    names = [[layer.name for layer in m.model_.layers] for m in (again, loaded)]
    assert names[0] == names[1]
    assert again.model_.get_layer("trunk_0").units == 8


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"tasks": {"price": "ordinary"}}, "ordinary"),
        ({"tasks": {"prize": "regression"}}, "prize"),
        ({"tasks": {}}, "No task"),
        ({"tasks": "price"}, "mapping"),
        ({"tasks": {1: "regression"}}, "mapping"),
        ({"effort": "god"}, 'Did you mean "good"'),
        ({"options": {"dropuot_trunk": 0.1}}, "dropuot_trunk"),
        ({"options": {"dropout_trunk": 2}}, "dropout_trunk"),
        ({"validation_fraction": 1.5}, "validation_fraction"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_a_wrong_parameter_is_refused(parameters, named):
    model = polytask.TabularModel(**{"tasks": TASKS, **parameters})
    with pytest.raises(UserError, match=named):
        model.fit(homes())


def test_what_is_no_table_is_refused(fitted):
    with pytest.raises(UserError, match="ndarray"):
        fitted.predict(homes().to_numpy())
    with pytest.raises(UserError, match="'size'"):
        fitted.predict(homes()[["town"]])
    with pytest.raises(UserError, match="in X and in y"):
        clone(fitted).fit(homes(), homes()[["price"]])
    with pytest.raises(UserError, match="no column with labels"):
        fitted.evaluate(homes()[["size", "town"]])


def test_a_folder_of_something_else_is_not_overwritten(fitted, saved, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        fitted.save(saved)
    with pytest.raises(UserError, match="holds no"):
        fitted.save(tmp_path, overwrite=True)
    with pytest.raises(UserError, match="holds no"):
        polytask.TabularModel.load(tmp_path)


def test_counts_of_any_size_are_trained():
    random = np.random.default_rng(0)
    x = random.normal(size=300)
    frame = pd.DataFrame(
        {
            "x": x,
            "days": random.poisson(np.exp(2.5 * x)),
            "price": x + random.normal(size=300),
        }
    )
    tasks = {"days": "count", "price": "regression"}
    model = polytask.TabularModel(tasks=tasks, options={"epochs": 6}).fit(frame)
    found = model.predict(frame)["days"]
    assert np.corrcoef(np.log1p(found), np.log1p(frame["days"]))[0, 1] > 0.5
