"""An engine of many machines: groups of trainings as tasks of Ray Core.

Rows are put into Ray's store once and reach a node when its first task needs them.
Each task looks whether its machine has the driver's software, and has the rows as they
were sent. It gives back its results, and the files that it wrote, as bytes; the driver
alone writes. A task whose machine is lost runs again elsewhere. Ray's own integration
with Keras is not used: it would import TensorFlow.
"""

import hashlib
import os
import pickle
import socket
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from polytask._atomic import write_atomically
from polytask.errors import UserError
from polytask.lab.studies.engine import Check, OnDone, OnEpoch, Work
from polytask.lab.studies.environment import worker_environment
from polytask.lab.studies.store import versions
from polytask.lab.tables import Dataset

#: How often a task is run again whose machine was lost.
RETRIES = 3

# What a node may have of its own.
_FREE = ("platform",)
# Of the process that was started for it: not those of the driver.
_OF_A_MACHINE = ("JAX_COMPILATION_CACHE_DIR",)

Parts = Mapping[int, Dataset]


@dataclass(frozen=True)
class Cluster:
    """Where Ray runs, and what a group of trainings takes of it.

    Args:
        address: Of a running cluster, such as `"auto"` or `"10.0.0.1:6379"`; "" starts
            Ray on this machine.
        cpus: CPUs of a group.
        gpus: GPUs of a group, or a share of one.
    """

    address: str = ""
    cpus: float = 1.0
    gpus: float = 0.0


class RayEngine:
    """An engine of tasks on a Ray cluster, see `Engine`.

    Args:
        cluster: Where it runs.
        parts: Seed → rows, the first ones first; put to the nodes once.
        check: Looks at the first rows on one node, before anything is trained.
    """

    def __init__(self, cluster: Cluster, parts: Parts, check: Check) -> None:
        self.cluster, self.parts, self.check = cluster, parts, check

    def __enter__(self) -> Self:
        self.ray = started(self.cluster)
        try:
            self._remote = self.ray.remote(
                num_cpus=self.cluster.cpus,
                num_gpus=self.cluster.gpus,
                max_retries=RETRIES,
            )(_entry())
            parts = dict(self.parts)
            sent = parts, versions(), fingerprint(parts)
            self._rows = self.ray.put(pickle.dumps(sent))
            task = self._start(_Checked(self.check))
            _results(self._got(task, "looked at the data"))
        except BaseException:
            self.ray.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Tasks that still run belong to this driver, and end with it.
        self.ray.shutdown()

    def run(self, works: Sequence[Work], on_epoch: OnEpoch, on_done: OnDone) -> None:
        """Do all of the work, see `Engine`; epochs are not reported."""
        running = {self._start(_Trained(work)): work for work in works}
        while running:
            (task, *_), _ = self.ray.wait(list(running))
            work = running.pop(task)
            names = ", ".join(run.run_id for run in work.runs[:3])
            results, files = _results(self._got(task, f"trained {names}"))
            for name, content in files.items():
                assert work.folder is not None, "only its folder has files"
                write_atomically(work.folder / name, content)
            for run, result in results:
                on_done(run, result)

    def _start(self, job: Any) -> Any:
        environment = {
            name: value
            for name, value in worker_environment().items()
            if name not in _OF_A_MACHINE
        }
        environment["KERAS_BACKEND"] = versions()["backend"]
        return self._remote.remote(environment, pickle.dumps(job), self._rows)

    def _got(self, task: Any, what: str) -> Any:
        try:
            return self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            reason = str(error).strip().split("\n", 1)[0]
            raise UserError(
                f"The task that {what} was lost {RETRIES + 1} times ({reason}). "
                "Finished runs are kept; the same command continues."
            ) from error


