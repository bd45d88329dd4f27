"""A page's tables from what `benchmarks/tables.py --out FILE` measured.

    python benchmarks/tables_report.py FILE [--short]

For every table the mean over splits of the network's test error divided by that of the
other models, with the 95 % interval of the corrected resampled t (Nadeau, Bengio 2003),
which takes account of the rows that splits share. Nothing is computed or read but FILE.
First come the tables at their fewest rows, then those measured with more, then those
that the recipe was not chosen on. `--short` leaves out the latter two, and all but the
strongest model and the trees.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from table_data import UNSEEN
from tables import KINDS, RIVALS, ratios

from polytask.lab.metrics.repeats import repeat_interval

TITLES = {
    "enb": "Mulan enb",
    "edm": "Mulan edm",
    "jura": "Mulan jura",
    "wq": "Mulan wq",
    "yeast": "Mulan yeast",
    "parkinsons": "Parkinsons",
    "sarcos": "SARCOS",
    "txhousing": "Texas housing",
    "census": "Census, 2,000 training rows",
    "blood": "blood proteins, survival (flchain)",
    "companies": "companies (Forbes2000)",
    "computers": "computers, prices (Ecdat)",
    "elderly": "visits of elderly to physicians (OFP)",
    "films": "films (ggplot2movies)",
}
HEADS = {"strongest": "strongest", "trees": "trees", "svm": "SVM", "linear": "linear"}
SHORT = ("strongest", "trees")

Splits = list[dict[str, Any]]
Tables = dict[tuple[str, int], Splits]


def splits_by_table(path: Path) -> Tables:
    """Return (table, most rows) → its splits of which everything was measured."""
    found: dict[tuple[str, int, int], dict[str, Any]] = defaultdict(dict)
    for line in path.read_text().splitlines():
        record = json.loads(line)
        name, rows, seed, what = record["key"]
        found[name, rows, seed][what.removesuffix(" good")] = record["value"]
    tables: Tables = defaultdict(list)
    for (name, rows, _), split in sorted(found.items(), key=lambda item: item[0][2]):
        if {"network", *KINDS} <= set(split):
            tables[name, rows].append(split)
    return dict(tables)


def parted(tables: Tables) -> tuple[Tables, Tables, Tables]:
    """Return the usual tables at their fewest rows, with more rows, and the unseen."""
    fewest: dict[str, int] = {}
    for name, rows in tables:
        fewest[name] = min(rows, fewest.get(name, rows))
    usual, larger, unseen = {}, {}, {}
    for (name, rows), splits in tables.items():
        part = unseen if name in UNSEEN else usual if rows == fewest[name] else larger
        part[name, rows] = splits
    return usual, larger, unseen


def interval(splits: Splits, rival: str) -> tuple[float, float, float] | None:
    """Return mean, low and high of the ratio to a rival; None without it."""
    values = [ratios(split).get(rival) for split in splits]
    present = [value for value in values if value is not None]
    if not present:
        return None
    train, validation, test = splits[0]["network"]["rows"]
    # The models that are tested were fitted on training and validation rows.
    return tuple(repeat_interval(present, test / (train + validation)))


def cell(splits: Splits, rival: str) -> str:
    """Return a ratio with its interval as the table shows it."""
    found = interval(splits, rival)
    if found is None:
        return ""
    mean, low, high = found
    text = f"**{mean:.3f}**" if mean <= 1 else f"{mean:.3f}"
    return text if np.isnan(low) else f"{text} [{low:.2f}, {high:.2f}]"


def table_lines(tables: Tables, rivals: Sequence[str]) -> list[str]:
    """Return the Markdown table, the best first."""
    heads = ["table", "rows", "targets", "splits", *(f"/ {HEADS[r]}" for r in rivals)]
    if len(rivals) > len(SHORT):
        heads += ["CPU s", "trees' CPU s"]
    lines = [heads, ["---"] * len(heads)]
    for (name, _), splits in sorted(tables.items(), key=lambda item: _mean(item[1])):
        network = splits[0]["network"]
        cells = [
            TITLES.get(name, name),
            f"{sum(network['rows']):,}",
            str(len(network["test"])),
            str(len(splits)),
            *(cell(splits, rival) for rival in rivals),
        ]
        if len(rivals) > len(SHORT):
            cells += [
                f"{np.mean([split[who]['cpu'] for split in splits]):.0f}"
                for who in ("network", "trees")
            ]
        lines.append(cells)
    return [f"| {' | '.join(cells)} |" for cells in lines]


def sentence(tables: Tables) -> str:
    """Return in words on how many tables the network is at least as good."""
    means = [_mean(splits) for splits in tables.values()]
    ends = [interval(splits, "strongest") or () for splits in tables.values()]
    better = sum(end[2] < 1 for end in ends)
    worse = sum(end[1] > 1 for end in ends)
    return (
        f"At least as good as the strongest single-target models on "
        f"{sum(mean <= 1 for mean in means)} of {len(means)} tables by the mean; the "
        f"interval is below 1 on {better} and above 1 on {worse}."
    )


def _mean(splits: Splits) -> float:
    found = interval(splits, "strongest")
    return found[0] if found else float("nan")


def main() -> None:
    """Print tables and sentences."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("file", type=Path, help="what tables.py kept")
    words.add_argument("--short", action="store_true", help="as README shows it")
    flags = words.parse_args()
    usual, larger, unseen = parted(splits_by_table(flags.file))
    print("\n".join(table_lines(usual, SHORT if flags.short else tuple(RIVALS))))
    print(f"\n{sentence(usual)}")
    for heading, tables in (("With more rows", larger), ("Unseen", unseen)):
        if tables and not flags.short:
            print(f"\n{heading}:\n")
            print("\n".join(table_lines(tables, tuple(RIVALS))))
            print(f"\n{sentence(tables)}")


if __name__ == "__main__":
    main()
