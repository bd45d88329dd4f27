"""FDU-MTL: positive or negative, for the reviews of 16 domains."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from examples.datasets.official_files import official_files
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, DataFile, fetch

FILES = official_files("fdu_mtl")
DOMAINS = tuple(dict.fromkeys(file.name.partition(".")[0] for file in FILES))
# Where ISO-8859-2 has no letter; Windows-1252 has its dashes and quotes there.
CONTROLS = re.compile("[\x80-\x9f]")


@dataclass(frozen=True)
class TextRows:
    """The texts of one part of the data.

    Args:
        texts: Tokens separated by spaces, as in the files.
        labels: 0 or 1, int32 of shape (rows,).
        task: Index into `TextSet.task_names`, int32 of shape (rows,): the one task
            that the row has a label of.
    """

    texts: tuple[str, ...]
    labels: np.ndarray
    task: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "TextRows":
        """Return the rows with the given numbers."""
        texts = tuple(self.texts[row] for row in rows)
        return TextRows(texts, self.labels[rows], self.task[rows])

    def targets(self, task_names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return the labels as `MultiTaskModel.fit` takes them.

        Args:
            task_names: The tasks, in the order of `task`.

        Returns:
            Task → float32 of shape (rows, 1), NaN in the rows of other tasks.
        """
        return {
            name: np.where(self.task == index, self.labels, np.nan)[:, None].astype(
                np.float32
            )
            for index, name in enumerate(task_names)
        }


@dataclass(frozen=True)
class TextSet:
    """Training, validation and test texts of several tasks.

    Args:
        task_names: One per task.
        train: Rows that fit the weights and the vocabulary.
        validation: Rows that choose hyper-parameters and the epoch.
        test: Rows that are evaluated once.
        facts: JSON-able description for reports.
    """

    task_names: tuple[str, ...]
    train: TextRows
    validation: TextRows
    test: TextRows
    facts: dict[str, Any]


def load_fdu_mtl(
    data_dir: str | Path | None = None, validation: float = 0.15, seed: int = 0
) -> TextSet:
    """Load FDU-MTL: 16 domains of reviews, each a task with texts of its own.

    Product reviews of 14 Amazon departments and film reviews of IMDb and of Rotten
    Tomatoes (MR), with about 1,600 training and 400 test texts a domain. The official
    test files are the test rows.

    The files are documented as ISO-8859-2, yet nearly every line with an accent is
    UTF-8: such lines are read as UTF-8 and the rest as documented. Control characters,
    which stand for letters of a third encoding, become spaces. Training texts that are
    empty are left out; test texts never are. `facts["rows"]` counts all of this.

    Args:
        data_dir: A folder that holds `fdu-mtl/books.task.train[.gz]` and so on, see
            `polytask.lab.tables.fetch`.
        validation: Share of the training rows of each domain and label that becomes
            the validation part; 0 for none.
        seed: Of the rows drawn for it.

    Returns:
        The texts; its task names are the domains in the order of the paper.

    Raises:
        UserError: If `validation` is not in [0, 1), the files cannot be had, or one
            is damaged.

    Source:
        P. Liu, X. Qiu, X. Huang (2017), "Adversarial Multi-task Learning for Text
        Classification".
    """
    if not 0 <= validation < 1:
        raise UserError(f"validation is {validation}; expected a share in [0, 1).")
    files = fetch(FDU_MTL, data_dir)
    counts: Counter[str] = Counter()
    parts = {
        part: _concatenate(
            [
                _parse(files[file.name], file, task, counts)
                for task, file in enumerate(_of_part(part))
            ]
        )
        for part in ("train", "test")
    }
    kept = np.flatnonzero([bool(text) for text in parts["train"].texts])
    counts["empty training texts left out"] = len(parts["train"]) - len(kept)
    train = parts["train"].take(kept)
    held = _held_out(train, validation, seed)
    facts = {
        **FDU_MTL.about(),
        "seed": seed,
        "rows": {
            "train": len(train) - len(held),
            "validation": len(held),
            "test": len(parts["test"]),
            **counts,
        },
    }
    rest = np.setdiff1d(np.arange(len(train)), held)
    return TextSet(DOMAINS, train.take(rest), train.take(held), parts["test"], facts)


def _of_part(part: str) -> list[DataFile]:
    return [file for file in FDU_MTL.files if file.name.endswith(f".{part}")]


def _parse(content: bytes, file: DataFile, task: int, counts: Counter[str]) -> TextRows:
    """Read one file of lines `label TAB text`."""
    texts, labels = [], []
    for number, line in enumerate(content.splitlines(), start=1):
        label, tab, text = line.partition(b"\t")
        if not tab or label not in (b"0", b"1"):
            raise UserError(
                f"{file.name}, line {number}: expected 0 or 1, a tab and a text; found "
                f"{line[:40].decode('ascii', 'replace')!r}."
            )
        labels.append(int(label))
        texts.append(_decode(text, counts))
    if len(labels) != file.rows:
        raise UserError(
            f"{file.name} has {len(labels):,} lines; expected {file.rows:,}."
        )
    tasks = np.full(len(labels), task, np.int32)
    return TextRows(tuple(texts), np.array(labels, np.int32), tasks)


def _decode(text: bytes, counts: Counter[str]) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("iso-8859-2")
        counts["texts read as ISO-8859-2"] += 1
    decoded, replaced = CONTROLS.subn(" ", decoded)
    counts["characters replaced by a space"] += replaced
    return decoded.strip()


def _concatenate(parts: list[TextRows]) -> TextRows:
    return TextRows(
        tuple(text for part in parts for text in part.texts),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.task for part in parts]),
    )


def _held_out(rows: TextRows, share: float, seed: int) -> np.ndarray:
    """Draw a share of the rows of each task and label."""
    random = np.random.default_rng(seed)
    strata = 2 * rows.task + rows.labels
    drawn = [
        random.permutation(members)[: round(share * len(members))]
        for stratum in np.unique(strata)
        for members in [np.flatnonzero(strata == stratum)]
    ]
    return np.sort(np.concatenate(drawn))


FDU_MTL = DataEntry(
    name="fdu_mtl",
    title="FDU-MTL, reviews of 16 domains",
    homepage="http://pfliu.com/paper/adv-mtl.html",
    license="none stated; cite Liu, Qiu, Huang 2017",
    license_url="https://aclanthology.org/P17-1001/",
    citation='P. Liu, X. Qiu, X. Huang (2017). "Adversarial Multi-task Learning for '
    'Text Classification". ACL. https://doi.org/10.18653/v1/P17-1001',
    load=load_fdu_mtl,
    # No address of an archive by the authors is known here: the paper names
    # http://nlp.fudan.edu.cn/data/. These are the files in the repository of Chen and
    # Cardie (2018), pinned; the checksum of each is compared.
    url="https://github.com/ccsasuke/man/archive/"
    "7ac8140b0bb561ac256cea439116b0d59bed5684.zip",
    folder="fdu-mtl",
    files=FILES,
)
