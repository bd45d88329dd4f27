"""The data sets of RegMTL: one table of numbers each, the same for every arm.

Files are looked for in POLYTASK_DATA or ../shared/data, laid out as `table_data` and
`examples/datasets` say. Categories, pictures and texts are turned to numbers here,
without labels and once for all rows, so that no arm and no split has features of its
own, and the networks of all splits are one program.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path += [str(Path(__file__).resolve().parents[number]) for number in (1, 2)]
from table_data import DATA, TABLES, AbsentError

__all__ = ["DATASETS", "AbsentError", "Source"]

Loaded = tuple[pd.DataFrame, dict[str, str]]

#: Components that pictures and texts are reduced to.
COMPONENTS = 64
#: Share of the rows below which a category, or what differs from the most frequent
#: value of a column, is too rare to be in every split.
RARE = 0.03
#: Standard deviations from the mean at which a number is clipped.
FAR = 4.0


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
        return numbers(frame.drop(columns=list(kinds))).join(frame[list(kinds)]), kinds


def numbers(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return inputs as columns of numbers that every split of the rows has.

    Args:
        inputs: Columns of numbers or categories.

    Returns:
        Numbers, missing ones filled with the median and clipped, and a column of 0 and
        1 for each frequent category; without those that hardly vary.
    """
    columns = {}
    for name, column in inputs.items():
        if pd.api.types.is_numeric_dtype(column):
            values = column.fillna(column.median()).astype(float)
            reach = FAR * values.std()
            columns[name] = values.clip(values.mean() - reach, values.mean() + reach)
            continue
        shares = column.fillna("missing").value_counts(normalize=True)
        for category in sorted(shares.index[shares >= RARE]):
            is_it = column.fillna("missing") == category
            columns[f"{name}={category}"] = is_it.astype(float)
    frame = pd.DataFrame(columns)
    varies = [(c != c.mode().iloc[0]).mean() >= RARE for _, c in frame.items()]
    return frame.loc[:, varies]


def _there(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
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


def _school() -> Loaded:
    """Return the eight largest schools as tasks; each pupil has a mark in one."""
    from scipy.io import loadmat

    content = loadmat(_there("school", "school.mat"))
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

    domains = {"amazon": "amazon", "caltech": "Caltech10", "dslr": "dslr"}
    domains["webcam"] = "webcam"
    counts, labels = [], []
    for name, file in domains.items():
        content = loadmat(_there("office_caltech_surf", f"{file}_SURF_L10.mat"))
        counts.append(content["fts"].astype(float))
        label = pd.Series(np.ravel(content["labels"]).astype(int)).astype(str)
        labels.append(pd.DataFrame({name: label}))
    x = np.concatenate(counts)
    x = np.sqrt(x / np.maximum(x.sum(axis=1, keepdims=True), 1))
    targets = pd.concat(labels, ignore_index=True)
    return _components(x).join(targets), dict.fromkeys(domains, "multiclass")


def _tox21() -> Loaded:
    """Return molecules by the n-grams of characters of their formula."""
    from sklearn.feature_extraction.text import HashingVectorizer

    table = pd.read_csv(_there("tox21", "tox21.csv.gz"))
    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(1, 4), lowercase=False, n_features=2**14
    )
    assays = [c for c in table.columns if c.startswith(("NR-", "SR-"))]
    frame = _components(hashed.fit_transform(table["smiles"])).join(table[assays])
    return frame, dict.fromkeys(assays, "binary")


