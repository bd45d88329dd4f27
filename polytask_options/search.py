"""How a search goes about it; what it tries is the ranges beside these options."""

from dataclasses import dataclass

from polytask_options.option import option
from polytask_options.values import Choice, Integer, Switch, Text

OBJECTIVES = ("mean", "pareto")
SAMPLERS = ("tpe", "random", "nsga2")


@dataclass(frozen=True)
class Search:
    """What of `[search]` in a study file is no range."""

    trials: int = option(
        64,
        Integer(1),
        "networks tried for all tasks together, and for each task alone",
    )
    objective: str = option(
        "mean",
        Choice(OBJECTIVES),
        "mean: the smallest mean of the tasks' losses; pareto: the front of the losses",
    )
    sampler: str = option(
        "", Choice(SAMPLERS), "default: tpe for mean, nsga2 for pareto"
    )
    batch: int = option(
        8, Integer(1), "trials that are chosen at a time; half a generation of NSGA-II"
    )
    pruning: bool = option(
        True, Switch(), "end trials that fall behind the others before their last epoch"
    )
    seed: int = option(0, Integer(), "of the sampler and of the networks tried")
    storage: str = option(
        "", Text(), "URL of an Optuna storage; default: a journal in the folder"
    )
