"""One encoder per kind of column: learns from training rows, writes plain JSON."""

from typing import Any

from polytask.lab.tables.encoders.boolean import BooleanEncoder
from polytask.lab.tables.encoders.categorical import CategoricalEncoder
from polytask.lab.tables.encoders.date import DateEncoder
from polytask.lab.tables.encoders.encoder import Encoded, Encoder
from polytask.lab.tables.encoders.numeric import NumericEncoder

ENCODERS: dict[str, type[Encoder]] = {
    encoder.kind: encoder
    for encoder in (NumericEncoder, CategoricalEncoder, BooleanEncoder, DateEncoder)
}


def encoder_from_dict(values: dict[str, Any]) -> Encoder:
    """Return the encoder that `Encoder.to_dict` described."""
    return ENCODERS[values["kind"]].from_dict(values)


__all__ = [
    "ENCODERS",
    "BooleanEncoder",
    "CategoricalEncoder",
    "DateEncoder",
    "Encoded",
    "Encoder",
    "NumericEncoder",
    "encoder_from_dict",
]
