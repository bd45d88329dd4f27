"""Meta-World's ten tasks: demonstrations of its scripted experts, and episodes."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polytask import UserError
from polytask._atomic import replacing

try:
    import metaworld
    from metaworld.policies import ENV_POLICY_MAP
except ImportError as error:
    raise UserError(
        f"Meta-World is not installed (no module {error.name}); it comes with the "
        "extra rl: pip install 'polytask[rl]'"
    ) from None

#: Steps after which an episode has failed.
HORIZON = 200
#: Goals that Meta-World draws for each task from one seed.
GOALS = 50

Rows = dict[str, tuple[np.ndarray, np.ndarray]]


class Goals:
    """Environments of the ten tasks, and goals for them.

    Args:
        seed: Of the goals.
    """

    def __init__(self, seed: int) -> None:
        self.benchmark = metaworld.MT10(seed=seed)
        self.environments = {
            name: made() for name, made in self.benchmark.train_classes.items()
        }

    @property
    def names(self) -> list[str]:
        """Names of the tasks."""
        return list(self.environments)

    def begin(self, name: str, goal: int) -> np.ndarray:
        """Begin an episode with one of the goals, and return what is observed."""
        tasks = [t for t in self.benchmark.train_tasks if t.env_name == name]
        self.environments[name].set_task(tasks[goal])
        return np.asarray(self.environments[name].reset()[0])

    def step(self, name: str, action: np.ndarray) -> tuple[np.ndarray, bool]:
        """Step, and return what is observed and whether the goal is reached."""
        clipped = np.clip(action, -1.0, 1.0).astype("float32")
        observation, _, _, _, info = self.environments[name].step(clipped)
        return np.asarray(observation), bool(info["success"])


def demonstrations(count: int, file: Path) -> Rows:
    """Return observations and the expert's actions, from episodes that succeed.

    Args:
        count: Episodes of each task; those that fail are left out.
        file: Where they are kept, and read from if it is there.

    Returns:
        Task → observations (rows, 39) and actions (rows, 4), from -1 to 1.
    """
    if not file.exists():
        collected = _collected(count)
        with replacing(file) as aside, aside.open("wb") as stream:
            arrays = {f"{n} {k}": a for n, rows in collected.items() for k, a in rows}
            np.savez_compressed(stream, **arrays)
    with np.load(file) as stored:
        names = dict.fromkeys(key.rsplit(" ", 1)[0] for key in stored)
        return {n: (stored[f"{n} x"], stored[f"{n} y"]) for n in names}


def _collected(count: int) -> dict[str, list[tuple[str, np.ndarray]]]:
    found: dict[str, list[Any]] = {}
    for start in range(0, count, GOALS):
        goals = Goals(seed=start // GOALS)
        for name in goals.names:
            expert = ENV_POLICY_MAP[name]()
            for goal in range(min(GOALS, count - start)):
                rows = _episode(goals, name, goal, expert)
                found.setdefault(name, []).extend(rows)
    parts = {
        name: map(np.stack, zip(*rows, strict=True)) for name, rows in found.items()
    }
    return {
        name: [(k, a.astype("float32")) for k, a in zip("xy", pair, strict=True)]
        for name, pair in parts.items()
    }


def _episode(goals: Goals, name: str, goal: int, expert: Any) -> list[Any]:
    observation, rows = goals.begin(name, goal), []
    for _ in range(HORIZON):
        with warnings.catch_warnings():
            # The experts ask for more than the environment's bounds, which clip it.
            warnings.simplefilter("ignore", UserWarning)
            action = np.clip(expert.get_action(observation), -1.0, 1.0)
        rows.append((observation, action))
        observation, reached = goals.step(name, action)
        if reached:
            return rows
    return []


def success(
    goals: Goals,
    act: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
    count: int,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """Return the share of goals that a policy reaches, by task.

    All tasks step at once, each through its own goals.

    Args:
        goals: Goals that no demonstration had.
        act: From task → observation to task → action, for the tasks that still run.
        count: Goals of each task.
        names: Names of the tasks. Default: all.
    """
    names = list(names or goals.names)
    seen = {name: goals.begin(name, 0) for name in names}
    goal, steps = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    reached = dict.fromkeys(names, 0)
    while seen:
        for name, action in act(seen).items():
            seen[name], done = goals.step(name, action)
            steps[name] += 1
            if not done and steps[name] < HORIZON:
                continue
            reached[name] += done
            goal[name], steps[name] = goal[name] + 1, 0
            if goal[name] < count:
                seen[name] = goals.begin(name, goal[name])
            else:
                del seen[name]
    return {name: reached[name] / count for name in names}
