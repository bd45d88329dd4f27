from pathlib import Path

import pytest

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies import Run, Study, plan
from polytask.lab.studies.plan import trained_as
from polytask.lab.studies.schema import record_file


def test_every_variant_and_seed_is_trained_together_and_for_each_task_alone():
    study = Study.load("digits").narrowed(["none", "l1"], seeds=2)
    runs = plan(study, ["a", "b"])
    assert len(runs) == len(set(runs)) == 2 * 2 * 3
    assert runs[:4] == [
        Run("multi-task", "none", 0),
        Run("single-task", "none", 0, "a"),
        Run("single-task", "none", 0, "b"),
        Run("multi-task", "l1", 0),
    ]


def test_the_first_seed_of_every_variant_comes_before_the_second():
    study = Study.load("digits").narrowed(["none", "l1"], seeds=2)
    seeds = [run.seed for run in plan(study, ["a"])]
    assert seeds == sorted(seeds)


def test_a_run_is_named_after_what_it_is():
    assert Run("multi-task", "l1", 3).run_id == "multi-task--all--l1--seed3"
    single = Run("single-task", "none", 0, "income")
    assert single.run_id == "single-task--income--none--seed0"


def test_names_of_tasks_become_distinct_valid_file_names():
    tasks = ["a/b", "a b", "a--b", "a-b", "<script>", "Größe", "..", "a%2Fb"]
    names = {Run("single-task", "none", 0, task).run_id for task in tasks}
    assert len(names) == len(tasks)
    assert all(name.count("--") == 3 for name in names)
    assert not any(set(name) & set('/\\<>:"|?* ') for name in names)


def test_runs_of_tasks_with_long_names_have_files_of_their_own(tmp_path):
    question = "How satisfied are you, all things considered, with your life? " * 5
    (tmp_path / "runs").mkdir()
    runs = [Run("single-task", "none", s, question + t) for t in "ab" for s in (0, 1)]
    for run in runs:
        write_atomically(record_file(tmp_path, run), run.run_id)
    assert len({run.run_id for run in runs}) == len(runs)
    assert all(run.run_id.endswith(f"--seed{run.seed}") for run in runs)


def test_networks_of_one_task_may_be_of_some_variants_alone():
    text = """[data]
    name = "digits"
    [baselines]
    networks = ["l2"]
    [variants.l1]
    l1 = 1e-3
    [variants.l2]
    l2 = 1e-3
    [variants.both]
    l2 = 1e-3
    balancer = "pcgrad"
    """
    study = Study.parse(text, "study.toml", Path())
    single = [run for run in plan(study, ["even"]) if run.task]
    assert {run.variant for run in single} == {"l2"}
    assert {trained_as(study, run).variant for run in single} == {"l2"}
    with pytest.raises(UserError, match="networks = 'l3'; accepted is names of"):
        Study.parse(text.replace('["l2"]', '["l3"]'), "study.toml", Path())