def started(cluster: Cluster) -> Any:
    """Return Ray, connected.

    Args:
        cluster: Where it runs.

    Raises:
        UserError: If Ray is not installed, the cluster cannot be reached, or it has
            not what a group takes.
    """
    try:
        import ray
    except ImportError:
        raise UserError(
            'The engine "ray" needs Ray: pip install "polytask[ray]".'
        ) from None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if cluster.address:
        quiet["address"] = cluster.address
    else:
        quiet["include_dashboard"] = False
    try:
        ray.init(**quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise UserError(
            f"No Ray cluster was reached at {cluster.address or 'this machine'}: "
            f"{reason}"
        ) from error
    for name, wanted in (("CPU", cluster.cpus), ("GPU", cluster.gpus)):
        most = max((node["Resources"].get(name, 0) for node in ray.nodes()), default=0)
        if wanted > most:
            ray.shutdown()
            raise UserError(
                f"A group takes {wanted:g} {name}, but no node has more than {most:g}."
            )
    return ray


def check_versions(driver: Mapping[str, str], node: Mapping[str, str]) -> None:
    """Refuse a node whose software would give other results.

    Args:
        driver: Software → version where the command was given.
        node: The same on the node, which this runs on.

    Raises:
        UserError: Naming the node, the software and both versions.
    """
    for name, wanted in driver.items():
        if name not in _FREE and node.get(name) != wanted:
            raise UserError(
                f"The node {socket.gethostname()} has {name} {node.get(name)}, the "
                f"driver {wanted}; give all machines the same software."
            )


def fingerprint(parts: Parts) -> str:
    """Return a SHA-256 of the rows that networks and baselines see.

    Args:
        parts: Seed → rows.
    """
    digest = hashlib.sha256()
    for seed, dataset in parts.items():
        for name, split in dataset.splits.items():
            arrays = {"x": split.x, **split.y}
            if split.weights is not None:
                arrays["weights"] = split.weights
            for label, array in arrays.items():
                digest.update(repr((seed, name, label, array.shape)).encode())
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def check_rows(driver: str, parts: Parts) -> None:
    """Refuse a node that reads other rows than the driver has sent.

    Args:
        driver: The driver's `fingerprint`.
        parts: Seed → rows on the node, which this runs on.

    Raises:
        UserError: Naming the node.
    """
    if fingerprint(parts) != driver:
        name = next(iter(parts.values())).name
        raise UserError(
            f"The node {socket.gethostname()} reads other rows of {name} than the "
            "driver has sent; give all machines the same kind of processor and NumPy."
        )


def _entry() -> Callable[..., Any]:
    """Return what a task runs first, sent by value.

    A backend reads its environment when it is imported, and unpickling the arguments
    imports it: they come as bytes.
    """

    def entry(environment: dict[str, str], job: bytes, rows: bytes) -> Any:
        os.environ.update(environment)
        from polytask.lab.studies.ray_engine import on_node

        return on_node(job, rows)

    return entry


def on_node(job: bytes, rows: bytes) -> tuple[str, Any]:
    """Do a task on a node.

    Args:
        job: What to do, pickled.
        rows: Seed → rows, the driver's versions and its `fingerprint`, pickled.

    Returns:
        `("done", results and files)`, `("refused", text)` for a wrong input or
        `("failed", text)`.
    """
    try:
        parts, theirs, sent = pickle.loads(rows)
        check_versions(theirs, versions())
        check_rows(sent, parts)
        return "done", pickle.loads(job)(parts)
    except UserError as error:
        return "refused", str(error)
    except Exception:
        return "failed", traceback.format_exc()


def _results(answer: tuple[str, Any]) -> Any:
    kind, content = answer
    if kind == "refused":
        raise UserError(content)
    if kind == "failed":
        raise RuntimeError(f"A task failed:\n{content}")
    return content


@dataclass(frozen=True)
class _Checked:
    """A look at the data."""

    check: Check

    def __call__(self, parts: Parts) -> tuple[list[Any], dict[str, bytes]]:
        self.check(next(iter(parts.values())))
        return [], {}


@dataclass(frozen=True)
class _Trained:
    """Work that is done on a node."""

    work: Work

    def __call__(self, parts: Parts) -> tuple[list[Any], dict[str, bytes]]:
        results: list[Any] = []
        with tempfile.TemporaryDirectory() as folder:
            own = self.work.elsewhere(Path(folder), parts)
            own.train(
                next(iter(parts.values())),
                lambda run, epoch: None,
                lambda run, result: results.append((run, result)),
            )
            files = {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in Path(folder).rglob("*")
                if path.is_file()
            }
        return results, files
