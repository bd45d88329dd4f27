"""Starts one process for each competitor and lets them take turns."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from timing.network import Network

#: One thread for each compute library, so that CPU time and work are the same thing.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclass(frozen=True)
class Competitor:
    """Who makes the steps, and on which Keras backend.

    Attributes:
        name: One of `timing.worker.STEPS`.
        backend: "jax", "tensorflow" or "torch".
    """

    name: str
    backend: str

    def __str__(self) -> str:
        return f"{self.name} ({self.backend})"


@dataclass
class Times:
    """What was measured of one competitor at one method.

    Attributes:
        cpu: CPU seconds of a step, for each repeat.
        wall: The same by the wall clock.
        megabytes: The most memory resident.
        build: CPU seconds until the first steps were made.
        error: Why there is nothing, or "".
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    build: float = 0.0
    error: str = ""

    @property
    def step(self) -> float:
        """Median CPU seconds of a step; NaN if it failed."""
        return median(self.cpu) if self.cpu else float("nan")

    @property
    def wall_step(self) -> float:
        """Median wall seconds of a step."""
        return median(self.wall) if self.wall else float("nan")


class Process:
    """A worker process."""

    def __init__(self, competitor: Competitor, network: Network) -> None:
        benchmarks = Path(__file__).resolve().parent.parent
        path = os.pathsep.join([str(benchmarks.parent), str(benchmarks)])
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "timing.worker",
                competitor.name,
                network.name,
                str(network.tasks),
            ],
            env={
                **os.environ,
                **ONE_THREAD,
                "KERAS_BACKEND": competitor.backend,
                "PYTHONPATH": path,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"A worker ended with code {self.process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Field:
    """All competitors on one network; a context manager around their processes."""

    def __init__(self, network: Network, competitors: list[Competitor]) -> None:
        self.processes = {c: Process(c, network) for c in competitors}

    def __enter__(self) -> "Field":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.end()

    def build(self, competitor: Competitor, method: str) -> Times:
        """Let a competitor prepare a method."""
        answer = self.processes[competitor].ask("build", method=method)
        if "error" in answer:
            return Times(error=answer["error"])
        return Times(build=answer["seconds"])

    def take_turns(
        self, competitors: dict[Competitor, Times], repeats: int, seconds: float
    ) -> None:
        """Let competitors make steps in turn, and add to their times.

        Args:
            competitors: Those that take part, built, and where their times go.
            repeats: How many turns everyone has.
            seconds: About how long a turn takes, in CPU time.
        """
        ready = {c: t for c, t in competitors.items() if not t.error}
        steps = {}
        for c in ready:
            trial = self.processes[c].ask("run", steps=2)["cpu"]
            steps[c] = max(1, round(seconds / max(trial, 1e-6)))
        for _ in range(repeats):
            for c, times in ready.items():
                answer = self.processes[c].ask("run", steps=steps[c])
                times.cpu.append(answer["cpu"])
                times.wall.append(answer["wall"])
        for c, times in ready.items():
            times.megabytes = self.processes[c].ask("peak")["megabytes"]
