"""Two devices find the weights of one: they come from the global Gramian."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

BACKEND = keras.backend.backend()
ROOT = Path(__file__).parents[2]
WORKER = ROOT / "tests" / "helpers" / "data_parallel_worker.py"
TWO_DEVICES = "--xla_force_host_platform_device_count=2"
#: Few where every one is compiled.
SCENARIOS = {
    "torch": ["mgda", "one_row", "representation", "halves", "moco", "famo", "every"],
    "jax": ["mgda", "one_row"],
    "tensorflow": ["mgda", "moco"],
}[BACKEND]


def start(*arguments):
    environment = os.environ | {
        "KERAS_BACKEND": BACKEND,
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {TWO_DEVICES}",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, str(WORKER), ",".join(SCENARIOS), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def differences(tmp_path_factory):
    file = tmp_path_factory.mktemp("group") / "meeting"
    more = [(str(rank), str(file)) for rank in (0, 1)] if BACKEND == "torch" else [()]
    processes = [start(*arguments) for arguments in more]
    answers = [process.communicate(timeout=300) for process in processes]
    for process, (_, errors) in zip(processes, answers, strict=True):
        assert process.returncode == 0, errors[-4000:]
    return [json.loads(output.splitlines()[-1]) for output, _ in answers]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_devices_train_as_one(differences, scenario):
    for found in differences:
        assert found[SCENARIOS.index(scenario)] < 1e-4


@pytest.mark.skipif(BACKEND != "torch", reason="a loop by hand on PyTorch")
def test_a_loop_by_hand_in_two_processes_gets_the_global_gradients(differences):
    for found in differences:
        assert found[-1] < 1e-4
