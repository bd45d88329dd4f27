import doctest

import numpy as np
import pytest

from polytask import layers, testing

PUBLIC = {
    name: value
    for family in (layers, testing)
    for name, value in vars(family).items()
    if isinstance(value, type)
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_the_example_in_the_documentation_runs(name):
    cls = PUBLIC[name]
    names = {**vars(__import__(cls.__module__, fromlist=["_"])), "np": np}
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(recurse=False).find(cls, name, globs=names):
        runner.run(example)
    assert runner.failures == 0
