"""What a search may try of an option: declared once, or written in a study file."""

from random import Random

import pytest

from polytask import UserError
from polytask.lab.studies.reading import Place
from polytask_options import (
    Budget,
    ElasticNet,
    OneOf,
    Range,
    Settings,
    options,
    read_domain,
)
from polytask_options.values import Number

PLACE = Place("s.toml, [search]")


def read(name, value):
    declared = {**options(Settings), **options(Budget)}
    return read_domain(declared[name].kind, value, name, PLACE)


def test_every_declared_range_is_accepted_by_its_option():
    for declared in (Settings, Budget):
        for name, one in options(declared).items():
            if one.search is None:
                continue
            for _ in range(5):
                value = one.search.draw(Random(0))
                written = value._asdict() if isinstance(value, ElasticNet) else value
                assert one.kind.read(written, name, PLACE) == value


def test_a_number_may_be_drawn_evenly_by_its_logarithm():
    domain = read("l1", {"low": 1e-6, "high": 1e-2, "log": True})
    random = Random(0)
    draws = [domain.draw(random) for _ in range(2000)]
    assert all(1e-6 <= draw <= 1e-2 for draw in draws)
    assert sum(draw < 1e-4 for draw in draws) == pytest.approx(1000, abs=100)


def test_an_integer_stays_one():
    domain = read("batch_size", {"low": 8, "high": 64})
    assert domain == Range(8, 64, whole=True)
    assert isinstance(domain.draw(Random(0)), int)


def test_choices_are_kept_as_the_option_keeps_them():
    assert read("dropout_kind", ["plain", "alpha"]) == OneOf(("plain", "alpha"))
    assert read("balancer", ["pcgrad"]).values[0]["name"] == "pcgrad"


def test_a_table_has_a_range_for_each_of_its_keys():
    span = {"low": 1e-5, "high": 1e-3, "log": True}
    domain = read("elastic_net", {"l1": span, "l2": [0.0, 0.1]})
    drawn = domain.draw(Random(0))
    assert isinstance(drawn, ElasticNet)
    assert drawn.l2 in (0.0, 0.1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "l1",
            {"low": 1.0, "high": 1.0},
            "[search.l1]: the range from 1 to 1 is empty",
        ),
        ("l1", {"low": 0, "high": 1, "log": True}, "low = 0; accepted with log is"),
        ("l1", {"low": 0.1}, 'the key "high" is missing'),
        ("l1", {"low": -1, "high": 1}, "low = -1; accepted is a number from 0"),
        ("l1", {"low": 0, "high": 1, "lgo": True}, 'unknown key "lgo". Did you mean'),
        ("l1", {"low": 0, "high": 1, "log": 1}, "log = 1; accepted is true or false"),
        ("l1", [], "l1 = [] is empty"),
        ("l1", 0.1, "l1 = 0.1; accepted is { low"),
        ("elastic_net", {"l1": [0.1]}, 'the key "l2" is missing'),
        ("balancer", ["pcgrat"], "pcgrat"),
    ],
)
def test_a_range_that_cannot_be_tried_is_refused(name, value, message):
    with pytest.raises(UserError) as error:
        read(name, value)
    assert message in str(error.value)


def test_every_strength_and_rate_has_a_usual_range():
    numbers = {
        n for n, one in options(Settings).items() if isinstance(one.kind, Number)
    }
    assert {n for n in numbers if options(Settings)[n].search is None} == set()
