"""Write docs/regmtl.md, and its pictures, from the stored results.

    python benchmarks/regmtl/pages.py

`answer.md` holds what the results come to, in words; the figures in it are filled in
here, and `tests/benchmarks/test_regmtl.py` looks whether they still say so.
"""

import json
from functools import cached_property
from pathlib import Path

import curves
import page_tables
import pandas as pd
import truth_map
from across import Overall, Ranking, overall, ranking
from analysis import Effect, Study
from pictures import chart, critical_difference, heat_map
from records import stored
from run import RESULTS

DOCS = Path(__file__).resolve().parents[2] / "docs"
ANSWER = Path(__file__).parent / "answer.md"


class Results:
    """Everything that was measured.

    Args:
        folder: Of the records.
    """

    def __init__(self, folder: Path = RESULTS) -> None:
        self.studies = [Study(records) for records in stored(folder)]
        self.studies.sort(key=lambda study: len(study.higher))
        default = {records.name: records for records in stored(folder, "default")}
        # Not tuned, and trained again on validation rows: no arm that these can choose.
        self.defaults = [
            study.beside(default[study.name])
            for study in self.studies
            if study.name in default
        ]
        self.balanced = [Study(records) for records in stored(folder, "balancers")]
        self.titles = {a: t for s in self.studies for a, t in s.titles.items()}
        self.effects: dict[tuple[str, str], Effect] = {
            (effect.arm, study.name): effect
            for study in self.studies
            for effect in study.against_none()
        }
        self.truth = pd.read_parquet(folder / "truth.parquet")
        file = folder / "cost.json"
        self.cost = json.loads(file.read_text()) if file.is_file() else None

    @cached_property
    def data(self) -> list[str]:
        """Names of the data sets."""
        return [study.name for study in self.studies]

    @cached_property
    def ranking(self) -> Ranking:
        """The ranks of the arms that every data set has, none included."""
        shared = [a for a in self.titles if all(a in s.arms for s in self.studies)]
        scores = pd.DataFrame(
            {
                arm: [
                    0.0 if arm == "none" else self.effects[arm, name].mean
                    for name in self.data
                ]
                for arm in shared
            },
            index=self.data,
        )
        return ranking(scores)

    @cached_property
    def overall(self) -> list[Overall]:
        """The arms across data sets."""
        return overall(self.effects.values(), self.ranking.ranks)


def main() -> None:
    """Write the page and the pictures."""
    results = Results()
    pictures(results)
    (DOCS / "regmtl.md").write_text(page(results), encoding="utf-8")


def page(results: Results) -> str:
    """Return the text of the page."""
    rows = results.overall
    sharing = page_tables.sharing_table(results.studies)
    balancing = page_tables.balancers_table(results.balanced)
    arms = ["none", *(row.arm for row in rows)]
    cost = ""
    if results.cost is not None:
        cost = page_tables.markdown(
            ["arm", "CPU time of a training, none = 1"],
            [
                [results.titles[arm], f"{value:.2f}"]
                for arm, value in sorted(
                    results.cost["cost"].items(), key=lambda item: item[1]
                )
            ],
        )
    return ANSWER.read_text(encoding="utf-8").format(
        data=page_tables.data_table(results.studies),
        arms=page_tables.arms_table(rows, results.effects, results.titles),
        sharing=sharing,
        sizes=page_tables.sizes_table(results.studies, results.effects),
        models=page_tables.models_table(results.studies),
        balancing=balancing,
        default=page_tables.default_table(results.defaults),
        truth=truth_map.table(results.truth),
        calibration=page_tables.calibration_table(
            results.studies, arms, results.titles
        ),
        cost=cost,
        l1_l2=_zeros(results),
        dropout=_chosen_rates(results),
        batch_norm=_batch_norm(results),
        mean={row.arm: page_tables.interval(row.interval) for row in rows},
        mixed={row.arm: page_tables.interval(row.mixed) for row in rows},
        effect={
            f"{arm} on {name}": page_tables.interval(effect.interval)
            for (arm, name), effect in results.effects.items()
        },
    )


