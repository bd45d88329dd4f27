"""A small table with three targets, and a prediction on one like it."""

import numpy as np
import pandas as pd

import polytask_cli


def table(rows=90):
    random = np.random.default_rng(1)
    age = random.normal(50, 10, rows).round(1)
    job = random.choice(["nurse", "clerk", "smith"], rows)
    level = (age - 50) / 10 + (job == "nurse") + random.normal(0, 0.3, rows)
    return pd.DataFrame(
        {
            "age": age,
            "job": job,
            "sick": np.where(level > 0.4, "yes", "no"),
            "grade": np.array(["a", "b", "c"])[np.digitize(level, [-0.3, 0.8])],
            "score": (100 + 10 * level).round(2),
        }
    )


def predict(run, frame, folder):
    frame.to_csv(folder / "new.csv", index=False)
    words = ["predict", str(run), str(folder / "new.csv")]
    return polytask_cli.main([*words, "--out", str(folder / "out.csv")])
