"""Equal tuning: as many draws for every arm, on splits that no repeat has."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from polytask.errors import UserError
from polytask.lab.reports import write_report
from polytask.lab.studies import Study, run_study
from polytask.lab.studies.plan import arm_settings, budget_of
from polytask.lab.studies.run_tuning import FIRST_SEED
from polytask.lab.studies.schema import MULTI_TASK, SINGLE_TASK, Run
from polytask.lab.studies.store import Store
from polytask.lab.studies.tuning import Draw
from polytask_options import ElasticNet, Settings
from tests.lab.studies.conftest import STUDY, write_tiny_study

TUNING = "\n[tuning]\ndraws = 2\nl1 = { low = 1e-3, high = 1e-1, log = true }\n"


def parse(tuning, variants="[variants.l1]\nl1 = 1e-3\n"):
    text = f'[data]\nname = "digits"\n[tuning]\n{tuning}\n{variants}'
    return Study.parse(text, "study.toml", Path())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A tuned study of one repeat and its folder."""
    path = write_tiny_study(tmp_path_factory.mktemp("tuning"))
    text = STUDY.replace("seeds = 2", "repeats = 1").replace("epochs = 2", "epochs = 1")
    path.write_text(text + TUNING, encoding="utf-8")
    study = Study.load(path)
    run_study(study, path.parent / "run")
    return study, path.parent / "run"


def tried(folder):
    return json.loads((folder / "tuning.json").read_text())["tried"]


def test_every_arm_gets_as_many_draws(tuned):
    _, folder = tuned
    counts = {}
    for one in tried(folder):
        arm = (one["model"], one["variant"], one["task"])
        counts[arm] = counts.get(arm, 0) + 1
    # Two variants, each with both tasks and with each of them alone.
    assert len(counts) == 6
    assert set(counts.values()) == {2}


def test_an_arm_draws_its_own_knobs_and_the_learning_rate(tuned):
    _, folder = tuned
    for one in tried(folder):
        knobs = {"learning_rate"} | ({"l1"} if one["variant"] == "l1" else set())
        assert set(one["values"]) == knobs
        assert 1e-3 <= one["values"].get("l1", 0.01) <= 1e-1


def test_no_repeat_has_the_split_that_tuning_looked_at(tuned):
    study, folder = tuned
    assert {one["seed"] for one in tried(folder)} == {FIRST_SEED}
    assert study.seeds == (0,)


def test_each_arm_is_repeated_with_the_draw_that_validation_rows_chose(tuned):
    _, folder = tuned
    chosen = Store(folder).description().tuned
    found = tried(folder)
    for arm, values in chosen.items():
        own = [
            one
            for one in found
            if f"{one['variant']}, {one['task'] or 'all tasks'}" == arm
        ]
        best = min(own, key=lambda one: one["criterion"])
        assert values == pytest.approx(best["values"])
    assert len(chosen) == 6


def test_a_tuned_study_tries_nothing_again(tuned, monkeypatch):
    study, folder = tuned
    module = sys.modules["polytask.lab.studies.run_tuning"]

    def refuse(*arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr(module, "engine_for", refuse)
    run_study(study, folder)


def test_the_page_says_what_was_chosen(tuned):
    _, folder = tuned
    html = write_report(folder).read_text()
    assert "What tuning chose for each of 6 arms" in html
    assert "tried 2 random draws" in html


def test_what_was_chosen_is_what_a_run_is_trained_with():
    study = parse("draws = 2")
    draw = Draw({"l1": 0.5, "learning_rate": 0.25}, study.variant("l1").settings)
    study = replace(study, tuned={(MULTI_TASK, "l1", ""): draw})
    run = Run(MULTI_TASK, "l1", 0)
    assert arm_settings(study, run) == Settings(l1=0.5)
    assert budget_of(study, run).learning_rate == 0.25
    alone = Run(SINGLE_TASK, "l1", 0, "even")
    assert arm_settings(study, alone) == Settings(l1=1e-3)
    assert budget_of(study, alone) == study.budget


def test_draws_are_the_same_in_every_process_and_differ_between_arms():
    study = parse("draws = 3", "[variants.e]\nelastic_net = { l1 = 1e-4, l2 = 1e-3 }\n")
    settings = study.variant("e").settings
    arms = [Run(MULTI_TASK, "e", 0), Run(SINGLE_TASK, "e", 0, "even")]
    first, again, other = (
        [draw.values for draw in study.tuning.drawn(arm, settings)]
        for arm in (arms[0], arms[0], arms[1])
    )
    assert first == again
    assert first != other
    assert all(isinstance(values["elastic_net"], ElasticNet) for values in first)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        ("draws = 0", "draws = 0; accepted is an integer from 1"),
        ("drwas = 2", 'unknown key "drwas". Did you mean "draws"'),
        ("l1 = { low = 1.0, high = 0.1 }", "the range from 1 to 0.1 is empty"),
        ("l2 = { low = 0.1, high = 1 }", "l2 has a range, but no variant sets it"),
        ("balancer = []", 'unknown key "balancer"'),
    ],
)
def test_a_tuning_that_cannot_be_done_is_refused(tuning, message):
    with pytest.raises(UserError) as error:
        parse(tuning)
    assert message in str(error.value)


