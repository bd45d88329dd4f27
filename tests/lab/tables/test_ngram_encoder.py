import numpy as np
import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.tables import Preprocessor, from_table

KINDS = {"remark": "ngrams"}
REMARKS = ["Good service", "bad service", None, "good food, bad service", "good food"]


@pytest.fixture
def preprocessor():
    frame = pd.DataFrame({"remark": REMARKS})
    return Preprocessor.fit(frame, KINDS, min_frequency=2)


def rows(preprocessor, *remarks):
    return preprocessor.transform(pd.DataFrame({"remark": list(remarks)})).x


def test_words_and_pairs_of_words_are_features_whatever_their_case(preprocessor):
    # good, bad, service, food, "good food", "bad service"; others are in one row.
    assert len(preprocessor.feature_names) == 6 + 1
    same, other, pair = rows(preprocessor, "GOOD", "bad", "good food")
    assert same.sum() == other.sum() == 1
    assert not (same * other).any()
    assert pair.sum() == 3


def test_a_missing_cell_has_an_indicator_and_unknown_words_nothing(preprocessor):
    missing, empty, unknown = rows(preprocessor, None, "", "zebra")
    assert missing.tolist() == empty.tolist() == [0] * 6 + [1]
    assert unknown.sum() == 0
    assert preprocessor.feature_names[-1] == "remark=(missing)"


def test_what_was_learned_is_read_back(preprocessor):
    again = Preprocessor.from_json(preprocessor.to_json())
    assert again.feature_names == preprocessor.feature_names
    np.testing.assert_array_equal(rows(again, *REMARKS), rows(preprocessor, *REMARKS))


def test_free_text_is_an_input_only_where_it_is_asked_for():
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(12)]
    frame = pd.DataFrame(
        {
            "size": random.normal(size=60),
            "remark": [" ".join(random.permutation(words)[:6]) for _ in range(60)],
        }
    )
    frame["sold"] = np.where(frame["remark"].str.contains("word3"), "yes", "no")
    plain, _ = from_table(frame, ["sold:binary"])
    read, _ = from_table(frame, ["sold:binary"], columns=KINDS)
    assert set(plain.feature_sources) == {"size"}
    assert set(read.feature_sources) == {"size", "remark"}
    # Some words share a bucket with a pair of words.
    agreement = (read.train.y["sold"] == read.train.x.T).mean(axis=1)
    assert agreement.max() > 0.8


def test_a_kind_that_is_not_known_is_refused_with_this_one_named():
    frame = pd.DataFrame({"remark": REMARKS, "y": range(5)})
    with pytest.raises(UserError, match=r"Did you mean .*ngrams"):
        from_table(frame, ["y:regression"], columns={"remark": "ngram"})
