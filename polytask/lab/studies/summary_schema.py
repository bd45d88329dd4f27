"""What a study's results come to: the contents of its summary and baselines files."""

from typing import Any

import msgspec
from msgspec import Struct

from polytask.lab.studies.schema import FORMAT


class Delta(Struct):
    """Δm of a variant in percent, or why there is none.

    Attributes:
        mean: Over seeds or repeats.
        low: Lower end of its 95 % interval.
        high: Upper end.
        per_seed: One by one.
        reason: Why there is none.
        p_value: Of a mean of 0.
        p_adjusted: The same for all of the comparisons together, by Holm.
        p_equivalence: Of a mean as far from 0 as the margin, adjusted as well.
        worst_task: The task with the smallest relative change.
        worst: That change, in percent.
        error_reduction: Mean over tasks of the share of the error that is gone, in
            percent; see `polytask.lab.metrics.error_reduction`.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    per_seed: list[float | None] = []
    reason: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    p_equivalence: float | None = None
    worst_task: str = ""
    worst: float | None = None
    error_reduction: float | None = None


class Level(Struct, kw_only=True):
    """The mean test metric of the variant that a task is compared with."""

    variant: str
    metric: str
    value: float | None = None


class BaselineModel(Struct, kw_only=True):
    """A single-task model that is no network, see `polytask.lab.studies.baselines`.

    Attributes:
        name: Its kind, such as `"trees"`.
        task: Its task.
        seed: Of the repeat on whose split it was fitted; None where all have one split.
        setting: What validation rows chose.
        settings: Among how many.
        scores: Rows (task, split, metric, value); None where undefined.
        seconds: CPU time of all settings.
    """

    name: str
    task: str
    seed: int | None = None
    setting: dict[str, Any] = {}
    settings: int = 1
    scores: list[tuple[str, str, str, float | None]] = []
    seconds: float = 0.0


class BaselineModels(Struct, kw_only=True):
    """All of a study's baselines.

    Attributes:
        format: Of the file.
        kinds: Which were asked for.
        grids: Kind → parameter → values that were tried; empty in files of before they
            could be chosen.
        repeats: Seeds of the repeats on whose splits all of these were fitted; None
            for the one split of a study without.
        models: The models.
    """

    format: int = FORMAT
    kinds: list[str] = []
    grids: dict[str, dict[str, list[Any]]] = {}
    repeats: list[int | None] = msgspec.field(default_factory=lambda: [None])
    models: list[BaselineModel] = []


class Rival(Level, kw_only=True):
    """The strongest single-task model of a task, whatever its kind."""

    model: str


class Missing(Struct, kw_only=True):
    """A metric that is undefined on a split, and in how many runs."""

    task: str
    split: str
    metric: str
    reason: str
    runs: int


class Summary(Struct, kw_only=True):
    """What a study comes to, see `polytask.lab.studies.summarize`."""

    best: str | None = None
    best_by: str = ""
    delta_m: dict[str, Delta] = {}
    delta_m_validation: dict[str, Delta] = {}
    baseline: dict[str, Level] = {}
    plain_single_task: dict[str, Level] = {}
    strongest_model: dict[str, Rival] = {}
    delta_m_any_model: dict[str, Delta] = {}
    comparisons: int = 0
    missing: list[Missing] = []
    warnings: list[str] = []
