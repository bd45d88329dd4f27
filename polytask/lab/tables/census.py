"""Census-Income (KDD) with the three tasks of the multi-task literature."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.errors import UserError
from polytask.lab.tables.column import Column
from polytask.lab.tables.dataset import Dataset, assemble
from polytask.lab.tables.encode_targets import encode_targets
from polytask.lab.tables.fetch import DataEntry, DataFile, fetch
from polytask.lab.tables.read_column import read_column
from polytask.lab.tables.split_rows import PARTS, split_rows

TRAIN_FILE = DataFile("census-income.data", rows=199_523, required=False)
TEST_FILE = DataFile(
    "census-income.test",
    sha256="98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
    size=51_918_813,
    rows=99_762,
)
SPLIT = (0.6, 0.2, 0.2)
FEWER_ROWS = 60_000
# The 42 columns, named as in UCI's `census-income.names`.
COLUMNS = (
    "age",
    "class of worker",
    "detailed industry recode",
    "detailed occupation recode",
    "education",
    "wage per hour",
    "enroll in edu inst last wk",
    "marital stat",
    "major industry code",
    "major occupation code",
    "race",
    "hispanic origin",
    "sex",
    "member of a labor union",
    "reason for unemployment",
    "full or part time employment stat",
    "capital gains",
    "capital losses",
    "dividends from stocks",
    "tax filer stat",
    "region of previous residence",
    "state of previous residence",
    "detailed household and family stat",
    "detailed household summary in household",
    "instance weight",
    "migration code-change in msa",
    "migration code-change in reg",
    "migration code-move within reg",
    "live in this house 1 year ago",
    "migration prev res in sunbelt",
    "num persons worked for employer",
    "family members under 18",
    "country of birth father",
    "country of birth mother",
    "country of birth self",
    "citizenship",
    "own business or self employed",
    "fill inc questionnaire for veteran's admin",
    "veterans benefits",
    "weeks worked in year",
    "year",
    "income",
)

# Written as numbers, but nominal by the documentation.
CODES = (
    "detailed industry recode",
    "detailed occupation recode",
    "own business or self employed",
    "veterans benefits",
    "year",
)
COLLEGE = (
    "Some college but no degree",
    "Associates degree-occup /vocational",
    "Associates degree-academic program",
    "Bachelors degree(BA AB BS)",
    "Masters degree(MA MS MEng MEd MSW MBA)",
    "Prof school degree (MD DDS DVM LLB JD)",
    "Doctorate degree(PhD EdD)",
)
INCOMES = {"- 50000.": "<= 50k", "50000+.": "> 50k"}
NOT_INPUTS = ("education", "marital stat", "instance weight", "income")


def load_census(
    data_dir: str | Path | None = None,
    full: bool = False,
    seed: int = 0,
    fixed_columns: bool = False,
) -> Dataset:
    """Load Census-Income (KDD): income, never married, education.

    With both official files, the official test rows are the test rows and a fifth of
    the official training rows is the validation part. With the official test file
    alone, its rows are split 60/20/20, stratified by income.

    Args:
        data_dir: A folder that holds `census_income_kdd/census-income.test[.gz]`, see
            `polytask.lab.tables.fetch`.
        full: All training rows; otherwise 60,000 of them, stratified by income.
        seed: Of the split and of the rows taken.
        fixed_columns: Whether all rows decide which features there are.

    Returns:
        Binary tasks `income` (more than 50,000 dollars), `never_married` and
        `education` (some college or higher). The columns behind the last two and the
        instance weight are not inputs; the codes of industry, occupation, business,
        veterans benefits and year are categories.

    Raises:
        UserError: If the files cannot be had or are damaged.

    Source:
        J. Ma et al. (2018), "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", for the tasks.
    """
    files = fetch(CENSUS, data_dir)
    test = parsed(files[TEST_FILE.name], TEST_FILE)
    if TRAIN_FILE.name in files:
        train = parsed(files[TRAIN_FILE.name], TRAIN_FILE)
        raw = pd.concat([train, test], ignore_index=True)
        rows = _official_split(raw["income"].to_numpy(), len(train), seed)
        notes = [
            "The official training and test files are used; the validation rows are a "
            f"fifth of the training file, drawn with seed {seed}, stratified by income."
        ]
    else:
        raw = test
        rows = split_rows(pd.factorize(raw["income"])[0], SPLIT, seed)
        notes = [
            f"Only the official test file ({TEST_FILE.rows:,} rows) is used: it is "
            f"split 60/20/20 at random with seed {seed}, stratified by income, so the "
            "figures are not comparable digit by digit with published ones."
        ]
    if not full and len(rows["train"]) > FEWER_ROWS:
        notes.append(
            f"{FEWER_ROWS:,} of {len(rows['train']):,} training rows are used "
            "(stratified by income); full takes all."
        )
        rows["train"] = _fewer(rows["train"], raw["income"].to_numpy(), seed)
    notes.append(
        "Household and tax-filing columns hint at the marital status; as in the "
        "literature they stay inputs. The instance weight is not used."
    )
    frame, columns = with_tasks(raw), _inputs(raw)
    kinds = dict.fromkeys(("income", "never_married", "education"), "binary")
    tasks, y = encode_targets(frame, kinds)
    about = {**CENSUS.about(), "seed": seed}
    if TRAIN_FILE.name in files:
        about["official_split"] = True
    dataset, _ = assemble(
        "census",
        frame,
        columns,
        tasks,
        y,
        rows,
        about,
        notes,
        fixed_columns=fixed_columns,
    )
    return dataset


def parsed(content: bytes, file: DataFile) -> pd.DataFrame:
    """Return the rows of an official file.

    Args:
        content: Of the file.
        file: Which of the two.

    Raises:
        UserError: If it is damaged.
    """
    try:
        frame = pd.read_csv(
            io.BytesIO(content),
            names=list(COLUMNS),
            header=None,
            skipinitialspace=True,
            # "NA" is an answer to the question of Hispanic origin.
            keep_default_na=False,
            na_values=["?"],
        )
    except ValueError as error:
        raise UserError(f"{file.name} is not a table of commas: {error}") from error
    strange = set(frame["income"].unique()) - set(INCOMES)
    if strange or len(frame) != file.rows:
        raise UserError(
            f"{file.name} has {len(frame):,} rows with the income labels "
            f"{', '.join(map(repr, frame['income'].unique()[:3]))}; expected "
            f"{file.rows:,} rows labeled {' or '.join(map(repr, INCOMES))}."
        )
    return frame


def with_tasks(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the input columns and the three tasks.

    Args:
        raw: Rows of `parsed`.
    """
    return raw.drop(columns=list(NOT_INPUTS)).assign(
        income=raw["income"].map(INCOMES),
        never_married=np.where(raw["marital stat"] == "Never married", "yes", "no"),
        education=np.where(raw["education"].isin(COLLEGE), "college", "below college"),
    )


