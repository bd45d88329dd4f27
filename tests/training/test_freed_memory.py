"""What a training step frees stays with the process."""

import platform
import subprocess
import sys

import pytest

# Page faults of ten rounds that each touch and free eight blocks of 1 MiB, which are
# 2,048 pages a round.
ROUNDS = """
import resource
import numpy as np
from polytask.training.freed_memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use_blocks():
    blocks = [np.ones(2**20, np.uint8) for _ in range(8)]

{call}
use_blocks()
before = faults()
for _ in range(10):
    use_blocks()
print(faults() - before)
"""


def faults_of(call):
    command = [sys.executable, "-c", ROUNDS.format(call=call)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.one_backend
@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc learns from freed blocks"
)
def test_blocks_freed_in_one_step_cost_no_page_faults_in_the_next():
    assert faults_of("keep_freed_memory()") < 200
