"""RegMTL: its analysis against oracles, its page against its results, a tiny run."""

import json
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.helpers.program_modules import modules_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "regmtl"


@pytest.fixture(autouse=True)
def regmtl():
    """The modules of the benchmark can be imported by their names."""
    with modules_of("benchmarks/regmtl"):
        yield


def study(gain=0.0, spread=0.0, repeats=10, tuning=()):
    """Two tasks, an arm that is `gain` percent better on the first of them."""
    from analysis import Study
    from records import Records

    random = np.random.default_rng(0)
    rows = []
    for seed in range(repeats):
        noise = 1 + spread * random.normal() / 100
        for split in ("validation", "test"):
            levels = {
                ("multi-task", "none"): (0.8, 2.0),
                ("multi-task", "arm"): (0.8 * (1 + gain / 100) * noise, 2.0),
                ("single-task", "none"): (0.7, 1.0),
                ("baseline", "trees"): (0.75, 1.5),
            }
            for (model, arm), (auc, rmse) in levels.items():
                rows.append((model, arm, "sick", seed, split, "auc", auc))
                rows.append((model, arm, "score", seed, split, "rmse", rmse))
    columns = ["model", "variant", "task", "seed", "split", "metric", "value"]
    about = {
        "tasks": [
            {"name": "sick", "kind": "binary"},
            {"name": "score", "kind": "regression"},
        ],
        "variants": [{"name": n, "title": n} for n in ("none", "arm")],
        "test_ratio": 0.25,
        "alone": ["none"],
    }
    results = pd.DataFrame(rows, columns=columns)
    tried = pd.DataFrame(tuning, columns=["model", "variant", "values", "criterion"])
    return Study(Records("made", about, results, pd.DataFrame(), tried))


def test_the_change_of_an_arm_is_the_mean_over_tasks_with_the_corrected_interval():
    (effect,) = study(gain=4.0, spread=1.0).against_none()
    values = np.array(effect.values)
    assert effect.mean == pytest.approx(values.mean())
    assert abs(effect.mean - 2.0) < 0.5
    # Nadeau and Bengio (2003): a variance of (1/J + test rows / training rows) s².
    error = values.std(ddof=1) * math.sqrt(1 / 10 + 0.25)
    half = stats.t.ppf(0.975, 9) * error
    assert effect.interval[1] == pytest.approx(values.mean() - half)
    assert effect.by_task["score"] == 0.0
    assert effect.worst_task == ("score", 0.0)


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (10.0, 1.0, "better"),
        (-10.0, 1.0, "worse"),
        (0.2, 0.1, "better"),
        (0.0, 0.1, "the same"),
        (1.0, 8.0, "open"),
    ],
)
def test_a_verdict_is_a_difference_or_none_that_matters_or_open(gain, spread, verdict):
    (effect,) = study(gain, spread).against_none()
    assert effect.verdict == verdict


def test_validation_rows_choose_the_arm_and_the_strongest_model_of_each_task():
    made = study(gain=5.0)
    assert made.chosen_arm() == "arm"
    rivals = made.strongest([("single-task", "none"), ("baseline", "trees")])
    assert rivals == {
        "sick": ("baseline", "trees"),
        "score": ("single-task", "none"),
    }
    assert study(gain=-5.0).chosen_arm() == "none"


def test_the_critical_difference_is_that_of_demsar():
    from across import ranking

    # Demšar (2006), section 3.2.4: four classifiers on fourteen data sets, 1.25.
    random = np.random.default_rng(0)
    scores = pd.DataFrame(random.normal(size=(14, 4)), columns=list("abcd"))
    ranked = ranking(scores)
    assert ranked.distance == pytest.approx(1.25, abs=0.01)
    ranks = scores.rank(axis=1, ascending=False).mean()
    assert ranked.ranks == pytest.approx(dict(ranks))
    assert list(ranked.ranks.values()) == sorted(ranked.ranks.values())


def test_arms_nearer_than_the_critical_difference_are_in_one_group():
    from across import Ranking

    ranked = Ranking({"a": 1.0, "b": 2.0, "c": 4.0, "d": 4.5}, 0.01, 2.2, 9)
    assert ranked.groups() == [["a", "b"], ["b", "c"], ["c", "d"]]


