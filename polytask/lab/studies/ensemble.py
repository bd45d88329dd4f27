"""Several networks from different seeds, whose predictions are averaged."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from polytask.lab.kinds import Task
from polytask.lab.studies.epoch_selection import OnEpoch
from polytask.lab.studies.train import Trained, evaluated, train
from polytask.lab.tables import Dataset
from polytask.models import MultiTaskModel
from polytask_options import Budget, Network, Settings

# Seeds of a study are small and follow each other.
_NEXT_MEMBER = 1_000_003


def train_members(
    dataset: Dataset,
    tasks: tuple[Task, ...],
    network: Network,
    budget: Budget,
    settings: Settings,
    seed: int,
    on_epoch: OnEpoch | None = None,
    **options: Any,
) -> Trained:
    """Train `budget.members` networks that differ by their seed, and average them.

    Args:
        dataset: As `train` takes it; so are the others.
        tasks: The tasks.
        network: Widths and activation.
        budget: Of each network.
        settings: The regularization.
        seed: Of the first network; those of the others follow from it.
        on_epoch: Called with the number of each finished epoch of all networks.
        **options: Other arguments of `train`.

    Returns:
        One model whose outputs are the members' means, with its scores. Curves,
        gradients and the chosen epoch are those of the first member.

    Source:
        Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive
        Uncertainty Estimation using Deep Ensembles", NeurIPS 2017.
    """
    start = time.perf_counter()
    alone = replace(budget, members=1)
    parts: list[Trained] = []
    for number in range(budget.members):
        before = sum(part.epochs for part in parts)
        parts.append(
            train(
                dataset,
                tasks,
                network,
                alone,
                settings,
                (seed + number * _NEXT_MEMBER) % 2**32,
                _counted(on_epoch, before),
                **options,
            )
        )
    model = averaged([part.model for part in parts], tasks)
    validated = {
        task.name: task.rules.averaged([part.validated[task.name] for part in parts])
        for task in tasks
    }
    splits = dataset.splits if parts[0].reached.scores else {}
    return replace(
        parts[0],
        model=model,
        epochs=sum(part.epochs for part in parts),
        seconds=time.perf_counter() - start,
        reached=evaluated(model, splits, tasks, {"validation": validated}),
        validated=validated,
    )


def averaged(
    members: Sequence[MultiTaskModel], tasks: Sequence[Task]
) -> MultiTaskModel:
    """Return one model whose outputs are the means of the members' outputs.

    Args:
        members: Networks with the same inputs and tasks.
        tasks: The tasks.
    """
    inputs = keras.Input(members[0].input_shape[1:], name="features")
    found = []
    for number, member in enumerate(members):
        member.name = f"member_{number}"
        found.append(member(inputs))
    outputs = {
        task.name: keras.layers.Average(name=f"mean_{number}")(
            [each[task.name] for each in found]
        )
        for number, task in enumerate(tasks)
    }
    return MultiTaskModel(inputs, outputs)


def _counted(on_epoch: OnEpoch | None, before: int) -> OnEpoch | None:
    """Return the callback with the epochs of earlier members counted."""
    if on_epoch is None:
        return None
    return lambda epoch: on_epoch(before + epoch)
