"""Proximal policy optimization of one network for several tasks, on JAX.

Each task's loss goes through polytask's native entry point, which balances what the
tasks want of the shared trunk; their heads learn from their own loss. Source: Schulman
et al. 2017, "Proximal Policy Optimization Algorithms".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import keras
import numpy as np
from environments import Bench, Task
from jax import numpy as jnp
from policies import advantage_estimates, policy_of

import polytask
from polytask.layers import PopArt
from polytask.training.native.jax import multitask_grad


@dataclass(frozen=True)
class Settings:
    """How an agent learns.

    Attributes:
        balancer: Name of the balancer of the tasks' losses.
        decay: Decoupled weight decay of all kernels.
        entropy: Weight of the policies' entropy, beside that of the task.
        layer_norm: Whether the trunk normalizes its layers.
        units: Units of the trunk's layers.
        rate: Learning rate of Adam.
        environments: Environments of a task that step together.
        steps: Decisions of each between two updates.
        epochs: How often an update goes through what was collected.
        minibatches: Parts into which an epoch is cut.
        discount: Of a decision.
        trace: λ of the generalized advantage estimate.
        clip: How far a probability may move in an update.
    """

    balancer: str = "equal"
    decay: float = 0.0
    entropy: float = 0.0
    layer_norm: bool = False
    units: Sequence[int] = (64, 64)
    rate: float = 1e-3
    environments: int = 8
    steps: int = 128
    epochs: int = 10
    minibatches: int = 4
    discount: float = 0.99
    trace: float = 0.95
    clip: float = 0.2


class Agent:
    """A policy and a value for every task, on one trunk.

    Args:
        tasks: Name → task.
        settings: How it learns.
        seed: Of everything random.

    Attributes:
        model: The `polytask.MultiTaskModel`; a task's output is its policy's parameters
            and its normalized value.
        frames: Task → steps of its environments so far.
        absent: Task → updates that it had no rows in.
    """

    def __init__(
        self, tasks: Mapping[str, Task], settings: Settings, seed: int
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.tasks, self.settings = dict(tasks), settings
        self.random = np.random.default_rng(seed)
        probes = {name: task.make() for name, task in tasks.items()}
        self.width = max(p.observation_space.shape[0] for p in probes.values())
        self.policies = {n: policy_of(p.action_space) for n, p in probes.items()}
        for probe in probes.values():
            probe.close()
        self.benches = {
            name: self.bench(name, settings.environments) for name in self.tasks
        }
        places = enumerate(self.tasks)
        self.observations = np.stack(
            [self.benches[name].reset(seed + 1000 * k) for k, name in places]
        )
        self._build()
        self.frames = dict.fromkeys(self.tasks, 0)
        self.absent = dict.fromkeys(self.tasks, 0)

    def bench(self, name: str, count: int, frozen: bool = False) -> Bench:
        """Return environments of a task; frozen ones do not move its moments."""
        moments = self.benches[name].moments if frozen else None
        place = list(self.tasks).index(name)
        return Bench(
            self.tasks[name], self.width, place, len(self.tasks), count, moments
        )

    def _build(self) -> None:
        settings = self.settings
        layers: list[Any] = [keras.Input((self.width + len(self.tasks),))]
        for units in settings.units:
            start = keras.initializers.Orthogonal(2**0.5)
            layers.append(keras.layers.Dense(units, kernel_initializer=start))
            if settings.layer_norm:
                layers.append(keras.layers.LayerNormalization())
            layers.append(keras.layers.Activation("tanh"))
        self.trunk = keras.Sequential(layers)
        self.values, heads = {}, {}
        for name, policy in self.policies.items():
            h = keras.Input((settings.units[-1],))
            start = keras.initializers.Orthogonal(0.01)
            act = keras.layers.Dense(policy.size, kernel_initializer=start)(h)
            self.values[name] = PopArt(1, step_size=0.05, scale_bounds=(1e-2, 1e6))
            value = self.values[name](h)
            heads[name] = keras.Model(h, keras.layers.Concatenate()([act, value]))
        self.model = polytask.MultiTaskModel.from_trunk(self.trunk, heads)
        # A part is the trunk or a head; each has an optimizer, so that the state of an
        # absent task's stays where it is.
        self.parts = {"trunk": self.trunk, **heads}
        self.optimizers = {}
        for name, part in self.parts.items():
            optimizer = keras.optimizers.AdamW(
                settings.rate,
                weight_decay=settings.decay,
                epsilon=1e-5,
                global_clipnorm=0.5,
            )
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
            optimizer.build(part.trainable_variables)
            self.optimizers[name] = optimizer
        self.gradients = multitask_grad(
            self._losses, settings.balancer, trunk=self._features
        )
        values = self._values()
        shared = values.pop("trunk")
        self.balancer_state = self.gradients.init(shared, values)
        self._outputs = jax.jit(self._all_outputs)
        self._learn = jax.jit(self._updates)
        self._cosines = jax.jit(self._task_cosines)

    def _values(self) -> dict[str, list[Any]]:
        return {
            name: [v.value for v in part.trainable_variables]
            for name, part in self.parts.items()
        }

    def _features(self, shared: Any, batch: Any, *_: Any) -> Any:
        x = batch["observations"]
        flat = x.reshape(-1, x.shape[-1])
        h, _ = self.trunk.stateless_call(shared, [], flat)
        return h.reshape(*x.shape[:-1], -1)

    def _head(self, name: str, values: Any, h: Any) -> Any:
        part = self.parts[name]
        # A head does not read the moments of its values; it carries them.
        fixed = [v.value for v in part.non_trainable_variables]
        return part.stateless_call(values, fixed, h)[0]

    def _all_outputs(self, values: dict[str, Any], x: Any) -> list[Any]:
        h = self._features(values["trunk"], {"observations": x})
        return [
            self._head(name, values[name], h[place])
            for place, name in enumerate(self.tasks)
        ]

    def _losses(self, h: Any, heads: Any, batch: Any) -> dict[str, Any]:
        """Return the clipped objective of every task, with its value and entropy."""
        losses, clip = {}, self.settings.clip
        for place, (name, policy) in enumerate(self.policies.items()):
            outputs = self._head(name, heads[name], h[place])
            parameters, value = outputs[:, :-1], outputs[:, -1]
            known = batch["log_probabilities"][place]
            actions = batch["actions"][place]
            ratio = jnp.exp(policy.log_probability(jnp, parameters, actions) - known)
            advantage = batch["advantages"][place]
            gain = jnp.minimum(
                ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage
            )
            error = (value - batch["targets"][place]) ** 2
            entropy = policy.entropy(jnp, parameters)
            weight = self.tasks[name].entropy + self.settings.entropy
            losses[name] = jnp.mean(0.5 * error - gain - weight * entropy)
        return losses

    def _updates(
        self, values: Any, slots: Any, state: Any, rows: Any, order: Any, present: Any
    ) -> Any:
        """Go through all minibatches; `order` is (minibatches, tasks, rows)."""

        def one(carry: Any, chosen: Any) -> Any:
            values, slots, state = carry
            batch = jax.tree.map(
                lambda a: jax.vmap(lambda row, c: row[c])(a, chosen), rows
            )
            heads = {name: values[name] for name in self.tasks}
            (shared, own), state, losses = self.gradients(
                values["trunk"], heads, state, batch, present=present
            )
            there = {"trunk": jnp.asarray(True)}
            there |= {name: present[place] for place, name in enumerate(self.tasks)}
            moved, kept = {}, {}
            for name, part in {"trunk": shared, **own}.items():
                new = self.optimizers[name].stateless_apply(
                    slots[name], grads=part, trainable_variables=values[name]
                )
                moved[name], kept[name] = jax.tree.map(
                    lambda a, b, there=there[name]: jnp.where(there, a, b),
                    (list(new[0]), list(new[1])),
                    (values[name], slots[name]),
                )
            return (moved, kept, state), losses

        return jax.lax.scan(one, (values, slots, state), order)

    def _task_cosines(self, values: Any, rows: Any) -> Any:
        """Return the (T, T) cosines of the tasks' gradients of the trunk."""
        heads = {name: values[name] for name in self.tasks}

        def losses(shared: Any) -> Any:
            found = self._losses(self._features(shared, rows), heads, rows)
            return jnp.stack([found[name] for name in self.tasks])

        parts = jax.tree.leaves(jax.jacrev(losses)(values["trunk"]))
        flat = jnp.concatenate([p.reshape(len(self.tasks), -1) for p in parts], axis=1)
        unit = flat / jnp.maximum(jnp.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
        return unit @ unit.T

    def outputs(self, observations: np.ndarray) -> list[np.ndarray]:
        """Return each task's policy parameters and value at (T, n, width)."""
        found = self._outputs(self._values(), observations)
        scaled = []
        for name, output in zip(self.tasks, found, strict=True):
            output = np.array(output)
            layer = self.values[name]
            low, high = layer.scale_bounds
            sigma = np.clip(np.sqrt(np.asarray(layer.variance.value)), low, high)
            output[:, -1] = output[:, -1] * sigma[0] + np.asarray(layer.mean.value)[0]
            scaled.append(output)
        return scaled

    def learn(self, present: Sequence[str]) -> dict[str, Any]:
        """Collect rows of some tasks, and make one update.

        Args:
            present: Names of the tasks that take part; all others stay untouched.

        Returns:
            Task → returns of the episodes that ended, and `"cosines"`, (T, T), NaN for
            absent tasks.
        """
        collected, finished = self._collect(present)
        shape = (len(self.tasks), self.settings.environments * self.settings.steps)
        rows: dict[str, np.ndarray] = {}
        for place, name in enumerate(self.tasks):
            if name not in present:
                self.absent[name] += 1
                continue
            for key, array in self._prepared(name, collected[name]).items():
                empty = np.zeros((*shape, *array.shape[1:]), array.dtype)
                rows.setdefault(key, empty)[place] = array
        count = shape[1] // self.settings.minibatches
        order = np.stack(
            [
                np.stack([self.random.permutation(shape[1]) for _ in self.tasks])
                for _ in range(self.settings.epochs)
            ]
        )
        order = order.reshape(self.settings.epochs, len(self.tasks), -1, count)
        order = order.transpose(0, 2, 1, 3).reshape(-1, len(self.tasks), count)
        there = np.array([name in present for name in self.tasks])
        values = self._values()
        few = jax.tree.map(lambda a: a[:, : 2 * count], rows)
        cosines = np.array(self._cosines(values, few))
        cosines[~there] = cosines[:, ~there] = np.nan
        slots = {
            n: [v.value for v in optimizer.variables]
            for n, optimizer in self.optimizers.items()
        }
        (values, slots, self.balancer_state), _ = self._learn(
            values, slots, self.balancer_state, rows, order, there
        )
        for name, part in self.parts.items():
            pairs = zip(part.trainable_variables, values[name], strict=True)
            slot_pairs = zip(self.optimizers[name].variables, slots[name], strict=True)
            for variable, value in (*pairs, *slot_pairs):
                variable.assign(value)
        return {**finished, "cosines": cosines}

    def _collect(self, present: Sequence[str]) -> Any:
        steps = self.settings.steps
        collected: dict[str, list[Any]] = {name: [] for name in present}
        finished: dict[str, list[float]] = {name: [] for name in self.tasks}
        for _ in range(steps):
            outputs = self.outputs(self.observations)
            seen = self.observations.copy()
            for place, name in enumerate(self.tasks):
                if name not in present:
                    continue
                policy, parameters = self.policies[name], outputs[place][:, :-1]
                actions = policy.sample(self.random, parameters)
                known = policy.log_probability(np, parameters, actions)
                self.observations[place], *step = self.benches[name].step(actions)
                reward, terminated, truncated, final, returned = step
                finished[name] += returned
                before = seen[place], actions, known, outputs[place][:, -1]
                ended = terminated | truncated
                collected[name].append((*before, reward, terminated, ended, final))
        last = self.outputs(self.observations)
        for place, name in enumerate(self.tasks):
            if name in present:
                count = steps * self.settings.environments
                self.frames[name] += count * self.tasks[name].hold
                self.benches[name].without_episode += not finished[name]
                collected[name].append(last[place][:, -1])
        return collected, finished

    def _prepared(self, name: str, collected: list[Any]) -> dict[str, np.ndarray]:
        """Return the rows of a task: advantages, normalized targets and the rest."""
        *steps, last = collected
        seen, actions, known, values, rewards, terminated, ended = (
            np.stack(part) for part in list(zip(*steps, strict=True))[:7]
        )
        following = np.concatenate([values[1:], last[None]])
        for step, (*_, final) in enumerate(steps):
            for place, value in self._values_at(name, final).items():
                following[step, place] = value
        advantages = advantage_estimates(
            rewards,
            values,
            np.where(terminated, 0.0, following),
            ended,
            self.settings.discount,
            self.settings.trace,
        )
        targets = (advantages + values).reshape(-1, 1)
        layer = self.values[name]
        layer.update(targets)
        # The scale of every other task's, whatever the returns are.
        scaled = advantages.ravel() / np.asarray(layer.scale)
        rows = {
            "observations": seen.reshape(-1, seen.shape[-1]),
            "actions": actions.ravel(),
            "log_probabilities": known.ravel(),
            "advantages": scaled - scaled.mean(),
            "targets": np.asarray(layer.normalize(targets))[:, 0],
        }
        return {key: np.asarray(array, "float32") for key, array in rows.items()}

    def _values_at(self, name: str, final: dict[int, np.ndarray]) -> dict[int, float]:
        """Return what episodes that were cut short would still have brought."""
        if not final:
            return {}
        observations = np.zeros_like(self.observations)
        place = list(self.tasks).index(name)
        for environment, observation in final.items():
            observations[place, environment] = observation
        values = self.outputs(observations)[place][:, -1]
        return {environment: float(values[environment]) for environment in final}

    def actions(
        self, name: str, observations: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """Return a test's actions at (n, width): drawn where the task says so."""
        place = list(self.tasks).index(name)
        everything = np.zeros((len(self.tasks), *observations.shape), "float32")
        everything[place] = observations
        parameters = self.outputs(everything)[place][:, :-1]
        policy = self.policies[name]
        if self.tasks[name].draws:
            return np.asarray(policy.sample(random, parameters))
        return np.asarray(policy.mode(parameters))
