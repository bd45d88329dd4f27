"""Loaders of research data: address, checksum and terms of each, and its arrays."""

from examples.datasets.fdu_mtl import FDU_MTL, TextRows, TextSet, load_fdu_mtl
from examples.datasets.movielens import MOVIELENS, Fold, MovieLens, load_movielens
from examples.datasets.mtfl import (
    MTFL,
    load_mtfl,
    load_mtfl_backgrounds,
    write_mtfl_crops,
)
from examples.datasets.olivetti import OLIVETTI, load_olivetti
from examples.datasets.pictures import PictureRows, PictureSet
from examples.datasets.taobao import TAOBAO, Taobao, load_taobao
from examples.datasets.youtube_faces import (
    YOUTUBE_FACES,
    load_youtube_faces,
    write_youtube_frames,
)

#: Name → what is known of the data set, and how to get it.
ENTRIES = {
    entry.name: entry
    for entry in (FDU_MTL, MOVIELENS, MTFL, OLIVETTI, TAOBAO, YOUTUBE_FACES)
}

__all__ = [
    "ENTRIES",
    "Fold",
    "MovieLens",
    "PictureRows",
    "PictureSet",
    "Taobao",
    "TextRows",
    "TextSet",
    "load_fdu_mtl",
    "load_movielens",
    "load_mtfl",
    "load_mtfl_backgrounds",
    "load_olivetti",
    "load_taobao",
    "load_youtube_faces",
    "write_mtfl_crops",
    "write_youtube_frames",
]
