"""Tiny folders laid out like the official picture sets."""

import gzip
import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np

from examples.datasets import mtfl, youtube_faces

SIDE = 60
LANDMARKS = np.array([[20, 22], [40, 22], [30, 30], [22, 40], [38, 40]], float)


def jpeg(seed):
    """Return the bytes of a gray picture and its pixels."""
    from PIL import Image

    random = np.random.default_rng(seed)
    pixels = np.kron(random.integers(0, 255, (6, 6)), np.ones((10, 10)))
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def mtfl_line(name, seed):
    random = np.random.default_rng(seed)
    points = LANDMARKS + random.uniform(-2, 2, (5, 2))
    numbers = " ".join(f"{value:f}" for value in points.T.ravel())
    codes = [random.integers(1, 3) for _ in range(3)] + [random.integers(1, 6)]
    return f" {name} {numbers} {' '.join(map(str, codes))}\n"


def write_mtfl(root, monkeypatch, train=6, test=4, archive="tar"):
    """Write annotations and pictures; return the names of the training pictures."""
    folder = root / "mtfl"
    folder.mkdir(parents=True)
    names = {
        "train": [f"lfw_5590/Person_{k:04d}.jpg" for k in range(train)],
        "test": [f"AFLW/{k:04d}-image.jpg" for k in range(test)],
    }
    pictures = {}
    for part, file in (("train", "training.txt"), ("test", "testing.txt")):
        lines = []
        for k, name in enumerate(names[part]):
            # The official training file has backslashes, as Windows does.
            written = name.replace("/", "\\") if part == "train" else name
            lines.append(mtfl_line(written, k))
            pictures[name] = jpeg(k)
        with gzip.open(folder / f"{file}.gz", "wt") as stream:
            stream.writelines(lines)
    pack(folder, pictures, archive)
    forget_checksums(monkeypatch, mtfl, "MTFL")
    return names["train"]


def write_youtube(root, monkeypatch, persons=3, archive="folder"):
    """Write keypoints and frames: three videos a person, with two frames each."""
    folder = root / "youtube_faces_udacity"
    folder.mkdir(parents=True)
    frames = {
        "training": [
            f"Person_{p}_{v}{f}.jpg"
            for p in range(persons)
            for v in (0, 2, 3)
            for f in (0, 1)
        ],
        "test": [f"Person_{p}_30.jpg" for p in range(persons)],
    }
    pictures = {}
    for part, names in frames.items():
        lines = ["," + ",".join(map(str, range(136))) + "\n"]
        for k, name in enumerate(names):
            random = np.random.default_rng(k)
            points = random.uniform(10, 50, (68, 2))
            lines.append(name + "," + ",".join(f"{v:.1f}" for v in points.ravel()))
            lines[-1] += "\n"
            pictures[f"{part}/{name}"] = jpeg(k)
        (folder / f"{part}_frames_keypoints.csv").write_text("".join(lines))
    pack(folder, pictures, archive)
    forget_checksums(monkeypatch, youtube_faces, "YOUTUBE_FACES")
    return frames


def write_olivetti(root):
    from scipy.io import savemat

    folder = root / "olivetti"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    faces = random.integers(0, 255, (4096, 400), dtype=np.uint8)
    savemat(folder / "olivettifaces.mat", {"faces": faces})
    return faces


def pack(folder, pictures, archive):
    if archive == "tar":
        with tarfile.open(folder / "pictures.tar", "w") as tar:
            for name, content in pictures.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    elif archive == "zip":
        with zipfile.ZipFile(folder / "pictures.zip", "w") as stream:
            for name, content in pictures.items():
                stream.writestr(name, content)
    else:
        for name, content in pictures.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def forget_checksums(monkeypatch, module, entry):
    """Let the loader take files that are not the official ones."""
    files = {
        part: replace(file, sha256="", rows=0) for part, file in module.FILES.items()
    }
    monkeypatch.setattr(module, "FILES", files)
    whole = replace(getattr(module, entry), files=tuple(files.values()))
    monkeypatch.setattr(module, entry, whole)