def test_the_mixed_model_of_complete_data_is_the_analysis_of_variance_by_blocks():
    from across import mixed_model

    random = np.random.default_rng(0)
    arms, data = 3, 6
    y = random.normal(size=(data, arms)) + 2 * random.normal(size=(data, 1))
    names = [(f"d{d}", f"a{a}") for d in range(data) for a in range(arms)]
    found = mixed_model([(*n, v) for n, v in zip(names, y.ravel(), strict=True)])
    rest = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
    within = np.sum(rest**2) / ((data - 1) * (arms - 1))
    between = arms * y.mean(1).var(ddof=1)
    # The variance of an arm's mean: of error and of the data sets, by REML.
    error = math.sqrt((within + (between - within) / arms) / data)
    half = stats.t.ppf(0.975, (data - 1) * (arms - 1)) * error
    for arm, mean in enumerate(y.mean(0)):
        expected = (mean, mean - half, mean + half)
        assert found[f"a{arm}"] == pytest.approx(expected, abs=1e-3)


def test_the_mixed_model_compares_arms_that_were_run_on_other_data_sets():
    from across import mixed_model

    level = {"easy": 4.0, "hard": -4.0, "odd": 1.0, "even": 0.0}
    changes = [
        (d, a, u + (a == "good")) for d, u in level.items() for a in ("plain", "good")
    ]
    alone = [c for c in changes if c[:2] != ("easy", "good")]
    found = mixed_model(alone)
    # Without the easiest data set its mean is below that of the worse arm.
    assert found["good"][0] - found["plain"][0] == pytest.approx(1.0, abs=0.05)


def test_inputs_are_numbers_that_every_split_has():
    from datasets import FAR, numbers

    random = np.random.default_rng(0)
    rows = 1_000
    number = random.normal(size=rows)
    number[:3] = 1e6, np.nan, -1e6
    inputs = pd.DataFrame(
        {
            "number": number,
            "category": np.where(random.random(rows) < 0.4, "a", "b"),
            "rare": np.where(np.arange(rows) < 5, 1.0, 0.0),
        }
    )
    inputs.loc[:4, "category"] = ["odd", "odd", None, None, None]
    encoded = numbers(inputs)
    assert list(encoded) == ["number", "category=a", "category=b"]
    assert encoded.notna().all().all()
    assert encoded["number"].abs().max() <= FAR * inputs["number"].std() * 1.01


def test_arms_of_another_study_of_the_same_splits_stand_beside_the_own():
    from dataclasses import replace

    from records import joined

    own = study().records
    more = replace(study(gain=2.0).records, about={"variants": [{"name": "more"}]})
    results = more.results.replace({"variant": {"arm": "more"}})
    both = joined(own, replace(more, results=results[results["variant"] == "more"]))
    assert [v["name"] for v in both.about["variants"]] == ["none", "arm", "more"]
    assert set(both.results["variant"]) == {"none", "arm", "more", "trees"}
    assert not both.results.duplicated(
        ["model", "variant", "task", "seed", "split"]
    ).any()


def test_the_known_prior_is_the_ridge_of_each_task_where_they_do_not_correlate():
    import truth
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(0)
    weights = random.normal(size=(truth.INPUTS, truth.TASKS)) / truth.INPUTS**0.5
    rows = truth.drawn_rows(weights, 12, noise=0.5, random=random)
    together = truth.known_prior(rows, truth.covariance(0.0), 0.5)
    for task, (x, y) in enumerate(rows):
        ridge = Ridge(alpha=0.5**2 * truth.INPUTS, fit_intercept=False).fit(x, y)
        np.testing.assert_allclose(together[:, task], ridge.coef_, atol=1e-9)


def test_the_known_prior_of_identical_tasks_is_one_ridge_of_all_rows():
    import truth
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(0)
    weights = np.repeat(random.normal(size=(truth.INPUTS, 1)), truth.TASKS, axis=1)
    rows = truth.drawn_rows(weights, 8, noise=1.0, random=random)
    together = truth.known_prior(rows, truth.covariance(1.0), 1.0)
    x, y = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    ridge = Ridge(alpha=truth.INPUTS, fit_intercept=False).fit(x, y)
    for task in range(truth.TASKS):
        np.testing.assert_allclose(together[:, task], ridge.coef_, atol=1e-9)


def test_the_winner_of_a_cell_is_sure_where_it_is_two_standard_errors_ahead():
    from truth_map import NAMES, winners

    def table(error, sem):
        rows = [(0.3, 10, 1.0, name, 1.0, sem) for name in (*NAMES, "truth")]
        columns = ["correlation", "labels", "noise", "structure", "error", "sem"]
        made = pd.DataFrame(rows, columns=columns)
        made.loc[made["structure"] == "trace_norm", "error"] = error
        made.loc[made["structure"] == "truth", "error"] = 0.5
        return made

    (cell,) = winners(table(0.8, 0.01)).itertuples()
    assert (cell.winner, cell.sure) == ("trace_norm", True)
    assert (cell.gain, cell.short) == pytest.approx((20.0, 60.0))
    (cell,) = winners(table(0.8, 0.2)).itertuples()
    assert not cell.sure


