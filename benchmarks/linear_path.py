"""Time of an L2,1 path: polytask.linear, scikit-learn, skglm and celer.

    python benchmarks/linear_path.py [--school DIR] [--tolerances 1e-4 1e-6 1e-8]

Paths of 30 values of λ: synthetic data with n = 1,000, d = 5,000 and T = 20, to two
smallest ratios λ / λ_max (at 0.01 most features are active), and School (139 tasks),
where tasks have examples of their own. skglm and celer solve School as a group lasso of
its block-diagonal design, the form in which they can; scikit-learn has no such solver.

Solvers stop by different rules, so each is run at a ladder of tolerances, and its time
at a duality gap is that of the fastest run whose largest gap on the path, computed here
from the coefficients alone, is below it. CPU time in one process, one thread, one run
after the other; what counts are the ratios. skglm and celer compile first, which
is not timed.
"""

import argparse
import importlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from polytask.linear import path

LADDER = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
NUM_STRENGTHS = 30


@dataclass(frozen=True)
class Problem:
    """min over W of Σ_t weight/2 ‖y_t - X_t w_t‖² + λ‖W‖₂,₁ for falling λ."""

    name: str
    xs: list[np.ndarray]  # one entry if shared
    ys: list[np.ndarray]
    ratios: np.ndarray

    def inputs(self, t: int) -> np.ndarray:
        """Return the inputs of a task."""
        return self.xs[0] if len(self.xs) == 1 else self.xs[t]

    def gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient."""
        value, gradient = 0.0, np.empty_like(w)
        for t, y in enumerate(self.ys):
            x = self.inputs(t)
            residual = x @ w[:, t] - y
            value += 0.5 * residual @ residual / len(y)
            gradient[:, t] = x.T @ residual / len(y)
        return value, gradient

    def zero(self) -> np.ndarray:
        """Return W = 0."""
        return np.zeros((self.xs[0].shape[1], len(self.ys)))

    def strengths(self) -> np.ndarray:
        """Return the values of λ."""
        _, gradient = self.gradient(self.zero())
        return self.ratios * np.linalg.norm(gradient, axis=1).max()

    def largest_gap(self, coefs: list[np.ndarray]) -> float:
        """Largest duality gap on the path, relative to the loss of W = 0."""
        unit, _ = self.gradient(self.zero())
        gaps = []
        for strength, w in zip(self.strengths(), coefs, strict=True):
            value, gradient = self.gradient(w)
            scale = min(1.0, strength / np.linalg.norm(gradient, axis=1).max())
            penalty = strength * np.linalg.norm(w, axis=1).sum()
            gap = (1 - scale) ** 2 * value + penalty + scale * np.vdot(w, gradient)
            gaps.append(gap / unit)
        return max(gaps)


def synthetic(examples: int, features: int, tasks: int, smallest: float) -> Problem:
    random = np.random.default_rng(0)
    x = random.standard_normal((examples, features))
    w = np.zeros((features, tasks))
    rows = random.choice(features, features // 100, replace=False)
    w[rows] = random.standard_normal((rows.size, tasks))
    y = x @ w
    y += random.standard_normal(y.shape) * y.std() / 2
    name = f"synthetic n={examples} d={features} T={tasks}, ratios 1 to {smallest:g}"
    return Problem(
        name,
        [np.asfortranarray(x - x.mean(axis=0))],
        list((y - y.mean(axis=0)).T),
        np.geomspace(1, smallest, NUM_STRENGTHS),
    )


def school(folder: Path) -> Problem:
    from scipy.io import loadmat

    file = loadmat(folder / "school.mat")
    xs = [x.astype(float) for x in file["X"][0]]
    ys = [y.ravel().astype(float) for y in file["Y"][0]]
    scale = np.vstack(xs).std(axis=0)
    # Inputs that are the same for all pupils of a school say nothing beside intercepts.
    varies = np.max([np.ptp(x, axis=0) for x in xs], axis=0) > 0
    xs = [((x - x.mean(axis=0)) / scale)[:, varies] for x in xs]
    return Problem(
        "School, ratios 1 to 0.01",
        xs,
        [y - y.mean() for y in ys],
        np.geomspace(1, 0.01, NUM_STRENGTHS),
    )


def block_design(problem: Problem):
    """School as one regression: rows scaled so that its mean loss is the same."""
    from scipy.sparse import block_diag

    total = sum(len(y) for y in problem.ys)
    scales = [np.sqrt(total / len(y)) for y in problem.ys]
    blocks = [x * s for x, s in zip(problem.xs, scales, strict=True)]
    features, tasks = problem.zero().shape
    design = block_diag(blocks, format="csc")
    target = np.concatenate([y * s for y, s in zip(problem.ys, scales, strict=True)])
    groups = [list(range(i, features * tasks, features)) for i in range(features)]
    return design, target, groups


def run_polytask(problem: Problem, tolerance: float) -> Callable[[], list]:
    shared = len(problem.xs) == 1
    data = (
        (problem.xs[0], np.stack(problem.ys, axis=1))
        if shared
        else (problem.xs, problem.ys)
    )

    def run() -> list[np.ndarray]:
        found = path(*data, ratios=problem.ratios, fit_intercept=False, tol=tolerance)
        return [coef.T for coef in found.coefs]

    return run


def run_sklearn(problem: Problem, tolerance: float) -> Callable[[], list] | None:
    from sklearn.linear_model import MultiTaskLasso

    if len(problem.xs) > 1:
        return None
    y = np.asfortranarray(np.stack(problem.ys, axis=1))

    def run() -> list[np.ndarray]:
        model = MultiTaskLasso(
            fit_intercept=False, warm_start=True, tol=tolerance, max_iter=100_000
        )
        found = []
        for strength in problem.strengths():
            model.set_params(alpha=strength).fit(problem.xs[0], y)
            found.append(model.coef_.T.copy())
        return found

    return run


def run_skglm(problem: Problem, tolerance: float) -> Callable[[], list] | None:
    skglm = importlib.import_module("skglm")
    shared = len(problem.xs) == 1
    if shared:
        model = skglm.MultiTaskLasso(
            fit_intercept=False, warm_start=True, tol=tolerance
        )
        design, target = problem.xs[0], np.stack(problem.ys, axis=1)
    else:
        design, target, groups = block_design(problem)
        model = skglm.GroupLasso(
            groups=groups, fit_intercept=False, warm_start=True, tol=tolerance
        )
    features, tasks = problem.zero().shape

    def run() -> list[np.ndarray]:
        found = []
        for strength in problem.strengths():
            model.set_params(alpha=strength).fit(design, target)
            coef = model.coef_.T if shared else model.coef_.reshape(tasks, features).T
            found.append(coef.copy())
        return found

    return run


def run_celer(problem: Problem, tolerance: float) -> Callable[[], list] | None:
    homotopy = importlib.import_module("celer.homotopy")
    strengths = problem.strengths()
    if len(problem.xs) == 1:
        y = np.asfortranarray(np.stack(problem.ys, axis=1))

        def run() -> list[np.ndarray]:
            # Its tolerance is a fraction of the squared norm of Y, over n.
            _, coefs, _ = homotopy.mtl_path(
                problem.xs[0], y, alphas=strengths, tol=tolerance, max_iter=100
            )
            return [coefs[..., k].T for k in range(strengths.size)]

        return run
    design, target, groups = block_design(problem)
    features, tasks = problem.zero().shape

    def run_groups() -> list[np.ndarray]:
        _, coefs, _ = homotopy.celer_path(
            design,
            target,
            pb="grouplasso",
            groups=groups,
            alphas=strengths,
            tol=tolerance,
            max_iter=100,
        )
        return [coefs[:, k].reshape(tasks, features).T for k in range(strengths.size)]

    return run_groups


RUNNERS = {
    "polytask": run_polytask,
    "scikit-learn": run_sklearn,
    "skglm": run_skglm,
    "celer": run_celer,
}


def ladder(problem: Problem, name: str, wanted: float, limit: float) -> list:
    """Return (seconds, largest gap) of a solver at falling tolerances."""
    results: list[tuple[float, float]] = []
    for tolerance in LADDER:
        try:
            run = RUNNERS[name](problem, tolerance)
        except ImportError:
            return results
        if run is None:
            return results
        if not results and name in ("skglm", "celer"):
            # Compile.
            warm = Problem(problem.name, problem.xs, problem.ys, problem.ratios[:3])
            warm_run = RUNNERS[name](warm, tolerance)
            if warm_run is not None:
                warm_run()
        start = time.process_time()
        coefs = run()
        seconds = time.process_time() - start
        gap = problem.largest_gap(coefs)
        results.append((seconds, gap))
        print(f"  {name:13s} tol {tolerance:.0e}: {seconds:7.2f} s, gap {gap:.1e}")
        if gap <= wanted or seconds > limit:
            break
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--school", type=Path, help="folder of school.mat")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[1e-4, 1e-6])
    parser.add_argument("--smallest-ratio", type=float, nargs="+", default=[0.1, 0.01])
    parser.add_argument("--limit", type=float, default=120.0, help="seconds per run")
    parser.add_argument("--solvers", nargs="+", default=list(RUNNERS))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    problems = [synthetic(1000, 5000, 20, ratio) for ratio in options.smallest_ratio]
    if options.school is not None:
        problems.append(school(options.school))
    for problem in problems:
        print(problem.name, flush=True)
        runs = {
            name: ladder(problem, name, min(options.tolerances), options.limit)
            for name in options.solvers
        }
        for wanted in options.tolerances:
            times = {
                name: min((s for s, gap in found if gap <= wanted), default=None)
                for name, found in runs.items()
            }
            ours = times.get("polytask")
            line = [
                f"{name} "
                + ("-" if s is None else f"{s:.2f} s")
                + (f" ({s / ours:.1f}x)" if s and ours and name != "polytask" else "")
                for name, s in times.items()
            ]
            print(f"  gap {wanted:.0e}: {', '.join(line)}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
