"""One actor-critic for CartPole, Acrobot and MountainCarContinuous, by PPO.

    python examples/reinforcement/control.py [--quick] [--seeds N] [--jobs N]

An agent trains until it passes gymnasium's own thresholds (475, -100, 90) of all its
tasks on 100 episodes each. Compared are one network for the three tasks, three
networks, and what balancing and regularization change. What is trained already is not
trained again. Needs JAX and the extra `rl`.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parents[2]))

from environments import control_tasks
from ppo import Settings
from report import write_report
from training import Study

from examples.example_options import example_options

#: What is compared: one network for all tasks, with other settings.
ARMS = {
    "equal": {},
    "entropy": {"entropy": 0.01},
    "norm": {"decay": 0.01, "layer_norm": True},
    "Nash": {"balancer": "nash_mtl"},
}


def main(arguments: list[str] | None = None) -> None:
    parser = example_options(
        __doc__, out="runs/control", seeds=10, data=False, jobs=True
    )
    options = parser.parse_args(arguments)
    tasks, arms, settings, updates = control_tasks(), ARMS, Settings(), 150
    episodes, seeds = 100, range(options.seeds)
    if options.quick:
        settings = Settings(units=(16,), steps=32, epochs=2)
        arms, updates, episodes, seeds = {"equal": {}}, 5, 4, range(1)
    study = Study(options.out, tasks, settings, updates, episodes)
    singles, records = study.compare(arms, seeds, options.jobs)
    page = write_report(
        options.out,
        "Classic control: one network for three tasks",
        "python examples/reinforcement/control.py",
        tasks,
        singles,
        records,
    )
    print(f"Page: {page}")


if __name__ == "__main__":
    main()
