"""Trainings on many machines: the same tables, also where one of them is lost."""

import argparse
import os
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest

from polytask import UserError
from polytask.lab.commands.compare import asked_cluster
from polytask.lab.studies import Study, run_search, run_study
from polytask.lab.studies.load_data import load_data
from polytask.lab.studies.ray_engine import (
    Cluster,
    check_rows,
    check_versions,
    fingerprint,
    started,
)
from polytask.lab.studies.store import Store, versions
from tests.lab.studies.search.test_run_search import tiny_search

TABLES = ("results.parquet", "history.parquet", "summary.json")


def flags(**given):
    asked = {"engine": "ray", "address": None, "cpus": None, "gpus": None}
    return argparse.Namespace(**{**asked, **given})


def test_flags_of_the_command_line_are_a_cluster():
    assert asked_cluster(flags(engine="local")) is None
    assert asked_cluster(flags(address="auto", gpus=0.5)) == Cluster("auto", 1.0, 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "local", "address": "auto"}, "--address is for --engine ray"),
        ({"cpus": 0.0}, "--cpus 0; accepted is a number from 1"),
        ({"gpus": -1.0}, "--gpus -1; accepted is a number from 0"),
    ],
)
def test_flags_that_do_not_fit_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        asked_cluster(flags(**given))


def test_without_ray_one_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "polytask\[ray\]"'):
        started(Cluster())


def test_a_node_with_other_versions_is_refused_by_name():
    here = versions()
    check_versions(here, {**here, "platform": "another"})
    with pytest.raises(UserError, match=r"The node \S+ has keras 2.0, the driver"):
        check_versions(here, {**here, "keras": "2.0"})


def test_a_node_with_other_rows_is_refused_by_name(trained):
    dataset = load_data(trained[0].data)[0]
    sent = fingerprint({0: dataset})
    check_rows(sent, pickle.loads(pickle.dumps({0: dataset})))
    x = dataset.test.x.copy()
    x[0, 0] = np.nextafter(x[0, 0], np.inf)
    other = replace(dataset, test=replace(dataset.test, x=x))
    with pytest.raises(UserError, match=r"The node \S+ reads other rows of table"):
        check_rows(sent, {0: other})


@pytest.mark.one_backend
def test_a_cluster_that_is_not_there_is_refused(tiny_study, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_gcs_rpc_server_connect_timeout_s", "1")
    study = Study.load(tiny_study)
    with pytest.raises(UserError, match=r"No Ray cluster was reached at not-there"):
        run_study(study, tiny_study.parent / "run", cluster=Cluster("not-there"))


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_machine_lost_in_mid_task_changes_no_table(tiny_study, tmp_path, monkeypatch):
    utilities = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
    study = Study.load(tiny_study).narrowed(seeds=1)
    node = {"num_cpus": 1, "object_store_memory": 10**8}
    machines = utilities.Cluster(initialize_head=True, head_node_args=node)
    second = machines.add_node(**node)
    save, lost = Store.save, []

    def lose_one(self, run, record):
        # The first result is there; the other machine, or both, are in mid-task.
        if not lost:
            lost.append(run)
            machines.remove_node(second, allow_graceful=False)
        save(self, run, record)

    monkeypatch.setattr(Store, "save", lose_one)
    try:
        run_study(study, tmp_path / "ray", cluster=Cluster(machines.address))
    finally:
        machines.shutdown()
    assert lost
    monkeypatch.setattr(Store, "save", save)
    run_study(study, tmp_path / "local")
    for table in TABLES:
        there, here = (tmp_path / name / table for name in ("ray", "local"))
        assert there.read_bytes() == here.read_bytes(), table
    models = [p.name for p in (tmp_path / "local" / "runs").glob("*.keras")]
    assert all((tmp_path / "ray" / "runs" / name).is_file() for name in models)


@pytest.mark.slow
@pytest.mark.one_backend
def test_a_search_on_ray_comes_to_the_same_result(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    study = tiny_search(tmp_path)
    # One group at a time: one worker that imports a backend.
    there = run_search(study, tmp_path / "ray", cluster=Cluster(cpus=os.cpu_count()))
    assert there == run_search(study, tmp_path / "local")
    tables = [tmp_path / name / "results.parquet" for name in ("ray", "local")]
    assert tables[0].read_bytes() == tables[1].read_bytes()
