"""A process that holds one competitor and makes steps when it is told to.

Reads requests as JSON lines and answers each with one JSON line:

- `{"do": "build", "method": name}` → `{"seconds": of CPU time}` or `{"error": text}`
- `{"do": "run", "steps": n}` → `{"cpu": seconds, "wall": seconds}` a step
- `{"do": "peak"}` → `{"megabytes": the most memory resident since "build"}`
"""

import ctypes
import gc
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import polytask
from timing.network import Network

#: Competitor → function in a module of this package that makes its step.
STEPS = {
    "polytask": "keras_steps.polytask_step",
    "keras": "keras_steps.keras_step",
    "floor": "floor.floor_step",
    "solver": "solver.solver_step",
    "proximal": "proximal.proximal_step",
    "native": "torch_steps.native",
    "torch": "torch_steps.plain",
    "torch floor": "torch_steps.floor_step",
    "torchjd": "torch_steps.torchjd",
    "libmtl": "torch_steps.libmtl",
}


class Worker:
    """One competitor on one network."""

    def __init__(self, competitor: str, network: Network) -> None:
        module, _, function = STEPS[competitor].rpartition(".")
        self.make = getattr(importlib.import_module(f"timing.{module}"), function)
        self.network = network
        self.steps: Callable[[int], None] | None = None

    def build(self, method: str) -> dict[str, Any]:
        """Prepare a method and make its first steps, which compile."""
        self.steps = None
        start = time.process_time()
        try:
            self.steps = self.make(self.network, method)
            self.steps(2)
        except Exception as error:  # any failure of a competitor is a result
            return {"error": f"{type(error).__name__}: {error}"[:500]}
        seconds = time.process_time() - start
        _forget_peak()
        return {"seconds": seconds}

    def run(self, steps: int) -> dict[str, float]:
        """Make steps; the seconds are those of one step."""
        assert self.steps is not None
        cpu, wall = time.process_time(), time.perf_counter()
        self.steps(steps)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return {"cpu": cpu / steps, "wall": wall / steps}

    def peak(self) -> dict[str, float]:
        """Return the high-water mark of the resident memory."""
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return {"megabytes": int(line.split()[1]) / 1024}


def _forget_peak() -> None:
    """Give freed memory back, and let the high-water mark start anew."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main() -> None:
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    polytask.keep_freed_memory()
    competitor, name, tasks = sys.argv[1:]
    worker = Worker(competitor, Network(name, int(tasks)))
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("do"))(**request)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