def _fdu() -> Loaded:
    """Return reviews of four domains, each a task, by their words and pairs of them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from examples.datasets.fdu_mtl import DOMAINS, load_fdu_mtl

    _there("fdu-mtl")
    content = load_fdu_mtl(DATA, validation=0.0)
    texts, labels = [], []
    for part in (content.train, content.test):
        own = part.take(np.flatnonzero(part.task < 4))
        texts += own.texts
        targets = own.targets(DOMAINS[:4])
        labels.append(pd.DataFrame({name: y[:, 0] for name, y in targets.items()}))
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=5, sublinear_tf=True)
    frame = _components(words.fit_transform(texts))
    frame = frame.join(pd.concat(labels, ignore_index=True))
    return frame, dict.fromkeys(DOMAINS[:4], "binary")


def _mtfl() -> Loaded:
    """Return faces by the components of their pixels: attributes, and the nose."""
    from examples.datasets.mtfl import ATTRIBUTES, CROPS, load_mtfl

    _there("mtfl", CROPS)
    faces = load_mtfl(DATA)
    pixels, labels = [], []
    for part in (faces.train, faces.test):
        pixels.append(part.pictures.reshape(len(part), -1) / 255.0)
        own = {name: part.labels[name].astype(str) for name in ATTRIBUTES}
        nose = part.labels["landmarks"].reshape(len(part), -1)[:, 4:6]
        labels.append(pd.DataFrame({**own, "nose_x": nose[:, 0], "nose_y": nose[:, 1]}))
    x = np.concatenate(pixels)
    frame = _components(x - x.mean(axis=0)).join(pd.concat(labels, ignore_index=True))
    kinds = dict.fromkeys(ATTRIBUTES, "binary") | {"pose": "multiclass"}
    return frame, kinds | dict.fromkeys(("nose_x", "nose_y"), "regression")


def _movielens() -> Loaded:
    """Return ratings, and whether they are four stars or more.

    Inputs are what is told of user and film, and components of who rated what, without
    the stars.
    """
    from scipy.sparse import coo_array

    from examples.datasets.movielens import load_movielens

    _there("ml-100k")
    content = load_movielens(DATA)
    ratings, users, items = content.ratings, content.users, content.items
    user, item = ratings["user"].to_numpy(), ratings["item"].to_numpy()
    shape = (len(users), len(items))
    rated = coo_array((np.ones(len(user)), (user, item)), shape).tocsr()
    frame = pd.concat(
        [
            users[["age", "gender", "occupation"]].iloc[user].reset_index(drop=True),
            items[list(content.genres)].iloc[item].astype(float).reset_index(drop=True),
            _components(rated, 16)
            .iloc[user]
            .add_prefix("user_")
            .reset_index(drop=True),
            _components(rated.T, 16)
            .iloc[item]
            .add_prefix("film_")
            .reset_index(drop=True),
        ],
        axis=1,
    )
    frame["released"] = pd.to_datetime(items["released"]).dt.year.to_numpy()[item]
    frame["rating"] = ratings["rating"].to_numpy()
    frame["like"] = np.where(frame["rating"] >= 4, "yes", "no")
    return frame, {"rating": "regression", "like": "binary"}


def _components(values: Any, number: int = COMPONENTS) -> pd.DataFrame:
    from sklearn.decomposition import TruncatedSVD

    reduced = TruncatedSVD(number, random_state=0).fit_transform(values)
    return pd.DataFrame(reduced, columns=[f"c{i}" for i in range(number)])


#: Name → data set, in the order in which they are run.
DATASETS: dict[str, Source] = {
    "enb": Source(TABLES["enb"], 768),
    "jura": Source(TABLES["jura"], 359),
    "edm": Source(TABLES["edm"], 154),
    "digits": Source(_digits, 600),
    "parkinsons": Source(TABLES["parkinsons"], 1_500),
    "census": Source(TABLES["census"], 2_000),
    "movielens": Source(_movielens, 2_000),
    "office": Source(_office, 2_600),
    "school": Source(_school, 2_000),
    "fdu": Source(_fdu, 2_000),
    "mtfl": Source(_mtfl, 2_000),
    "sarcos": Source(TABLES["sarcos"], 1_500),
    "tox21": Source(_tox21, 2_000),
    "wq": Source(TABLES["wq"], 1_060),
    "yeast": Source(TABLES["yeast"], 1_000),
}
