"""The options that all variants of a study share: data, network and budget."""

from dataclasses import dataclass

from polytask_options.option import option
from polytask_options.ranges import OneOf, Range
from polytask_options.splits import SHARES, Split
from polytask_options.table_values import Pairs
from polytask_options.values import (
    Activation,
    Choice,
    Integer,
    Number,
    Seeds,
    Switch,
    Text,
    Texts,
    Widths,
)

EMBEDDINGS = ("none", "piecewise_linear", "periodic")
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Network:
    """Widths of the shared layers and of every task's tower."""

    trunk: tuple[int, ...] = option(
        (128, 64), Widths(least=1), "widths of the shared layers"
    )
    towers: tuple[int, ...] = option(
        (32,), Widths(), "widths of each task's own layers"
    )
    activation: str = option("relu", Activation(), "name of a Keras activation")
    embedding: str = option(
        "none",
        Choice(EMBEDDINGS),
        "how numbers enter: as they are (none), or each as a learned vector",
        later=True,
    )
    embedding_units: int = option(
        12, Integer(1), "width of the vector of each number", later=True
    )
    embedding_bins: int = option(
        32,
        Integer(1),
        "most bins of a number, where it is piecewise linear in them",
        later=True,
    )
    embedding_values: int = option(
        0,
        Integer(0),
        "most values of a number that have an edge of a bin each, where they repeat",
        later=True,
    )
    additive: tuple[str, ...] = option(
        (),
        Texts(),
        "columns whose effects are added: they go to the heads past the trunk",
        later=True,
    )


@dataclass(frozen=True)
class Budget:
    """What every run may spend, multi-task or single-task."""

    epochs: int = option(50, Integer(1), "the most epochs")
    batch_size: int = option(
        64, Integer(1), "rows of a batch", search=OneOf((16, 32, 64, 128, 256))
    )
    learning_rate: float = option(
        1e-3,
        Number(positive=True),
        "of Adam",
        search=Range(3e-4, 1e-2, log=True),
    )
    schedule: str = option(
        "constant",
        Choice(SCHEDULES),
        "of the learning rate over the epochs; cosine warms up, then falls to zero",
        later=True,
    )
    patience: int = option(
        10,
        Integer(1),
        "epochs without a better validation criterion before a run ends; "
        "in a study file all epochs, if not given",
    )
    refit: bool = option(
        False,
        Switch(),
        "train once more on training and validation rows, for the chosen epochs",
        later=True,
    )
    calibrate: bool = option(
        False,
        Switch(),
        "scale the logits of classes so that validation rows have the smallest loss",
        later=True,
    )
    members: int = option(
        1,
        Integer(1),
        "networks from different seeds whose predictions are averaged",
        later=True,
    )


#: What repeats differ in.
SEED, SPLIT_AND_SEED = "seed", "split and seed"


@dataclass(frozen=True)
class Repeats:
    """How often a study spends its budget; keys of `[budget]` as well."""

    seeds: tuple[int, ...] = option(
        (0, 1, 2), Seeds(), "seeds on one split: how many, or which"
    )
    repeats: int = option(
        0, Integer(1), "in place of seeds: so many splits, each with its own seed"
    )
    vary: str = option(
        "",
        Choice((SPLIT_AND_SEED, SEED)),
        "what repeats differ in; the split too, unless the data name their test rows",
    )
    margin: float = option(
        1.0, Number(positive=True), "the smallest difference in percent that matters"
    )


@dataclass(frozen=True)
class Draws:
    """What of `[tuning]` in a study file is no range."""

    draws: int = option(
        20, Integer(1), "random settings that every arm tries before its repeats"
    )
    splits: int = option(1, Integer(1), "splits that each of them is tried on")


BUNDLED = ("census", "digits")
_BUNDLED, _TABLE = "bundled", "table"


@dataclass(frozen=True)
class DataSource:
    """Where the rows come from: a bundled data set or the user's own table."""

    name: str = option(
        "", Choice(BUNDLED), "a bundled data set", part=_BUNDLED, flag=False
    )
    file: str = option("", Text(), "the own table's file", part=_TABLE, flag=False)
    tasks: tuple[tuple[str, str], ...] = option(
        (), Pairs(Text()), "column and kind of each target", part="tasks", flag=False
    )
    inputs: tuple[str, ...] | None = option(
        None, Texts(), "input columns; all but the targets, if not given", part=_TABLE
    )
    exclude: tuple[str, ...] = option(
        (), Texts(), "columns that are not inputs", part=_TABLE
    )
    columns: tuple[tuple[str, str], ...] = option(
        (),
        Pairs(Text()),
        "column and kind of input, where the guess is not wanted",
        part=_TABLE,
        flag=False,
    )
    sep: str | None = option(
        None, Text(), "character between the cells of a text file", part=_TABLE
    )
    decimal: str | None = option(
        None, Choice((",", ".")), "decimal mark of the table's numbers", part=_TABLE
    )
    encoding: str | None = option(
        None, Text(), "encoding of a text file, such as latin-1", part=_TABLE
    )
    min_frequency: int = option(
        5, Integer(1), "training rows below which a category is rare", part=_TABLE
    )
    max_categories: int = option(
        50, Integer(2), "the most features of a column of categories", part=_TABLE
    )
    split: tuple[float, ...] | str = option(
        SHARES,
        Split(),
        "shares of training, validation and test rows, as 0.6,0.2,0.2, or 0.8,0.2,0 "
        "for a fit that learns of all rows; group:COLUMN keeps rows of one value "
        "together; time:COLUMN tests on the last rows; or a file of row numbers, as "
        "split.csv of another run",
        part=_TABLE,
    )
    weight: str | None = option(
        None,
        Text(),
        "column that says how much each row counts, in training and in metrics",
        part=_TABLE,
        later=True,
    )
    fixed_columns: bool | None = option(
        None,
        Switch(),
        "whether all rows and not the training rows alone decide which features there "
        "are; for repeats with a split each they do, if not told otherwise",
        flag=False,
        later=True,
    )
    seed: int = option(0, Integer(), "of the split", flag=False)
    full: bool = option(
        False, Switch(), "all rows of a bundled set", part=_BUNDLED, flag=False
    )
    data_dir: str | None = option(
        None,
        Text(),
        "folder that already holds the files of a bundled set",
        part=_BUNDLED,
        flag=False,
    )
