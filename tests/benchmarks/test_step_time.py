"""The benchmark of the training step runs; what it measures is in docs/."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="one small run, with PyTorch workers"
)
def test_step_time_measures_polytask_and_its_floor_in_processes_of_their_own():
    command = [sys.executable, "benchmarks/step_time.py", "--quick"]
    command += ["--networks", "mlp"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    row = next(line for line in lines if line.startswith("| `mgda`"))
    header = lines[lines.index(row) - 2]
    cells = list(zip(header.split(" | "), row.split(" | "), strict=True))
    place = [name for name, _ in cells].index("PyTorch, ms")
    assert float(cells[place][1]) > 0
    # A Gramian step contains its floor.
    assert float(cells[place + 1][1]) > 0.8


def test_the_tables_of_a_file_compare_each_kind_of_method_with_its_own_base(tmp_path):
    times = {"polytask": 3.0, "floor": 2.0, "keras": 1.5, "native": 4.0, "torchjd": 5.0}
    lines = [
        {
            "network": "mlp",
            "tasks": 2,
            "method": method,
            "name": name,
            "backend": "torch",
            "cpu": [seconds, seconds, 100.0],
            "megabytes": 7.0,
        }
        for method in ("equal", "mgda")
        for name, seconds in times.items()
    ]
    path = tmp_path / "times.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "benchmarks/step_time.py", "--tables", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "| `equal` | - | - | - | - | 3000.0 | 2.00 * |" in done.stdout
    assert (
        "| `mgda` | - | - | - | - | 3000.0 | 1.50 | 4000.0 | - | 0.80 |" in done.stdout
    )
    assert "| Gramian methods over the floor, MLP, T = 2 | - | - | 1.50-1.50 | - |" in (
        done.stdout
    )


@pytest.mark.slow
@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="one small run, with PyTorch workers"
)
def test_proximal_step_compares_a_step_with_the_penalty_and_without():
    command = [sys.executable, "benchmarks/proximal_step.py", "--quick"]
    command += ["--penalties", "l1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, row = done.stdout.strip().splitlines()
    backend, milliseconds, ratio = row.strip("| ").split(" | ")
    assert backend == "torch"
    assert float(milliseconds) > 0
    assert float(ratio) > 0.5
