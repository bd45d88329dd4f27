"""The benchmark of tables runs without any data of its own, and says what it skips."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="one small run, with PyTorch"
)


def benchmark(*words, data):
    command = [sys.executable, "benchmarks/tables.py", *words]
    environment = {**os.environ, "POLYTASK_DATA": str(data), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_table_without_files_is_skipped_and_said_so(tmp_path):
    done = benchmark("--tables", "enb", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "enb: skipped" in done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.slow
def test_a_table_gets_a_line_and_its_records_are_not_computed_again(tmp_path):
    (tmp_path / "mulan").mkdir()
    lines = [f"{i % 7},{i % 5},{i % 7 + i % 3},{(i % 5) * (i % 3)}" for i in range(120)]
    names = "abyz"
    header = "".join(f"@attribute {name} numeric\n" for name in names)
    text = f"@relation r\n{header}@data\n" + "\n".join(lines)
    (tmp_path / "mulan" / "edm.arff").write_text(text)
    out = tmp_path / "records.jsonl"
    words = ["--tables", "edm", "--effort", "quick", "--out", str(out)]
    first = benchmark(*words, data=tmp_path)
    assert first.returncode == 0, first.stderr
    cells = first.stdout.splitlines()[-1].split(" | ")
    assert cells[0] == "edm, seed 0"
    assert all(float(cell) > 0 for cell in cells[3:7])
    kept = out.read_text()
    names = [json.loads(line)["key"][-1] for line in kept.splitlines()]
    assert names == ["trees", "lightgbm", "svm", "linear", "network quick"]
    network = json.loads(kept.splitlines()[-1])["value"]
    assert set(network["test"]) == {"y", "z"}
    again = benchmark(*words, data=tmp_path)
    assert again.stdout == first.stdout
    assert out.read_text() == kept


def record(seed, what, test, **more):
    errors = {"validation": test, "test": test, "cpu": 4.0}
    return {"key": ["enb", 10_000, seed, what], "value": {**errors, **more}}


@pytest.mark.slow
def test_the_report_has_means_with_intervals_and_says_who_wins(tmp_path):
    lines = []
    for seed, network in enumerate((0.5, 0.7)):
        lines += [
            record(seed, "network good", {"y": network}, rows=[60, 20, 20]),
            record(seed, "trees", {"y": 1.0}),
            {"key": ["enb", 10_000, seed, "lightgbm"], "value": None},
            {"key": ["enb", 10_000, seed, "svm"], "value": None},
            record(seed, "linear", {"y": 2.0}),
        ]
    # A split that is not measured to its end does not count.
    lines.append(record(2, "trees", {"y": 1.0}))
    kept = tmp_path / "tables.jsonl"
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = [sys.executable, "benchmarks/tables_report.py", str(kept)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    low, high = (0.6 + way * 12.706 * 0.1 * (1 + 2 * 0.25) ** 0.5 for way in (-1, 1))
    shown = f"**0.600** [{low:.2f}, {high:.2f}]"
    row = done.stdout.splitlines()[2]
    assert row.startswith(f"| Mulan enb | 100 | 1 | 2 | {shown} | {shown} |  | **0.3")
    assert "on 1 of 1 tables by the mean; the interval is below 1 on 0" in done.stdout