def test_tuning_is_part_of_what_identifies_a_study():
    plain = parse("draws = 2")
    assert plain.fingerprint != parse("draws = 3").fingerprint


def test_a_strength_inside_a_table_is_drawn_and_the_rest_of_it_stays():
    ranges = """draws = 3
    task_structure = { strength = { low = 1e-3, high = 1e-1, log = true } }
    sharpness = { radius = { low = 0.01, high = 0.5, log = true } }
    adaptive_clipping = [0.01, 0.02]
    decorrelation = [0.1, { strength = 0.2, form = "vicreg" }]"""
    variants = """[variants.mean]
    task_structure = { name = "mean_regularized", strength = 1.0, ridge = 0.5 }
    [variants.sam]
    sharpness = 0.05
    decorrelation = 0.3
    adaptive_clipping = 0.1
    """
    study = parse(ranges, variants)
    for variant in ("mean", "sam"):
        settings = study.variant(variant).settings
        for draw in study.tuning.drawn(Run(MULTI_TASK, variant, 0), settings):
            again = Draw.from_dict(draw.to_dict(), settings).settings
            assert again == draw.settings
            if variant == "mean":
                structure = again.task_structure
                assert 1e-3 <= structure["strength"] <= 1e-1
                assert structure["ridge"] == 0.5
            else:
                assert 0.01 <= again.sharpness["radius"] <= 0.5
                assert again.sharpness["adaptive"] is False
                assert again.decorrelation["strength"] in (0.1, 0.2)


def test_an_arm_draws_the_keys_of_a_table_that_it_has_and_others_draw_theirs():
    ranges = """draws = 3
    regularizer = { strength = { low = 1e-3, high = 1e-1 }, limit = [2.0, 4.0] }"""
    variants = """[variants.norm]
    regularizer = { name = "max_norm", limit = 1.0 }
    [variants.mcp]
    regularizer = { name = "mcp", strength = 1.0 }
    [variants.rectified]
    regularizer = "non_negative"
    """
    study = parse(ranges, variants)

    def drawn(variant):
        settings = study.variant(variant).settings
        draws = study.tuning.drawn(Run(MULTI_TASK, variant, 0), settings)
        return [draw.settings.regularizer for draw in draws]

    assert all(one["limit"] in (2.0, 4.0) for one in drawn("norm"))
    assert all(1e-3 <= one["strength"] <= 1e-1 for one in drawn("mcp"))
    assert {key for one in drawn("norm") for key in one} == {"name", "limit"}
    assert all(one == {"name": "non_negative"} for one in drawn("rectified"))


def test_a_count_is_drawn_as_an_integer():
    ranges = "draws = 3\nregularizer = { count = [20, 40] }"
    study = parse(
        ranges, '[variants.k]\nregularizer = { name = "top_k", count = 30 }\n'
    )
    settings = study.variant("k").settings
    for draw in study.tuning.drawn(Run(MULTI_TASK, "k", 0), settings):
        assert draw.settings.regularizer["count"] in (20, 40)
        assert isinstance(draw.settings.regularizer["count"], int)


def test_a_range_with_what_the_penalty_refuses_is_refused_before_any_training():
    ranges = "draws = 2\nregularizer = { count = { low = 0.5, high = 9.5 } }"
    with pytest.raises(UserError, match=r"count must be an integer.*found 0\.5"):
        parse(ranges, '[variants.k]\nregularizer = { name = "top_k", count = 3 }\n')


def test_a_range_of_a_key_that_no_arm_sets_is_refused():
    ranges = "draws = 2\ntask_structure = { fusion = { low = 0.1, high = 1.0 } }"
    with pytest.raises(UserError, match=r"task_structure\.fusion has a range, but no"):
        parse(ranges, '[variants.t]\ntask_structure = "trace_norm"\n')