def _inputs(raw: pd.DataFrame) -> list[Column]:
    """Return the input columns with their documented kinds."""
    frame = raw.drop(columns=list(NOT_INPUTS))
    columns = []
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name]) and name not in CODES
        kind = "numeric" if number else "categorical"
        column = read_column(frame[name], name, kind)
        columns.append(replace(column, reason="as documented by UCI"))
    return columns


def _official_split(
    income: np.ndarray, train_rows: int, seed: int
) -> dict[str, np.ndarray]:
    from sklearn.model_selection import train_test_split

    train, validation = train_test_split(
        np.arange(train_rows),
        test_size=0.2,
        random_state=seed,
        stratify=income[:train_rows],
    )
    parts = (np.sort(train), np.sort(validation), np.arange(train_rows, len(income)))
    return dict(zip(PARTS, parts, strict=True))


def _fewer(rows: np.ndarray, income: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.model_selection import train_test_split

    taken, _ = train_test_split(
        rows, train_size=FEWER_ROWS, random_state=seed, stratify=income[rows]
    )
    return np.sort(taken)


CENSUS = DataEntry(
    name="census",
    title="Census-Income (KDD), UCI Machine Learning Repository",
    homepage="https://archive.ics.uci.edu/dataset/117/census+income+kdd",
    license="CC BY 4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/legalcode",
    citation="Census-Income (KDD) [Dataset]. (2000). UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C5N30T",
    load=load_census,
    # The archive's own checksum is not known here; that of the file inside is checked.
    url="https://archive.ics.uci.edu/static/public/117/census+income+kdd.zip",
    folder="census_income_kdd",
    files=(TEST_FILE, TRAIN_FILE),
)