def test_a_range_of_a_knob_counts_by_its_best_draw_against_the_best_without():
    from curves import HIGHEST, best_knob, by_range

    tuning = [
        ("multi-task", "none", '{"learning_rate": 0.1}', 0.5),
        ("multi-task", "none", '{"learning_rate": 0.2}', 0.4),
        ("multi-task", "arm", '{"learning_rate": 0.1, "l2": 1e-3}', 0.3),
        ("multi-task", "arm", '{"learning_rate": 0.1, "l2": 3e-3}', 0.2),
        ("multi-task", "arm", '{"learning_rate": 0.1, "l2": 3e-2}', 4.0),
        ("single-task", "arm", '{"learning_rate": 0.1, "l2": 2e-3}', 0.1),
    ]
    made = study(tuning=tuning)
    line = by_range(made, "arm", "l2", [1e-4, 1e-3, 1e-2, 1e-1])
    assert [round(math.log10(middle), 1) for middle in line] == [-2.5, -1.5]
    assert list(line.values()) == pytest.approx([0.2 / 0.4, HIGHEST])
    assert best_knob(made, "arm", "l2") == 3e-3


def test_the_pictures_are_svg_that_says_what_it_shows():
    from across import Ranking
    from pictures import critical_difference, heat_map

    (effect,) = study(gain=5.0, spread=1.0).against_none()
    titles = {"arm": "An <arm>", "none": "None"}
    effects = {("arm", "made"): effect}
    for text in (
        heat_map("Map", ["arm"], ["made", "other"], effects, titles),
        critical_difference(
            "Ranks", Ranking({"arm": 1.2, "none": 1.8}, 0.5, 1.0, 5), titles
        ),
    ):
        root = ElementTree.fromstring(text)
        assert "An <arm>" in root.find("{http://www.w3.org/2000/svg}desc").text


def test_the_page_follows_from_the_stored_results():
    import pages

    results = pages.Results()
    assert results.studies
    text = (ROOT / "docs" / "regmtl.md").read_text(encoding="utf-8")
    assert pages.page(results) == text


def test_the_words_of_the_page_hold_for_the_stored_results():
    import page_tables
    import pages

    results = pages.Results()
    ranked = results.ranking
    verdicts = {
        verdict: {at for at, own in results.effects.items() if own.verdict == verdict}
        for verdict in ("better", "worse")
    }
    assert len(results.data) == 15
    below = {
        arm: {name for name in results.data if results.effects[arm, name].mean < 0}
        for arm in ("l2", "decay")
    }
    assert below == {"l2": set(), "decay": {"census"}}
    for arm in ("l1", "l2", "decay"):
        assert ranked.ranks["none"] - ranked.ranks[arm] > ranked.distance
    pair = {name for arm, name in verdicts["better"] if arm == "decay_dropout"}
    assert pair == {"office", "mtfl", "movielens", "wq"}
    assert {name for _, name in verdicts["better"]} == pair
    never = {"batch_norm", "layer_norm", "noise"}
    assert never.isdisjoint(arm for arm, _ in verdicts["better"])
    assert {"enb"} == {name for arm, name in verdicts["worse"] if arm in never}
    balancing = page_tables.balancers_table(results.balanced)
    assert [line for line in balancing.splitlines() if "**" in line] == [
        line for line in balancing.splitlines() if "nash_mtl | decay" in line
    ]
    assert "**+5.2 [+3.0, +7.3]**" in balancing


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="nothing is compiled")
def test_a_quick_run_can_be_continued_and_leaves_records(tmp_path):
    command = [
        sys.executable,
        str(FOLDER / "run.py"),
        "--quick",
        "--out",
        str(tmp_path),
    ]
    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    results = tmp_path / "results"
    about = json.loads((results / "regmtl-digits.json").read_text())
    assert about["rows"]["train"] == 180
    records = pd.read_parquet(results / "regmtl-digits.parquet")
    assert {"multi-task", "single-task", "baseline"} == set(records["model"])
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert records.equals(pd.read_parquet(results / "regmtl-digits.parquet"))
