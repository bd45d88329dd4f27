"""One actor-critic for four tasks of MiniGrid, by PPO.

    python examples/reinforcement/grids.py [--quick] [--seeds N] [--jobs N]

An agent without memory sees 7 x 7 cells, draws its actions, and trains until it
succeeds in 95 of 100 episodes of each of its tasks, or its updates end. What is trained
already is not trained again. Needs JAX and the extra `rl`.
"""

import io
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from environments import grid_tasks
from PIL import Image
from ppo import Agent, Settings
from report import write_report
from training import Study

from examples.example_options import example_options
from polytask._atomic import write_atomically

ARMS = {"equal": {}, "norm": {"decay": 0.01, "layer_norm": True}}
#: Frames of an episode's picture, pixels of a cell, and of a frame's side.
_FRAMES, _TILE, _SIDE = 8, 12, 96


def film(file: Path, agent: Agent) -> None:
    """Write a PNG with a row of pictures of an episode of each task."""
    rows = []
    for name in agent.tasks:
        bench = agent.bench(name, 1, frozen=True)
        (env,) = bench.envs.envs
        observed, frames, ended = bench.reset(seed=7), [], False
        random = np.random.default_rng(7)
        while not ended:
            frames.append(Image.fromarray(env.unwrapped.get_frame(tile_size=_TILE)))
            observed, _, terminated, truncated, _, _ = bench.step(
                agent.actions(name, observed, random)
            )
            ended = bool(terminated[0] or truncated[0])
        chosen = np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)
        pictures = [np.asarray(frames[i].resize((_SIDE, _SIDE))) for i in chosen]
        edge = ((2, 2), (2, 2), (0, 0))
        framed = [np.pad(p, edge, constant_values=255) for p in pictures]
        rows.append(np.concatenate(framed, axis=1))
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(stream, "PNG", optimize=True)
    write_atomically(file, stream.getvalue())


def main(arguments: list[str] | None = None) -> None:
    parser = example_options(__doc__, out="runs/grids", seeds=5, data=False, jobs=True)
    options = parser.parse_args(arguments)
    tasks, arms, updates, episodes = grid_tasks(), ARMS, 200, 100
    settings, seeds = Settings(epochs=4, units=(64, 64)), range(options.seeds)
    if options.quick:
        settings = Settings(units=(16,), steps=32, epochs=1)
        arms, updates, episodes, seeds = {"equal": {}}, 5, 2, range(1)
    strip = options.out / "policies.png"

    study = Study(options.out, tasks, settings, updates, episodes)
    singles, records = study.compare(arms, seeds, options.jobs, partial(film, strip))
    page = write_report(
        options.out,
        "MiniGrid: one network for four tasks",
        "python examples/reinforcement/grids.py",
        tasks,
        singles,
        records,
        {"An episode of each task, as the first network acts": strip.read_bytes()},
    )
    print(f"Page: {page}")


if __name__ == "__main__":
    main()
