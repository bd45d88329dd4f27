"""What RegMTL's studies of the inventory say of each technique in a network."""

import json
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "regmtl"))
import page_tables
from across import Overall
from analysis import MULTI_TASK, Effect, Study
from cost import FILES
from pages import Results
from records import stored
from run import RESULTS

REGMTL = Path(__file__).resolve().parents[1] / "regmtl"
#: Parts of RegMTL that hold the inventory.
PARTS = ("inventory", "alone")
#: Data set → how the page calls it.
DATA = {"digits": "digits", "movielens": "MovieLens", "fdu": "FDU-MTL"}

#: Technique → its arm among those that all of RegMTL's data sets have.
EVERYWHERE = {
    "l1": "l1",
    "l2": "l2",
    "elastic_net": "l1_l2",
    "weight_decay": "decay",
    "dropout_input": "dropout_input",
    "dropout_trunk": "dropout_trunk",
    "dropout_tower": "dropout_tower",
    "batch_norm": "batch_norm",
    "layer_norm": "layer_norm",
}


@dataclass(frozen=True)
class Measured:
    """A technique on a data set.

    Args:
        data: Its name.
        effect: Against no regularization, p-values by Holm over the study's arms.
        tuned: What validation rows chose.
        gap: How much worse test metrics are than training metrics, in percent.
        plain_gap: That of no regularization.
        error: Expected calibration error, in percent; NaN without classes.
        plain_error: That of no regularization.
        zeros: Share of weights that are exactly zero.
    """

    data: str
    effect: Effect
    tuned: str
    gap: float
    plain_gap: float
    error: float
    plain_error: float
    zeros: float


class Networks:
    """The stored studies.

    Args:
        folder: Of the records.
    """

    def __init__(self, folder: Path = RESULTS) -> None:
        parts = [Study(r) for part in PARTS for r in stored(folder, part)]
        self.studies = [study for study in parts if study.name in DATA]
        self.effects = {
            (effect.arm, study.name): (study, effect)
            for study in self.studies
            for effect in study.against_none()
        }

    @cached_property
    def arms(self) -> set[str]:
        """The techniques that RegMTL's inventory has as arms."""
        texts = [(REGMTL / f"{part}.toml").read_text("utf-8") for part in PARTS]
        return {arm for text in texts for arm in tomllib.loads(text)["variants"]}

    @cached_property
    def cost(self) -> dict[str, float]:
        """Technique → CPU time of a training in lanes, that of none being 1."""
        file = RESULTS / FILES["inventory"]
        if not file.is_file():
            return {}
        cost: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))["cost"]
        return cost

    @cached_property
    def overall(self) -> dict[str, Overall]:
        """Technique → its effect over all data sets of RegMTL."""
        rows = {row.arm: row for row in Results().overall}
        return {name: rows[arm] for name, arm in EVERYWHERE.items()}

    def of(self, name: str) -> list[Measured]:
        """Return what is known of a technique, data set by data set."""
        pairs = [self.effects.get((name, data)) for data in DATA]
        return [_measured(name, *pair) for pair in pairs if pair]


def _measured(name: str, study: Study, effect: Effect) -> Measured:
    return Measured(
        study.name,
        effect,
        _tuned(study, name),
        study.gap(name),
        study.gap("none"),
        100 * study.mean_of(MULTI_TASK, name, "ece"),
        100 * study.mean_of(MULTI_TASK, "none", "ece"),
        page_tables.zeros(study, name),
    )


def _tuned(study: Study, name: str) -> str:
    """Return the settings that were chosen, without the learning rate."""
    chosen = study.records.about["tuned"][f"{name}, all tasks"]
    numbers = []
    for option, value in chosen.items():
        if option == "learning_rate":
            continue
        inner = value if isinstance(value, dict) else {"": value}
        numbers += [
            f"{key or option} {number:.2g}".replace("_", " ")
            for key, number in inner.items()
            if isinstance(number, int | float) and not isinstance(number, bool)
        ]
    return ", ".join(numbers)
