"""Gray pictures with labels of several tasks, and the folders they are read from."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polytask.errors import UserError

# What Pillow and the archives raise where bytes are missing or wrong.
_DAMAGES = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True)
class PictureRows:
    """Pictures of one part of a data set.

    Args:
        pictures: uint8 of shape (rows, height, width).
        labels: Name → labels of shape (rows, ...).
        names: Where each picture came from.
    """

    pictures: np.ndarray
    labels: dict[str, np.ndarray]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: np.ndarray) -> "PictureRows":
        """Return some rows, in the order given."""
        labels = {name: values[rows] for name, values in self.labels.items()}
        names = tuple(self.names[row] for row in rows)
        return PictureRows(self.pictures[rows], labels, names)


@dataclass(frozen=True)
class PictureSet:
    """Training and test pictures of one source.

    Args:
        train: Rows that fit the weights and choose the epoch.
        test: Rows that are evaluated once.
        facts: JSON-able description for reports: source, terms, counts.
    """

    train: PictureRows
    test: PictureRows
    facts: dict[str, Any]


class PictureStore:
    """Pictures that lie in a folder, plain or inside tar and zip archives.

    Needs Pillow, which the extra `examples` of polytask installs.

    Args:
        folder: The folder.

    Attributes:
        bad: Name → reason, of the pictures that `read` could not deliver.

    Raises:
        UserError: If Pillow is not installed, or an archive is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            import PIL  # noqa: F401
        except ImportError as error:
            raise UserError(
                "Reading pictures needs Pillow, which the extra 'examples' brings: "
                "pip install 'polytask[examples]'."
            ) from error
        self.folder = Path(folder)
        self.bad: dict[str, str] = {}
        self._archives: list[tuple[Any, dict[str, Any]]] = []
        for path in sorted(self.folder.iterdir()):
            if path.name.lower().endswith(ARCHIVES):
                self._archives.append(_opened(path))

    def __contains__(self, name: str) -> bool:
        inside = any(name in members for _, members in self._archives)
        return inside or (self.folder / name).is_file()

    def read(self, name: str, on_bad: str = "raise") -> Any:
        """Return a picture in shades of gray.

        Args:
            name: Its path below the folder, with `/`.
            on_bad: What to do where the picture is missing or truncated: `"raise"`,
                or `"skip"`, which notes it in `bad`.

        Returns:
            A `PIL.Image.Image` of mode L, or None where it was skipped.

        Raises:
            UserError: If the picture is missing or damaged and not skipped.
        """
        from PIL import Image

        if on_bad not in ("raise", "skip"):
            raise UserError(f"on_bad is {on_bad!r}; expected 'raise' or 'skip'.")
        reason = f"is neither in {self.folder} nor in an archive there"
        try:
            content = self._content(name)
            if content is not None:
                return Image.open(io.BytesIO(content)).convert("L")
        except _DAMAGES as error:
            reason = f"cannot be read: {error}"
        if on_bad == "raise":
            raise UserError(f"The picture {name} {reason}.")
        self.bad[name] = reason
        return None

    def check(self, names: Iterable[str], url: str) -> None:
        """Raise `UserError` with the address of the pictures if none is here."""
        if not any(name in self for name in names):
            raise UserError(
                f"{self.folder} holds none of the pictures. Download {url} and put it "
                "there, or unpack it there."
            )

    def _content(self, name: str) -> bytes | None:
        path = self.folder / name
        if path.is_file():
            return path.read_bytes()
        for archive, members in self._archives:
            if name in members:
                if isinstance(archive, zipfile.ZipFile):
                    return archive.read(members[name])
                opened = archive.extractfile(members[name])
                return opened.read() if opened else None
        return None


def _opened(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return an archive and its files: path → what opens it."""
    try:
        if path.suffix == ".zip":
            archive = zipfile.ZipFile(path)
            return archive, {n.removeprefix("./"): n for n in archive.namelist()}
        tar = tarfile.open(path)  # noqa: SIM115 - read from as long as the store lives
        files = [member for member in tar.getmembers() if member.isfile()]
        return tar, {member.name.removeprefix("./"): member for member in files}
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise UserError(f"The archive {path} is damaged: {error}.") from error
