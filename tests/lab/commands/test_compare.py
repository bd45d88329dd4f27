"""What `polytask compare` asks of a study, beside what its file says."""

import pytest

import polytask_cli
from polytask.lab.commands.compare import named_study

STUDY = """
[data]
file = "data.csv"
exclude = ["id"]
split = [0.5, 0.25, 0.25]
[tasks]
sick = "binary"
[variants.none]
"""


@pytest.mark.parametrize("verb", [["compare"], ["search"], ["path", "--knob", "l1"]])
def test_flags_say_how_the_table_of_a_study_is_read_and_split(tmp_path, verb):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    words = ["--split", "group:site", "--weight", "w", "--max-categories", "9"]
    flags = polytask_cli.parser().parse_args([*verb, str(path), *words])
    data = named_study(flags).data
    assert (data.split, data.weight, data.max_categories) == ("group:site", "w", 9)
    assert data.exclude == ("id",)
    plain = polytask_cli.parser().parse_args([*verb, str(path)])
    assert named_study(plain).data.split == (0.5, 0.25, 0.25)
