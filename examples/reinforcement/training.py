"""Train agents until their tasks are solved, and keep what they did."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from environments import Task
from ppo import Agent, Settings

from examples.jobs import results
from polytask._atomic import write_atomically

#: A solved task takes part in one update of so many, so that it is not forgotten.
REST = 4
#: Updates between two tests, and the episodes of a first and of the deciding one.
EVERY, FEW, MANY = 5, 10, 100

Record = dict[str, Any]


def train(
    tasks: Mapping[str, Task],
    settings: Settings,
    seed: int,
    updates: int,
    episodes: int = MANY,
) -> tuple[Agent, Record]:
    """Train one agent until all of its tasks pass the same test, or the updates end.

    Args:
        tasks: Name → task.
        settings: How the agent learns.
        seed: Of everything random.
        updates: The most updates.
        episodes: Episodes of the deciding test.

    Returns:
        The agent, and the record: `"solved"`, `"frames"` and `"decisions"` by task,
        `"score"` by task on new episodes, `"returns"` by task and update (None without
        an episode), `"cosines"` by update, what was `"absent"` and `"without_episode"`
        by task, `"parameters"` and `"seconds"` of CPU.
    """
    start = time.process_time()
    agent = Agent(tasks, settings, seed)
    passed: set[str] = set()
    returns: dict[str, list[float | None]] = {name: [] for name in tasks}
    cosines = []

    def passes(name: str, update: int) -> bool:
        threshold = tasks[name].threshold
        seeds = 100_000 + 1_000 * update, 200_000 + 1_000 * update
        if score(agent, name, min(FEW, episodes), seeds[0]) < threshold:
            return False
        return score(agent, name, episodes, seeds[1]) >= threshold

    for update in range(1, updates + 1):
        present = [n for n in tasks if n not in passed or update % REST == 0]
        learned = agent.learn(present)
        cosines.append(learned["cosines"].round(3).tolist())
        for name in tasks:
            ended = learned[name]
            returns[name].append(round(float(np.mean(ended)), 3) if ended else None)
        if update % EVERY == 0:
            fresh = {n for n in tasks if n not in passed and passes(n, update)}
            passed |= fresh
            if len(passed) == len(tasks):
                passed = fresh | {n for n in passed - fresh if passes(n, update)}
            if len(passed) == len(tasks):
                break
    return agent, {
        "solved": len(passed) == len(tasks),
        "updates": update,
        "frames": agent.frames,
        "decisions": {n: f // tasks[n].hold for n, f in agent.frames.items()},
        "score": {n: score(agent, n, episodes, 900_000 + seed) for n in tasks},
        "returns": returns,
        "cosines": cosines,
        "absent": agent.absent,
        "without_episode": {n: b.without_episode for n, b in agent.benches.items()},
        "parameters": agent.model.count_params(),
        "seconds": round(time.process_time() - start, 1),
    }


def score(agent: Agent, name: str, episodes: int, seed: int) -> float:
    """Return what new episodes bring in the mean.

    Args:
        agent: Who acts.
        name: Name of the task.
        episodes: Number of episodes.
        seed: Of the environments and of drawn actions.

    Returns:
        The mean return, or the share of successes where the task counts these.
    """
    bench = agent.bench(name, episodes, frozen=True)
    observed, found = bench.reset(seed), np.full(episodes, np.nan)
    random = np.random.default_rng(seed)
    while np.isnan(found).any():
        totals = bench.returns.copy()
        observed, rewards, terminated, truncated, _, _ = bench.step(
            agent.actions(name, observed, random)
        )
        first = (terminated | truncated) & np.isnan(found)
        found[first] = (totals + rewards)[first]
    bench.envs.close()
    return float(np.mean(found > 0 if agent.tasks[name].counts_success else found))


class Study:
    """Agents by arm and seed, each stored when it is trained.

    Args:
        out: Folder of the results; what it holds already is not trained again.
        tasks: Name → task.
        settings: Of all agents.
        updates: The most updates of an agent.
        episodes: Episodes of a test.
    """

    def __init__(
        self,
        out: Path,
        tasks: Mapping[str, Task],
        settings: Settings,
        updates: int,
        episodes: int = MANY,
    ) -> None:
        self.folder = out / "runs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tasks, self.settings = dict(tasks), settings
        self.updates, self.episodes = updates, episodes

    def record(
        self,
        arm: str,
        seed: int,
        changes: Mapping[str, Any],
        names: Any = None,
        then: Callable[[Agent], None] | None = None,
    ) -> Record:
        """Return the record of one agent, trained if it is not there yet.

        Args:
            arm: What is compared.
            seed: Of everything random.
            changes: What the arm changes of the settings.
            names: Names of the agent's tasks. Default: all.
            then: Called with the agent after its training.

        Returns:
            See `train`; `"settings"` besides.
        """
        chosen = {n: t for n, t in self.tasks.items() if names is None or n in names}
        settings = replace(self.settings, **changes)
        asked = json.loads(
            json.dumps(
                {
                    "settings": asdict(settings),
                    "tasks": {
                        n: [t.threshold, t.hold, t.entropy, t.draws]
                        for n, t in chosen.items()
                    },
                    "updates": self.updates,
                    "episodes": self.episodes,
                }
            )
        )
        file = self.folder / f"{arm.replace(' ', '_')}-{seed}.json"
        if file.exists():
            stored: Record = json.loads(file.read_text("utf-8"))
            if stored["asked"] == asked:
                return stored
        agent, record = train(chosen, settings, seed, self.updates, self.episodes)
        record["asked"] = asked
        write_atomically(file, json.dumps(record).encode())
        if then is not None:
            then(agent)
        solved = "solved" if record["solved"] else "not solved"
        scores = ", ".join(f"{n} {s:.2f}" for n, s in record["score"].items())
        print(
            f"{arm}, seed {seed}: {solved} after {sum(record['frames'].values()):,} "
            f"steps ({scores}), {record['seconds']} s",
            flush=True,
        )
        return record

    def compare(
        self,
        arms: Mapping[str, Mapping[str, Any]],
        seeds: Iterable[int],
        jobs: int = 1,
        then: Callable[[Agent], None] | None = None,
    ) -> tuple[list[dict[str, Record]], dict[str, list[Record]]]:
        """Return records of agents for one task and for all, seed by seed.

        Args:
            arms: Name → what it changes of the settings of an agent for all tasks.
            seeds: The seeds.
            jobs: Processes that train.
            then: Called with the first agent for all tasks after its training.

        Returns:
            By seed, task → the record of its own agent; and arm → records by seed.
        """
        calls: list[tuple[Any, ...]] = []
        for seed in seeds:
            calls += [(f"single {n}", seed, {}, [n]) for n in self.tasks]
            for arm, changes in arms.items():
                calls.append((arm, seed, changes, None, then))
                then = None
        found: dict[str, list[Record]] = {}
        trained = results(self.record, calls, jobs)
        for (arm, *_), record in zip(calls, trained, strict=True):
            found.setdefault(arm, []).append(record)
        alone = [found[f"single {n}"] for n in self.tasks]
        singles = [
            dict(zip(self.tasks, own, strict=True)) for own in zip(*alone, strict=True)
        ]
        return singles, {arm: found[arm] for arm in arms}
