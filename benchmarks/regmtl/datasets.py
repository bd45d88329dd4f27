"""The data sets of RegMTL: one table each, the same for every arm.

Files are looked for in POLYTASK_DATA or ../shared/data, laid out as `table_data` and
`examples/datasets` say. Pictures and texts are turned to numbers here, without labels,
so that no arm has features of its own.
"""

import gzip
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.append(str(Path(__file__).resolve().parents[1]))
from table_data import DATA, TABLES, AbsentError

from polytask.lab.tables import census

__all__ = ["DATASETS", "AbsentError", "Source"]

Loaded = tuple[pd.DataFrame, dict[str, str]]

#: Components that pictures and texts are reduced to.
COMPONENTS = 64


@dataclass(frozen=True)
class Source:
    """A data set.

    Args:
        load: Returns all rows, and target → kind of task.
        rows: The most rows that are used, drawn once at random.
    """

    load: Callable[[], Loaded]
    rows: int

    def table(self) -> Loaded:
        """Return the rows that are used, and target → kind of task.

        Raises:
            AbsentError: If the files are not on this machine.
        """
        frame, kinds = self.load()
        if len(frame) > self.rows:
            frame = frame.sample(self.rows, random_state=0).reset_index(drop=True)
        return frame, kinds


def _file(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.is_file():
        raise AbsentError(f"{path} is not there")
    return path


def _digits() -> Loaded:
    from sklearn.datasets import load_digits

    x, digit = load_digits(return_X_y=True)
    frame = pd.DataFrame(x, columns=[f"pixel_{i}" for i in range(x.shape[1])])
    frame["digit"] = digit.astype(str)
    frame["even"] = np.where(digit % 2, "no", "yes")
    frame["at_least_five"] = np.where(digit >= 5, "yes", "no")
    kinds = {"digit": "multiclass", "even": "binary", "at_least_five": "binary"}
    return frame, kinds


def _yeast() -> Loaded:
    parts = []
    for half in ("train", "test"):
        text = gzip.decompress(_file("mulan", f"yeast-{half}.arff.gz").read_bytes())
        head, body = text.decode().split("@data", 1)
        lines = [line.split() for line in head.splitlines()]
        names = [w[1] for w in lines if w and w[0].lower() == "@attribute"]
        parts.append(pd.read_csv(io.StringIO(body.strip()), names=names))
    frame = pd.concat(parts, ignore_index=True)
    return frame, dict.fromkeys(frame.columns[-14:], "binary")


def _census() -> Loaded:
    path = _file("census_income_kdd", "census-income.test.gz")
    raw = pd.read_csv(path, header=None, names=census.COLUMNS, skipinitialspace=True)
    frame = raw.drop(columns=list(census.NOT_INPUTS))
    for code in census.CODES:
        frame[code] = "code " + frame[code].astype(str)
    married = raw["marital stat"] != "Never married"
    college = raw["education"].isin(census.COLLEGE)
    frame["earns_more"] = np.where(raw["income"] == "50000+.", "yes", "no")
    frame["never_married"] = np.where(married, "no", "yes")
    frame["college"] = np.where(college, "yes", "no")
    return frame, dict.fromkeys(("earns_more", "never_married", "college"), "binary")


def _school() -> Loaded:
    """Return the eight largest schools as tasks; each pupil has a mark in one."""
    from scipy.io import loadmat

    content = loadmat(_file("school", "school.mat"))
    x, y = content["X"].ravel(), content["Y"].ravel()
    largest = sorted(range(len(x)), key=lambda s: -len(y[s]))[:8]
    parts = []
    for school in largest:
        part = pd.DataFrame(x[school]).rename(columns=lambda i: f"x{i}")
        part[f"school_{school}"] = np.ravel(y[school]).astype(float)
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    return frame, {f"school_{school}": "regression" for school in largest}


def _office() -> Loaded:
    """Return four domains of pictures as tasks; each picture is of one."""
    from scipy.io import loadmat
    from sklearn.decomposition import TruncatedSVD

    domains = {"amazon": "amazon", "caltech": "Caltech10", "dslr": "dslr"}
    domains["webcam"] = "webcam"
    counts, labels = [], []
    for name, file in domains.items():
        content = loadmat(_file("office_caltech_surf", f"{file}_SURF_L10.mat"))
        counts.append(content["fts"].astype(float))
        label = pd.Series(np.ravel(content["labels"]).astype(int)).astype(str)
        labels.append(pd.DataFrame({name: label}))
    x = np.concatenate(counts)
    x = np.sqrt(x / np.maximum(x.sum(axis=1, keepdims=True), 1))
    frame = _components(TruncatedSVD(COMPONENTS, random_state=0).fit_transform(x))
    targets = pd.concat(labels, ignore_index=True)
    return frame.join(targets), dict.fromkeys(domains, "multiclass")


def _tox21() -> Loaded:
    """Return molecules by the n-grams of characters of their formula."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer

    table = pd.read_csv(_file("tox21", "tox21.csv.gz"))
    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(1, 4), lowercase=False, n_features=2**14
    )
    x = hashed.fit_transform(table["smiles"])
    frame = _components(TruncatedSVD(COMPONENTS, random_state=0).fit_transform(x))
    assays = [c for c in table.columns if c.startswith(("NR-", "SR-"))]
    return frame.join(table[assays]), dict.fromkeys(assays, "binary")


def _components(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])])


#: Name → data set, the cheapest first.
DATASETS: dict[str, Source] = {
    "enb": Source(TABLES["enb"], 768),
    "jura": Source(TABLES["jura"], 359),
    "digits": Source(_digits, 600),
    "edm": Source(TABLES["edm"], 154),
    "parkinsons": Source(TABLES["parkinsons"], 1_500),
    "school": Source(_school, 2_000),
    "sarcos": Source(TABLES["sarcos"], 1_500),
    "office": Source(_office, 2_600),
    "census": Source(_census, 2_000),
    "wq": Source(TABLES["wq"], 1_060),
    "tox21": Source(_tox21, 2_000),
    "yeast": Source(_yeast, 1_000),
}
