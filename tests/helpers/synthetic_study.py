"""A stored study folder with plausible numbers, made without training."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.lab.studies.summary import summarize

# name, title, settings, skill (adds to every metric), overfitting, share of zeros
VARIANTS = (
    ("none", "No regularization", {}, 0.000, 1.00, 0.0),
    ("l2", "L2", {"kernel": {"name": "l2", "strength": 1e-3}}, 0.006, 0.70, 0.0),
    ("l1", "L1", {"kernel": {"name": "l1", "strength": 3e-4}}, 0.009, 0.55, 0.62),
    (
        "elastic_net",
        "Elastic net",
        {"kernel": {"name": "elastic_net", "l1": 2e-4, "l2": 1e-3}},
        0.012,
        0.45,
        0.48,
    ),
    ("dropout_trunk", "Dropout in the trunk", {"trunk_dropout": 0.3}, 0.014, 0.40, 0.0),
    ("dropout_tower", "Dropout in the towers", {"tower_dropout": 0.3}, 0.004, 0.8, 0.0),
    ("batch_norm", "Batch normalization", {"batch_norm": True}, -0.008, 0.9, 0.0),
    (
        "combination",
        "Combination: elastic net, dropout, batch normalization",
        {"kernel": {"name": "elastic_net", "l1": 1e-4, "l2": 5e-4}, "dropout": 0.2},
        0.017,
        0.30,
        0.41,
    ),
)
TASKS = (
    ("income", "binary", ("- 50000.", "50000+.")),
    ("education", "multiclass", ("none", "school", "college", "higher")),
    ("hours", "regression", ()),
)
METRICS = {
    "binary": ("auc", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "log_loss", "auc"),
    "regression": ("rmse", "mae", "r2"),
}
PRIMARY = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}
HIGHER_IS_BETTER = {"auc", "accuracy", "r2"}
BASE = {
    "auc": 0.93,
    "accuracy": 0.84,
    "log_loss": 0.31,
    "rmse": 6.4,
    "mae": 4.6,
    "r2": 0.55,
    "loss": 0.42,
}
COLUMNS = (
    *("age", "workclass", "industry", "occupation", "wage per hour", "enrolled"),
    *("marital status", "sector", "race", "sex", "union member", "reason", "gains"),
    *("losses", "dividends", "tax filer", "region", "state", "household", "weeks"),
    *("migration from sunbelt", "year"),
)
EPOCHS = 30


@dataclass
class SyntheticStudy:
    """What to make; every field may be changed before `write`."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    tasks: tuple = TASKS
    variants: tuple = VARIANTS
    columns: tuple[str, ...] = COLUMNS
    title: str = "Census income: three tasks from one table"
    with_features: bool = True
    with_summary: bool = True
    with_single_task: bool = True
    level: float = 0.0

    def write(self, folder: Path) -> Path:
        """Write all files of the study into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        results, history, runs = [], [], []
        models = [("multi-task", "")]
        if self.with_single_task:
            models += [("single-task", task[0]) for task in self.tasks]
        for model, own in models:
            for variant in self.variants:
                for seed in self.seeds:
                    best, epochs = self._epochs(rng, variant)
                    for name, kind, _ in self.tasks:
                        if own in ("", name):
                            key = (variant[0], model, name, seed)
                            results += self._results(rng, key, kind, variant)
                            history += _history(rng, key, kind, variant, epochs)
                    runs.append(_run(rng, model, own, variant, seed, best, epochs))
        results = pd.DataFrame(
            results,
            columns=["variant", "model", "task", "seed", "split", "metric", "value"],
        )
        results.to_parquet(folder / "results.parquet")
        pd.DataFrame(history).to_parquet(folder / "history.parquet")
        pd.DataFrame(runs).to_parquet(folder / "runs.parquet")
        _dump(folder / "study.json", self._study())
        if self.with_features:
            _dump(folder / "features.json", self._features())
        if self.with_summary:
            _dump(folder / "summary.json", summarize(self._study(), results))
        return folder

    def _epochs(self, rng, variant) -> tuple[int, int]:
        best = int(np.clip(rng.normal(24 - 14 * variant[4], 3), 2, EPOCHS))
        return best, min(EPOCHS, best + 10)

    def _results(self, rng, key, kind, variant) -> list[tuple]:
        rows = []
        for metric in (*METRICS[kind], "loss"):
            skill = variant[3] + (self.level if key[1] == "multi-task" else 0.0)
            for split, gap in (("train", 0.06), ("validation", 0.0), ("test", -0.002)):
                better = skill + gap * variant[4] + rng.normal(0, 0.0035)
                sign = 1 if metric in HIGHER_IS_BETTER else -1
                value = BASE[metric] * (1 + sign * better)
                rows.append((*key, split, metric, value))
        return rows

    def _study(self) -> dict:
        return {
            "format": 1,
            "name": "census",
            "title": self.title,
            "created_by": {
                "polytask": "0.1.0",
                "python": "3.11.9",
                "keras": "3.15.1",
                "backend": "jax",
                "backend_version": "0.10.2",
                "platform": "Linux-6.1-x86_64",
            },
            "data": self._facts(),
            "source": {"name": "census", "full": False},
            "tasks": [
                {"name": name, "kind": kind, "classes": list(classes)}
                for name, kind, classes in self.tasks
            ],
            "network": {
                "trunk": [128, 64],
                "towers": [32],
                "activation": "relu",
                "optimizer": "adam",
            },
            "budget": {
                "epochs": EPOCHS,
                "batch_size": 512,
                "learning_rate": 0.001,
                "patience": 10,
            },
            "variants": [
                {"name": name, "title": title, "settings": settings}
                for name, title, settings, *_ in self.variants
            ],
            "seeds": list(self.seeds),
            "plain": "none",
            "fingerprint": "7b0c" * 16,
            "command": "polytask compare census --out runs/census",
            "notes": ["This study reads the official test half of the data."],
        }

    def _facts(self) -> dict:
        rows = {"train": 59857, "validation": 19952, "test": 19953}
        labels = {
            name: {
                "kind": kind,
                "classes": list(classes),
                **{split: _labels(kind, classes, n) for split, n in rows.items()},
            }
            for name, kind, classes in self.tasks
        }
        return {
            "source": "Census-Income (KDD)",
            "url": "https://archive.ics.uci.edu/static/public/117/census.zip",
            "license": "CC BY 4.0",
            "notes": ["The rows were split 60/20/20 with a fixed seed."],
            "fingerprint": "a41f" * 16,
            "rows": {**rows, "dropped": 0},
            "tasks": labels,
            "columns": [
                {
                    "name": name,
                    "kind": "categorical",
                    "reason": "few distinct values",
                    "role": "input",
                    "features": 4,
                    "missing": 0,
                }
                for name in self.columns
            ],
            "features": 4 * len(self.columns),
        }

    def _features(self) -> dict:
        features = {}
        for name, _, _, _, _, zeros in self.variants:
            keep = round(len(self.columns) * (1 - zeros * 0.6))
            used, dropped = list(self.columns[:keep]), list(self.columns[keep:])
            features[name] = {
                "seed": self.seeds[0],
                "shared": used,
                "tasks": {task[0]: used for task in self.tasks},
                "dropped": dropped,
                "total": len(self.columns),
            }
        return features


def _history(rng, key, kind, variant, epochs) -> list[dict]:
    rows = []
    keys = dict(zip(("variant", "model", "task", "seed"), key, strict=True))
    level = rng.normal(0, 0.012)
    for metric in ("loss", PRIMARY[kind]):
        higher = metric in HIGHER_IS_BETTER
        for split in ("train", "validation"):
            for epoch in range(1, epochs + 1):
                fall = np.exp(-epoch / 4)
                if split == "train":
                    error = 1 - (1 - fall) * (0.55 + 0.35 * variant[4])
                else:
                    rise = 0.012 * variant[4] * max(0, epoch - 8)
                    error = 0.42 + 0.55 * fall + rise - variant[3] * 4
                error += level + rng.normal(0, 0.006)
                value = BASE[metric] * (1.08 - 0.35 * error if higher else 1.8 * error)
                rows.append(
                    {
                        **keys,
                        "epoch": epoch,
                        "split": split,
                        "metric": metric,
                        "value": value,
                    }
                )
    return rows


def _run(rng, model, task, variant, seed, best, epochs) -> dict:
    multi = model == "multi-task"
    weights = 66_304 if multi else 58_112
    return {
        "run_id": f"{model}--{task or 'all'}--{variant[0]}--seed{seed}",
        "variant": variant[0],
        "model": model,
        "task": task,
        "seed": seed,
        "best_epoch": best,
        "epochs": epochs,
        "parameters": weights + 390,
        "weights": weights,
        "zeros": int(weights * variant[5]),
        "seconds": float(epochs * (0.5 if multi else 0.3) * rng.uniform(0.95, 1.1)),
    }


def _labels(kind, classes, rows) -> dict:
    missing = rows // 5
    labeled = rows - missing
    if kind == "regression":
        return {"labeled": labeled, "missing": missing, "mean": 38.2, "std": 11.9}
    share = np.array([0.938, 0.062] if len(classes) == 2 else [0.1, 0.4, 0.3, 0.2])
    counts = (share * labeled).astype(int)
    counts[0] += labeled - counts.sum()
    return {
        "labeled": labeled,
        "missing": missing,
        "counts": dict(zip(classes, counts.tolist(), strict=True)),
    }


def _dump(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
