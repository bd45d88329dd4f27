"""The text example runs from one command, on texts made here."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.sparse
from sklearn.naive_bayes import MultinomialNB

from polytask.lab.studies.schema import MULTI_TASK, Run
from tests.helpers.program_modules import modules_of

pytest.importorskip("matplotlib", reason="the example draws its pictures with it")

ROOT = Path(__file__).parents[2]
DOMAINS = ("books", "imdb", "MR")
ROWS = {"train": 200, "test": 20}
# The example accepts the official files alone; this lets it expect those of the test.
# Three domains and three networks, since compiling them is what takes time. A process
# of its own: the examples' modules have common names.
PROGRAM = """
import sys
from dataclasses import replace
from examples.datasets import fdu_mtl
from polytask.lab.tables import DataFile
domains, rows = {domains}, {rows}
files = [
    DataFile(f"{{domain}}.task.{{part}}", rows=rows[part])
    for domain in domains
    for part in rows
]
fdu_mtl.DOMAINS = domains
fdu_mtl.FDU_MTL = replace(fdu_mtl.FDU_MTL, files=tuple(files))
sys.path.insert(0, "examples/text")
import text
text.QUICK_VARIANTS = (text.PLAIN, text.CHOSEN, "adversarial")
folder, out = sys.argv[1:]
for _ in range(2):
    text.main(["--data-dir", folder, "--out", out, "--quick", "--seeds", "1"])
import keras
model = keras.saving.load_model(f"{{out}}/model.keras")
print("domains:", *model.task_names)
"""


def write_texts(folder):
    """Write reviews whose words say what their authors think."""
    random = np.random.default_rng(0)
    for domain in DOMAINS:
        for part, rows in ROWS.items():
            lines = []
            for _ in range(rows):
                label = int(random.integers(2))
                opinion = (("awful", "broken"), ("great", "lovely"))[label]
                words = [f"thing{i}" for i in random.integers(5, size=4)]
                words += ["the", random.choice(opinion), domain]
                lines.append(f"{label}\t{' '.join(random.permutation(words))}\n")
            content = "".join(lines).encode()
            (folder / f"{domain}.task.{part}.gz").write_bytes(gzip.compress(content))


@pytest.mark.slow
def test_one_command_stores_scores_a_model_and_a_page_and_continues(tmp_path):
    texts, out = tmp_path / "texts", tmp_path / "out"
    texts.mkdir()
    write_texts(texts)
    program = PROGRAM.format(domains=DOMAINS, rows=ROWS)
    done = subprocess.run(
        [sys.executable, "-c", program, str(texts), str(out)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"domains: {' '.join(DOMAINS)}" in done.stdout
    page = (out / "report.html").read_text("utf-8")
    assert page.count("<img") == 2
    assert "linear, shared + private" in page
    # One of four words gives each label away.
    for name in ("chosen dropout", "single-task networks", "adversarial"):
        run = Run(MULTI_TASK, name, seed=0)
        stored = json.loads((out / "runs" / f"{run.run_id}.json").read_text())
        rows = stored["scores"]
        accuracy = [row[3] for row in rows if row[1:3] == ["test", "accuracy"]]
        assert len(accuracy) == 3
        assert np.mean(accuracy) > 0.8, name
    # The second call trained nothing: it reports the seconds of the first.
    lines = [line for line in done.stdout.splitlines() if "chosen dropout" in line]
    assert len(lines) == 2
    assert lines[0] == lines[1]


@pytest.fixture
def example():
    """The example's modules, imported as its command imports them."""
    with modules_of("examples/text"):
        yield


def test_the_log_count_ratio_is_that_of_naive_bayes(example):
    from ngrams import Ngrams, log_count_ratio

    random = np.random.default_rng(0)
    labels = random.integers(2, size=60)
    weights = random.random((60, 25)) * (random.random((60, 25)) < 0.3)
    oracle = MultinomialNB(alpha=1.0).fit(weights > 0, labels).feature_log_prob_
    found = log_count_ratio(scipy.sparse.csr_matrix(weights), labels)
    np.testing.assert_allclose(found, oracle[1] - oracle[0], atol=1e-12)

    # Of two equally frequent words the one that tells the labels apart weighs more.
    texts = ["good thing", "good thing", "bad thing", "bad thing"]
    ngrams = Ngrams(10, length=4, power=1.0).fit(texts, np.array([1, 1, 0, 0]))
    weights = ngrams.encode(["thing good"])["weights"][0]
    assert weights[0] > 0
    assert weights[2] == 0


def test_tokens_keep_the_negation_that_a_pattern_for_words_loses(example):
    from ngrams import Ngrams, tokens, tokens_to_triples

    assert tokens("Isn't it ? Do n't") == ["is", "n't", "it", "?", "do", "n't"]
    texts = ["i do n't like it", "i do like it"] * 2
    ngrams = Ngrams(50, length=9, vectorizer=tokens_to_triples)
    ngrams.fit(texts, np.array([0, 1, 0, 1]))
    known = set(ngrams.vectorizer.get_feature_names_out())
    assert {"n't", "do n't", "do n't like"} < known


def test_a_joined_network_has_the_mean_of_its_members_and_is_one_file(
    example, tmp_path
):
    from network import Network, build

    from examples.joined import joined

    tiny = Network(units=2, ngrams=9, hidden_ngrams=9)
    members = [build(tiny, DOMAINS, length=3) for _ in range(2)]
    random = np.random.default_rng(0)
    inputs = {
        "ngrams": random.integers(1, 10, size=(5, 3)).astype("int32"),
        "weights": random.random((5, 3)).astype("float32"),
        "domain": np.array([0, 1, 2, 0, 1], "int32"),
    }
    for member in members:
        member.set_weights([random.normal(size=w.shape) for w in member.get_weights()])
    joined(members).save(tmp_path / "joined.keras")
    model = keras.saving.load_model(tmp_path / "joined.keras")
    whole = model.predict(inputs, verbose=0)
    each = [member.predict(inputs, verbose=0) for member in members]
    for name in DOMAINS:
        mean = (each[0][name] + each[1][name]) / 2
        assert np.abs(each[0][name] - each[1][name]).max() > 0.1
        np.testing.assert_allclose(whole[name], mean, rtol=1e-5)
