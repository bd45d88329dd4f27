"""The records of a study folder, as small tables that the repository holds.

For each study: NAME.parquet (a row per model, variant, task, seed, split and metric;
models of other kinds are the model "baseline"), NAME-runs.parquet (a row per training),
NAME-tuning.parquet (a row per draw) and NAME.json (what was asked, of which data).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from polytask.lab.studies.tables import stored_baselines

# Training curves and models stay in the folder.
_SPLITS = ("train", "validation", "test")
_RUN = ("model", "variant", "task", "seed", "epochs", "best_epoch", "seconds")
_RUN += ("parameters", "weights", "zeros")
_DRAW = ("model", "variant", "task", "draw", "seed", "values", "criterion")
_ABOUT = ("name", "tasks", "variants", "seeds", "network", "budget", "tuning", "tuned")
_ABOUT += ("test_ratio", "alone", "created_by", "fingerprint")


@dataclass(frozen=True)
class Records:
    """What is stored of a study.

    Args:
        name: Of the data set.
        about: What was asked.
        results: A row per model, variant, task, seed, split and metric.
        runs: A row per training.
        tuning: A row per draw.
    """

    name: str
    about: dict[str, Any]
    results: pd.DataFrame
    runs: pd.DataFrame
    tuning: pd.DataFrame


def keep(folder: Path, results: Path, name: str, cpu_seconds: float) -> None:
    """Store the records of a study folder.

    Args:
        folder: Of the study.
        results: Where the tables go.
        name: Of the study.
        cpu_seconds: That it took since it was begun or continued.
    """
    results.mkdir(parents=True, exist_ok=True)
    networks = pd.read_parquet(folder / "results.parquet")
    networks = networks[networks["split"].isin(_SPLITS)]
    models = pd.DataFrame(
        [
            ("baseline", model.name, task, model.seed, split, metric, value)
            for model in stored_baselines(folder)
            for task, split, metric, value in model.scores
            if split in _SPLITS
        ],
        columns=["model", "variant", "task", "seed", "split", "metric", "value"],
    )
    _write(pd.concat([networks, models]), results / f"{name}.parquet")
    runs = pd.read_parquet(folder / "runs.parquet")
    _write(runs[[c for c in _RUN if c in runs]], results / f"{name}-runs.parquet")
    file = folder / "tuning.json"
    # A study of the default alone tunes nothing.
    tried = json.loads(file.read_text())["tried"] if file.is_file() else []
    tuning = pd.DataFrame(tried, columns=_DRAW)
    tuning["values"] = tuning["values"].map(json.dumps)
    _write(tuning, results / f"{name}-tuning.parquet")
    description = json.loads((folder / "study.json").read_text())
    about = {key: description[key] for key in _ABOUT if key in description}
    # Of a study that goes on, those that are done.
    done = set(networks["variant"])
    about["variants"] = [v for v in about["variants"] if v["name"] in done]
    about["rows"] = description["data"]["rows"]
    about["inputs"] = description["data"]["features"]
    file = results / f"{name}.json"
    earlier = json.loads(file.read_text())["cpu_seconds"] if file.is_file() else 0.0
    about["cpu_seconds"] = round(earlier + cpu_seconds, 1)
    file.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _write(frame: pd.DataFrame, path: Path) -> None:
    frame.reset_index(drop=True).to_parquet(path, index=False, compression="zstd")


def stored(results: Path, part: str = "") -> list[Records]:
    """Return the records of all studies of a part.

    Args:
        results: Where the tables are.
        part: What the studies' names end in, such as `"balancers"`; "" for that of the
            regularizers.
    """
    found = []
    for file in sorted(results.glob("regmtl-*.json")):
        # No data set has a dash in its name.
        _, data, *ending = file.stem.split("-")
        if "".join(ending) != part:
            continue
        tables = (
            pd.read_parquet(results / f"{file.stem}{kind}.parquet")
            for kind in ("", "-runs", "-tuning")
        )
        about = json.loads(file.read_text(encoding="utf-8"))
        found.append(Records(data, about, *tables))
    return found


def joined(records: Records, more: Records) -> Records:
    """Return records with the arms of another study of the same splits beside them."""
    variants = records.about["variants"] + more.about["variants"]
    networks = more.results[more.results["model"] != "baseline"]
    return Records(
        records.name,
        {**records.about, "variants": variants},
        pd.concat([records.results, networks], ignore_index=True),
        pd.concat([records.runs, more.runs], ignore_index=True),
        pd.concat([records.tuning, more.tuning], ignore_index=True),
    )
