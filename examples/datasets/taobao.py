"""Taobao: what users put into the cart and what they bought."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from examples.datasets.official_files import official_files
from polytask.errors import UserError
from polytask.lab.tables.fetch import DataEntry, fetch

_COLUMNS = ["user", "item"]


@dataclass(frozen=True)
class Taobao:
    """Pairs of user and item, a table for each behavior.

    Args:
        cart: Pairs put into the cart: `user` and `item`, int32 from 0.
        bought: Pairs bought, all but the last of each user.
        bought_last: The last pair that each user bought: the official test rows.
        users: Number of users.
        items: Number of items.
        facts: JSON-able description for reports.
    """

    cart: pd.DataFrame
    bought: pd.DataFrame
    bought_last: pd.DataFrame
    users: int
    items: int
    facts: dict[str, Any]


def load_taobao(data_dir: str | Path | None = None) -> Taobao:
    """Load the Taobao pairs that were prepared for EHCF.

    In the file of carts only 15 % of the purchases appear: a purchase without a cart
    is the rule, so the files themselves do not obey P(purchase) ≤ P(cart). A funnel
    needs the label "put into the cart or bought".

    Args:
        data_dir: A folder that holds `taobao_ehcf/buy.train.txt` and so on, each file
            plain or gzipped, see `polytask.lab.tables.fetch`.

    Returns:
        The data; pairs that a file lists twice are kept once and counted in
        `facts["repeated"]`.

    Raises:
        UserError: If a file cannot be had or is damaged.

    Source:
        C. Chen et al. (2020), "Efficient Heterogeneous Collaborative Filtering without
        Negative Sampling for Recommendation".
    """
    files = fetch(TAOBAO, data_dir)
    tables = {file.name: _parse(files[file.name], file.name) for file in TAOBAO.files}
    pairs = {name: table.drop_duplicates() for name, table in tables.items()}
    bought, last, cart = (pairs[file.name] for file in TAOBAO.files)
    users, items = (
        int(max(table[column].max() for table in pairs.values())) + 1
        for column in _COLUMNS
    )
    every = pd.concat([bought, last], ignore_index=True)
    facts = {
        **TAOBAO.about(),
        "users": users,
        "items": items,
        "rows": {"cart": len(cart), "bought": len(bought), "bought last": len(last)},
        "repeated": {n: len(tables[n]) - len(pairs[n]) for n in pairs},
        "bought and in the cart": len(every.merge(cart, on=_COLUMNS)),
    }
    return Taobao(cart, bought, last, users, items, facts)


def _parse(content: bytes, file: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            io.BytesIO(content), sep="\t", header=0, usecols=[0, 1], names=_COLUMNS
        )
    except ValueError as error:
        raise UserError(
            f"{file} is not a table of tabs with a header: {str(error).strip()}"
        ) from error
    numbers = table.apply(pd.to_numeric, errors="coerce")
    wrong = (numbers.isna() | (numbers % 1 != 0) | (numbers < 0)).any(axis=1)
    if wrong.any() or not len(table):
        line = int(np.argmax(wrong.to_numpy())) if len(table) else 0
        found = table.iloc[line].tolist() if len(table) else "no line"
        raise UserError(
            f"{file}, line {line + 2}: expected user and item as integers from 0; "
            f"found {found}."
        )
    return numbers.astype("int32")


TAOBAO = DataEntry(
    name="taobao",
    title="Taobao carts and purchases, as prepared for EHCF",
    homepage="https://tianchi.aliyun.com/dataset/649",
    license="Research use; no license is stated in the repository of the files",
    license_url="https://tianchi.aliyun.com/dataset/649",
    citation="C. Chen, M. Zhang, Y. Zhang, W. Ma, Y. Liu, S. Ma (2020). Efficient "
    "Heterogeneous Collaborative Filtering without Negative Sampling for "
    "Recommendation. AAAI. https://doi.org/10.1609/aaai.v34i01.5329",
    load=load_taobao,
    # The archive holds another data set with the same file names; the checksums tell
    # which is which.
    url="https://github.com/chenchongthu/EHCF/archive/"
    "e7d51068afa78864ce406e7df507607eb9b3f31f.zip",
    folder="taobao_ehcf",
    files=official_files("taobao"),
)
