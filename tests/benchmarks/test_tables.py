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
    assert len(kept.splitlines()) == 4
    network = json.loads(kept.splitlines()[-1])["value"]
    assert set(network["test"]) == {"y", "z"}
    again = benchmark(*words, data=tmp_path)
    assert again.stdout == first.stdout
    assert out.read_text() == kept
