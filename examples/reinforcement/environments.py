"""Environments as tasks: their thresholds, and how many of them step at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from polytask import UserError

EXTRA = "pip install 'polytask[rl]'"

try:
    import gymnasium
    import minigrid.core.constants
    from gymnasium.vector import AutoresetMode, SyncVectorEnv
    from gymnasium.wrappers.utils import RunningMeanStd
except ImportError as error:
    raise UserError(
        f"The environments are not installed (no module {error.name}); they come with "
        f"the extra rl: {EXTRA}"
    ) from None


@dataclass(frozen=True)
class Task:
    """One environment to solve.

    Attributes:
        name: Name of the task.
        make: Returns one environment with a flat observation.
        threshold: The mean score of 100 episodes that counts as solved.
        counts_success: Whether an episode's score is 1 where its return is above 0,
            and not the return itself.
        hold: Steps for which an action is held: a decision of the agent is so many
            steps of the environment, and every one of them counts.
        entropy: Weight of the policy's entropy in the task's loss.
        normalized: Whether observations are standardized by their running moments.
        draws: Whether a test draws actions as training does, in place of the most
            likely ones. Who sees little and remembers nothing would circle for ever.
    """

    name: str
    make: Callable[[], Any]
    threshold: float
    counts_success: bool = False
    hold: int = 1
    entropy: float = 0.0
    normalized: bool = True
    draws: bool = False


class HeldAction(gymnasium.Wrapper):  # type: ignore[misc]
    """Holds every action for some steps, and adds up their rewards."""

    def __init__(self, env: Any, hold: int) -> None:
        super().__init__(env)
        self.hold = hold

    def step(self, action: Any) -> Any:
        """Step until the hold or the episode ends."""
        total = 0.0
        for _ in range(self.hold):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info


class Bench:
    """Some environments of one task, stepped together, with observations of one width.

    Args:
        task: The task.
        width: Width to which observations are padded with zeros.
        place: Index of the task, given in the observation as a one-hot code.
        tasks: Number of tasks.
        count: Number of environments.
        moments: The running moments of another bench, which stay as they are.

    Attributes:
        without_episode: Batches in which no episode ended, and so without a return.
    """

    def __init__(
        self,
        task: Task,
        width: int,
        place: int,
        tasks: int,
        count: int,
        moments: RunningMeanStd | None = None,
    ) -> None:
        self.task = task

        def made() -> Any:
            env = task.make()
            return HeldAction(env, task.hold) if task.hold > 1 else env

        mode = AutoresetMode.SAME_STEP
        self.envs = SyncVectorEnv([made] * count, autoreset_mode=mode)
        (self.size,) = self.envs.single_observation_space.shape
        self.width, self.place, self.tasks = width, place, tasks
        self.learns = moments is None
        self.moments = moments or RunningMeanStd(shape=(self.size,))
        self.returns = np.zeros(count)
        self.without_episode = 0

    def reset(self, seed: int) -> np.ndarray:
        """Begin an episode in every environment, and return what is observed."""
        self.returns[:] = 0.0
        return self.observed(self.envs.reset(seed=seed)[0])

    def step(self, actions: np.ndarray) -> tuple[Any, ...]:
        """Step every environment.

        Returns:
            Observations, rewards, terminated, truncated, the final observations of the
            episodes that were truncated by environment, and the returns of those that
            ended. An episode that ended begins anew at once.
        """
        space = self.envs.single_action_space
        if hasattr(space, "low"):
            actions = np.clip(actions, space.low, space.high)
        raw, rewards, terminated, truncated, info = self.envs.step(actions)
        self.returns += rewards
        ended = terminated | truncated
        finished = self.returns[ended].tolist()
        self.returns[ended] = 0.0
        final = {
            int(place): self.observed(info["final_obs"][place][None], learn=False)[0]
            for place in np.flatnonzero(truncated & ~terminated)
        }
        return self.observed(raw), rewards, terminated, truncated, final, finished

    def observed(self, raw: np.ndarray, learn: bool = True) -> np.ndarray:
        """Return standardized, padded observations with the task's code."""
        if self.task.normalized:
            if self.learns and learn:
                self.moments.update(raw)
            raw = (raw - self.moments.mean) / np.sqrt(self.moments.var + 1e-8)
        padded = np.zeros((len(raw), self.width + self.tasks), "float32")
        padded[:, : self.size] = np.clip(raw, -10.0, 10.0)
        padded[:, self.width + self.place] = 1.0
        return padded


class GridFeatures(gymnasium.ObservationWrapper):  # type: ignore[misc]
    """What stands in each of the 7 x 7 cells that a MiniGrid agent sees, flat.

    Seven indicators a cell: unseen, wall, goal, key, and a door that is open, closed or
    locked. The agent's own cell shows what it carries.
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (7 * 7 * 7,))

    def observation(self, observation: Any) -> np.ndarray:
        """Return the indicators."""
        kind, _, state = np.moveaxis(observation["image"], -1, 0)
        unseen, wall, door, key, goal = (
            kind == minigrid.core.constants.OBJECT_TO_IDX[name]
            for name in ("unseen", "wall", "door", "key", "goal")
        )
        doors = [door & (state == number) for number in range(3)]
        return np.stack([unseen, wall, goal, key, *doors]).ravel().astype("float32")


def grid_tasks() -> dict[str, Task]:
    """Return four tasks of MiniGrid; solved is 95 of 100 episodes that succeed."""
    ids = {
        "empty": "MiniGrid-Empty-8x8-v0",
        "door_key": "MiniGrid-DoorKey-5x5-v0",
        "unlock": "MiniGrid-Unlock-v0",
        "four_rooms": "MiniGrid-FourRooms-v0",
    }
    return {
        name: Task(
            name,
            partial(_grid, environment),
            0.95,
            counts_success=True,
            entropy=0.01,
            normalized=False,
            draws=True,
        )
        for name, environment in ids.items()
    }


def _grid(environment: str, **options: Any) -> Any:
    made = gymnasium.make(environment, disable_env_checker=True, **options)
    return GridFeatures(made)


def control_tasks() -> dict[str, Task]:
    """Return three tasks of classic control, with gymnasium's own thresholds."""
    ids = {
        "cartpole": "CartPole-v1",
        "acrobot": "Acrobot-v1",
        "mountain_car": "MountainCarContinuous-v0",
    }

    def made(name: str, environment: str) -> Task:
        return Task(
            name,
            partial(gymnasium.make, environment, disable_env_checker=True),
            gymnasium.spec(environment).reward_threshold,
            # Only a push that lasts leaves the valley.
            hold=8 if name == "mountain_car" else 1,
        )

    return {name: made(name, environment) for name, environment in ids.items()}
