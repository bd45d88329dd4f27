"""Writes TensorBoard's files without TensorFlow."""

import socket
import time
from pathlib import Path
from typing import Any, BinaryIO

from polytask.errors import UserError


class EventLog:
    """A file of scalars and images that TensorBoard shows.

    Keras's own callback writes through TensorFlow, which users of another backend
    need not have. This one takes the format alone from the package `tensorboard`.
    The file is made when the first event is written.

    Args:
        folder: Where.

    Raises:
        UserError: If the package `tensorboard` is missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise UserError(
                "log_dir needs the package tensorboard, which cannot be imported "
                f"({error}): pip install tensorboard."
            ) from error
        self.folder = folder
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._record_writer = RecordWriter
        self._file: BinaryIO | None = None
        self._records: Any = None

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write a number.

        Args:
            tag: Name of the curve; `/` makes groups.
            value: The number.
            step: Its place on the horizontal axis.
        """
        self._write(step, self._summary.Value(tag=tag, simple_value=value))

    def image(self, tag: str, png: bytes, step: int) -> None:
        """Write an image.

        Args:
            tag: Name of the series.
            png: A PNG file.
            step: Its place in the series.
        """
        # Width and height stand at a fixed place of every PNG file.
        width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
        image = self._summary.Image(
            encoded_image_string=png, width=width, height=height, colorspace=3
        )
        self._write(step, self._summary.Value(tag=tag, image=image))

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file; a later event begins another."""
        if self._file is not None:
            self._file.close()
            self._file = self._records = None

    def _write(self, step: int, value: Any) -> None:
        if self._records is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # TensorBoard knows its files by this prefix; the time keeps them apart.
            name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"
            self._file = (self.folder / f"{name}.polytask").open("wb")
            self._records = self._record_writer(self._file)
            self._emit(self._event(wall_time=time.time(), file_version="brain.Event:2"))
        summary = self._summary(value=[value])
        self._emit(self._event(wall_time=time.time(), step=step, summary=summary))

    def _emit(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
