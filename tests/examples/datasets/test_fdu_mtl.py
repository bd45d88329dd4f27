import gzip
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.datasets import fdu_mtl, load_fdu_mtl
from polytask.errors import UserError
from polytask.lab.tables import DataFile

DOMAINS = fdu_mtl.DOMAINS
FOLDER = Path(os.environ.get("POLYTASK_DATA") or "-") / "fdu-mtl"
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="needs FDU-MTL: set POLYTASK_DATA to the folder that holds fdu-mtl",
)


def write_files(folder, monkeypatch, special=None):
    """Write ten training and four test texts a domain and expect exactly them."""
    contents = {}
    for domain in DOMAINS:
        for part, rows in (("train", 10), ("test", 4)):
            lines = [f"{i % 2}\t{domain} text {part} {i}" for i in range(rows)]
            contents[f"{domain}.task.{part}"] = "\n".join(lines).encode() + b"\n"
    contents.update(special or {})
    files = []
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        digest = hashlib.sha256(content).hexdigest()
        rows = content.count(b"\n")
        files.append(DataFile(name, digest, len(content), rows))
    monkeypatch.setattr(
        fdu_mtl, "FDU_MTL", replace(fdu_mtl.FDU_MTL, files=tuple(files))
    )
    return folder


def test_each_row_is_labeled_for_its_own_domain_alone(tmp_path, monkeypatch):
    data = load_fdu_mtl(write_files(tmp_path, monkeypatch), validation=0)
    assert (len(data.train), len(data.validation), len(data.test)) == (160, 0, 64)
    targets = data.test.targets(data.task_names)
    labels = np.stack([targets[name][:, 0] for name in data.task_names], axis=1)
    assert (np.isfinite(labels).sum(axis=1) == 1).all()
    for text, row in zip(data.test.texts, labels, strict=True):
        task = int(np.flatnonzero(np.isfinite(row))[0])
        domain, number = text.split(" text test ")
        assert data.task_names[task] == domain
        assert row[task] == int(number) % 2


def test_the_validation_part_comes_from_the_training_files_alike(tmp_path, monkeypatch):
    folder = write_files(tmp_path, monkeypatch)
    data = load_fdu_mtl(folder, validation=0.4, seed=3)
    assert (len(data.train), len(data.validation), len(data.test)) == (96, 64, 64)
    assert not set(data.train.texts) & set(data.validation.texts)
    assert all(" train " in text for text in data.validation.texts)
    strata = 2 * data.validation.task + data.validation.labels
    assert (np.bincount(strata) == 2).all()
    assert load_fdu_mtl(folder, 0.4, 3).validation.texts == data.validation.texts
    assert load_fdu_mtl(folder, 0.4, 4).validation.texts != data.validation.texts


def test_two_encodings_empty_texts_and_stray_bytes_are_handled_and_counted(
    tmp_path, monkeypatch
):
    lines = [
        "1\tcaf\u00e9 in UTF-8".encode(),
        "0\tcaf\u00e9 \u0142 as documented".encode("iso-8859-2"),
        b"1\ta dash \x96 of Windows",
        b"0\t  ",
    ]
    content = b"\n".join(lines) + b"\n"
    special = {"MR.task.train": content, "MR.task.test": content}
    folder = write_files(tmp_path, monkeypatch, special)
    data = load_fdu_mtl(folder, validation=0)
    mr = DOMAINS.index("MR")
    assert np.array(data.train.texts)[data.train.task == mr].tolist() == [
        "caf\u00e9 in UTF-8",
        "caf\u00e9 \u0142 as documented",
        "a dash   of Windows",
    ]
    assert (data.test.task == mr).sum() == 4  # an empty test text still counts
    rows = json.loads(json.dumps(data.facts))["rows"]
    assert rows["empty training texts left out"] == 1
    assert rows["texts read as ISO-8859-2"] == 4
    assert rows["characters replaced by a space"] == 2


@pytest.mark.parametrize("line", [b"2\tgood", b"1 good", b"\tgood", b"", b"1"])
def test_a_line_without_label_tab_and_text_is_named(tmp_path, monkeypatch, line):
    special = {"imdb.task.test": b"1\tfine\n" + line + b"\n"}
    folder = write_files(tmp_path, monkeypatch, special)
    with pytest.raises(UserError, match=r"imdb\.task\.test, line 2: expected 0 or 1"):
        load_fdu_mtl(folder)


def test_missing_files_are_named(tmp_path, monkeypatch):
    folder = write_files(tmp_path, monkeypatch)
    (folder / "baby.task.test.gz").unlink()
    (folder / "MR.task.train.gz").unlink()
    with pytest.raises(UserError, match=r"missing: baby\.task\.test, MR\.task\.train"):
        load_fdu_mtl(folder)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_wrong_validation_share_is_refused(share):
    with pytest.raises(UserError, match=r"expected a share in \[0, 1\)"):
        load_fdu_mtl(validation=share)


@needs_data
def test_the_official_files_hold_what_the_paper_says():
    data = load_fdu_mtl()
    assert len(data.task_names) == 16
    assert (np.bincount(data.test.task) == 400).all()
    trained = np.bincount(data.train.task) + np.bincount(data.validation.task)
    assert trained.min() >= 1400
    assert data.facts["rows"]["empty training texts left out"] == 1
