import json

import numpy as np
import pandas as pd

from polytask.lab.tables import Preprocessor


def amounts(rows=400):
    rng = np.random.default_rng(0)
    values = np.zeros(rows)
    values[:20] = np.exp(rng.normal(8, 2, 20))
    return pd.DataFrame({"gain": values})


def test_a_heavy_tail_gets_a_logarithm_beside_its_value():
    preprocessor = Preprocessor.fit(amounts(), {"gain": "numeric"})
    assert preprocessor.feature_names == ("gain", "gain=(log)")
    assert preprocessor.feature_sources == ("gain", "gain")
    x = preprocessor.transform(amounts()).x
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-4)
    assert np.abs(x[:, 1]).max() < np.abs(x[:, 0]).max()


def test_the_logarithm_keeps_order_and_sign():
    frame = amounts()
    frame.loc[0, "gain"] = -1e6
    preprocessor = Preprocessor.fit(frame, {"gain": "numeric"})
    x = preprocessor.transform(frame).x
    order = np.argsort(frame["gain"], kind="stable")
    assert np.all(np.diff(x[order, 1]) >= 0)


def test_ordinary_numbers_get_none():
    frame = pd.DataFrame({"age": np.linspace(18, 90, 200)})
    assert Preprocessor.fit(frame, {"age": "numeric"}).feature_names == ("age",)


def test_the_logarithm_survives_json():
    preprocessor = Preprocessor.fit(amounts(), {"gain": "numeric"})
    text = preprocessor.to_json()
    assert "NaN" not in json.dumps(json.loads(text))
    again = Preprocessor.from_json(text)
    new = pd.DataFrame({"gain": [0.0, 1.0, 1e7, None]})
    np.testing.assert_array_equal(preprocessor.transform(new).x, again.transform(new).x)
