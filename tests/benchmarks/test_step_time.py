"""The benchmark of the training step runs; what it measures is in docs/."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="one small run, with PyTorch workers"
)
def test_step_time_measures_polytask_and_its_floor_in_processes_of_their_own():
    command = [sys.executable, "benchmarks/step_time.py", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    header, _, row = done.stdout.strip().splitlines()[-3:]
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert row.startswith("| mlp | 2 | mgda")
    # A Gramian step makes two pull-backs more than the plain one.
    assert float(cells["torch, ms"]) > 0
    assert float(cells["x Keras"]) > 1


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