def pictures(results: Results) -> None:
    """Draw them."""
    arms = [row.arm for row in results.overall]
    number = len(results.studies)
    _write(
        "regmtl-heat",
        heat_map(
            "Each regularizer against none",
            arms,
            results.data,
            results.effects,
            results.titles,
        ),
    )
    _write(
        "regmtl-ranks",
        critical_difference("Ranks of the arms", results.ranking, results.titles),
    )
    _write("regmtl-truth", truth_map.picture(results.truth))
    best = "best validation criterion of the draws, none = 1"
    criterion = f"{best}; median and range of {number} data sets"
    strengths = curves.powers(-6, -1)
    lines = [
        curves.along(results.studies, arm, arm, strengths, name)
        for arm, name in (("l1", "L1"), ("l2", "L2"))
    ]
    drawn = chart(
        "L1 and L2 by strength",
        "strength",
        criterion,
        curves.apart(lines, log=True),
        log_x=True,
    )
    _write("regmtl-l1-l2", drawn)
    rates = [0.0, 0.1, 0.2, 0.3, 0.4, 0.55, 0.71]
    places = (("input", "inputs"), ("trunk", "trunk"), ("tower", "towers"))
    lines = [
        curves.along(
            results.studies, f"dropout_{place}", f"dropout_{place}", rates, name
        )
        for place, name in places
    ]
    drawn = chart("Dropout by rate", "rate", criterion, curves.apart(lines))
    _write("regmtl-dropout", drawn)
    normalized = [study for study in results.studies if "batch_norm" in study.arms]
    lines = [
        curves.along(
            normalized, arm, "learning_rate", [1e-3, 2.1e-3, 4.5e-3, 9.5e-3, 2e-2], name
        )
        for arm, name in (
            ("none", "none"),
            ("batch_norm", "batch norm"),
            ("layer_norm", "layer norm"),
        )
    ]
    drawn = chart(
        "Normalization by learning rate",
        "learning rate",
        f"{best}; median and range of {len(normalized)} data sets",
        curves.apart(lines),
    )
    _write("regmtl-batch-norm", drawn)


def _zeros(results: Results) -> str:
    rows = []
    for study in results.studies:
        cells = [study.name]
        for arm in ("l1", "l2"):
            effect = results.effects[arm, study.name]
            chosen = curves.best_knob(study, arm, arm)
            share = 100 * page_tables.zeros(study, arm)
            cells += [
                f"{chosen:.1e}",
                page_tables.interval(effect.interval),
                f"{share:.0f}",
            ]
        rows.append(cells)
    heads = ["data", "L1", "Δm %", "zeros %", "L2", "Δm %", "zeros %"]
    return page_tables.markdown(heads, rows)


def _chosen_rates(results: Results) -> str:
    rows = []
    for study in results.studies:
        cells = [study.name]
        for arm in ("dropout_input", "dropout_trunk", "dropout_tower"):
            effect = results.effects[arm, study.name]
            chosen = curves.best_knob(study, arm, arm)
            cells.append(f"{chosen:.2f}: {page_tables.interval(effect.interval)}")
        rows.append(cells)
    return page_tables.markdown(["data", "inputs", "trunk", "towers"], rows)


def _batch_norm(results: Results) -> str:
    rows = []
    for study in results.studies:
        if "batch_norm" not in study.arms:
            continue
        cells = [study.name]
        for arm in ("none", "batch_norm", "layer_norm"):
            rate = curves.best_knob(study, arm, "learning_rate")
            epoch = page_tables.best_epoch(study, arm)
            text = f"{rate:.4f}, epoch {epoch:.0f}"
            if arm != "none":
                effect = results.effects[arm, study.name]
                text += f": {page_tables.interval(effect.interval)}"
            cells.append(text)
        rows.append(cells)
    return page_tables.markdown(["data", "none", "batch norm", "layer norm"], rows)


def _write(name: str, text: str) -> None:
    (DOCS / "images" / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
