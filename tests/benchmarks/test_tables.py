"""The benchmark of tables runs without any data of its own, and says what it skips."""

import json
import runpy
import sys
from pathlib import Path

import keras
import pytest

from tests.helpers.program_modules import modules_of

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="one small run, with PyTorch"
)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a script to its end and return what it printed."""
    monkeypatch.chdir(ROOT)

    def run(script, *words, data):
        monkeypatch.setenv("POLYTASK_DATA", str(data))
        monkeypatch.setattr(sys, "argv", [script, *words])
        runpy.run_path(str(ROOT / "benchmarks" / script), run_name="__main__")
        return capsys.readouterr()

    # They look for data once, when they are imported.
    with modules_of("benchmarks"):
        yield run


@pytest.mark.slow
def test_a_table_without_files_is_skipped_and_said_so(run, tmp_path):
    printed = run("tables.py", "--tables", "enb", data=tmp_path)
    assert "enb: skipped" in printed.err
    assert len(printed.out.splitlines()) == 2


@pytest.mark.slow
def test_a_table_gets_a_line_and_its_records_are_not_computed_again(run, tmp_path):
    (tmp_path / "mulan").mkdir()
    lines = [f"{i % 7},{i % 5},{i % 7 + i % 3},{(i % 5) * (i % 3)}" for i in range(120)]
    names = "abyz"
    header = "".join(f"@attribute {name} numeric\n" for name in names)
    text = f"@relation r\n{header}@data\n" + "\n".join(lines)
    (tmp_path / "mulan" / "edm.arff").write_text(text)
    out = tmp_path / "records.jsonl"
    words = ["--tables", "edm", "--effort", "quick", "--out", str(out)]
    first = run("tables.py", *words, data=tmp_path).out
    cells = first.splitlines()[-1].split(" | ")
    assert cells[0] == "edm, seed 0"
    assert all(float(cell) > 0 for cell in cells[3:7])
    kept = out.read_text()
    names = [json.loads(line)["key"][-1] for line in kept.splitlines()]
    assert names == ["trees", "lightgbm", "svm", "linear", "network quick"]
    network = json.loads(kept.splitlines()[-1])["value"]
    assert set(network["test"]) == {"y", "z"}
    assert run("tables.py", *words, data=tmp_path).out == first
    assert out.read_text() == kept


def record(seed, what, test, table="enb", most=10_000, **more):
    errors = {"validation": test, "test": test, "cpu": 4.0}
    return {"key": [table, most, seed, what], "value": {**errors, **more}}


def split(seed, network, table="enb", most=10_000):
    """Return the records of a split: trees have an error of 1, linear models of 2."""
    place = {"table": table, "most": most}
    absent = [[table, most, seed, kind] for kind in ("lightgbm", "svm")]
    return [
        record(seed, "network good", {"y": network}, rows=[60, 20, 20], **place),
        record(seed, "trees", {"y": 1.0}, **place),
        *({"key": key, "value": None} for key in absent),
        record(seed, "linear", {"y": 2.0}, **place),
    ]


@pytest.mark.slow
def test_the_report_has_means_with_intervals_and_says_who_wins(run, tmp_path):
    lines = [*split(0, 0.5), *split(1, 0.7)]
    lines += [*split(0, 1.5, most=60_000), *split(0, 0.9, table="films")]
    # A split that is not measured to its end does not count.
    lines.append(record(2, "trees", {"y": 1.0}))
    kept = tmp_path / "tables.jsonl"
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    printed = run("tables_report.py", str(kept), data=tmp_path).out
    low, high = (0.6 + way * 12.706 * 0.1 * (1 + 2 * 0.25) ** 0.5 for way in (-1, 1))
    shown = f"**0.600** [{low:.2f}, {high:.2f}]"
    row = printed.splitlines()[2]
    assert row.startswith(f"| Mulan enb | 100 | 1 | 2 | {shown} | {shown} |  | **0.3")
    assert "on 1 of 1 tables by the mean; the interval is below 1 on 0" in printed
    usual, others = printed.split("With more rows:")
    larger, unseen = others.split("Unseen:")
    assert usual.count("| 100 |") == 1
    assert "| Mulan enb | 100 | 1 | 1 | 1.500" in larger
    assert "| films (ggplot2movies) | 100 | 1 | 1 | **0.900**" in unseen
