"""A balancer is a variant like any other, and the study keeps what it did."""

import json

import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.reports import write_report
from polytask.lab.studies import Study, run_study

BALANCED = """
[variants.nash]
balancer = "nash_mtl"

[variants.scaled]
balancer = { name = "cagrad", c = 0.9 }
"""


def test_a_study_of_balancers_records_the_gradients_of_all_variants(tiny_study):
    tiny_study.write_text(tiny_study.read_text().replace("[variants.l1]", "#"))
    text = tiny_study.read_text().replace("l1 = 1e-2", "") + BALANCED
    tiny_study.write_text(text)
    study = Study.load(tiny_study).narrowed(seeds=1)
    assert study.compares_balancers
    folder = tiny_study.parent / "run"
    run_study(study, folder)
    stored = pd.read_parquet(folder / "gradients.parquet")
    assert set(stored["variant"]) == {"none", "nash", "scaled"}
    assert set(stored["epoch"]) == {1, 2}
    assert set(stored["quantity"]) == {"weight", "gradient_norm", "cosine", "conflict"}
    plain = stored[(stored["variant"] == "none") & (stored["quantity"] == "weight")]
    assert (plain["value"] == 1.0).all()
    cosines = stored[stored["quantity"] == "cosine"]
    assert cosines["value"].between(-1, 1).all()
    assert set(cosines["task"]) == {"sick"}
    assert set(cosines["other"]) == {"score"}
    settings = json.loads((folder / "study.json").read_text())["variants"][2]
    assert settings["settings"]["balancer"] == {"name": "cagrad", "c": 0.9}
    page = write_report(folder).read_text("utf-8")
    assert "Balancing and conflict" in page
    assert page.count("matrix") >= 3


def test_a_study_without_balancers_watches_nothing(finished):
    study, folder, _ = finished
    assert not study.compares_balancers
    assert len(pd.read_parquet(folder / "gradients.parquet")) == 0


def test_a_record_from_before_the_gradients_were_kept_still_counts(finished):
    study, folder, summary = finished
    for file in (folder / "runs").glob("*.json"):
        record = json.loads(file.read_text())
        del record["gradients"]
        file.write_text(json.dumps(record))
    assert run_study(study, folder)["delta_m"] == summary["delta_m"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('balancer = "nashmtl"', 'Did you mean "nash_mtl"'),
        ('balancer = { name = "cagrad", c = -1 }', "c must be a finite number"),
        ('balancer = { name = "cagrad", radius = 1 }', "radius"),
        ("balancer = 3", "a name or"),
    ],
)
def test_a_wrong_balancer_is_named_before_anything_is_trained(
    tiny_study, option, message
):
    tiny_study.write_text(tiny_study.read_text() + f"\n[variants.bad]\n{option}\n")
    with pytest.raises(UserError, match=message):
        Study.load(tiny_study)
