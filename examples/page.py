"""A page put together from sections, tables and pictures."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from polytask.errors import UserError
from polytask.lab.reports.write_page import write_page

_PNG, _JPEG = b"\x89PNG", b"\xff\xd8\xff"


class Page:
    """One self-contained HTML page, in the style of polytask's own reports.

    Text is escaped, pictures are embedded; the page needs no network and runs no
    script. Methods add to the last section and return nothing.

    Args:
        title: The title.
        lead: The sentence that a reader should remember, set large at the top.
        kind: What the page is, in small print above the title.

    Example:
        >>> import tempfile
        >>> page = Page("Digits", lead="Dropout helps by 1 %.")
        >>> page.section("Results")
        >>> page.table(["network", "accuracy"], [["plain", ".90"], ["dropout", ".91"]])
        >>> page.write(tempfile.mkdtemp()).name
        'report.html'
    """

    def __init__(self, title: str, lead: str = "", kind: str = "Report") -> None:
        self.title = title
        self.lead = lead
        self.kind = kind
        self.sections: list[dict[str, Any]] = []

    def section(self, title: str) -> None:
        """Begin a section; the contents of the page list its title."""
        self.sections.append({"title": title, "elements": []})

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._add("text", text=text)

    def items(self, entries: Iterable[str]) -> None:
        """Add a list of short sentences."""
        self._add("items", entries=list(entries))

    def pairs(self, entries: Mapping[str, Any]) -> None:
        """Add facts by name, one a line."""
        self._add("pairs", entries=[(k, str(v)) for k, v in entries.items()])

    def code(self, text: str) -> None:
        """Add a command or a program, as it is."""
        self._add("code", text=text)

    def table(
        self,
        header: Sequence[str],
        rows: Iterable[Sequence[Any]],
        caption: str = "",
        best: int | None = None,
    ) -> None:
        """Add a table; the first cell of a row names it.

        Args:
            header: Titles of the columns.
            rows: One sequence of texts a row.
            caption: What the table shows, and how it was measured.
            best: Index of the row to set bold.

        Raises:
            UserError: If a row is not as long as the header.
        """
        cells = [[str(cell) for cell in row] for row in rows]
        for row in cells:
            if len(row) != len(header):
                raise UserError(
                    f"A row of the table has {len(row)} cells and the header "
                    f"{len(header)}: {row}."
                )
        entries = [
            {"cells": row, "is_best": place == best} for place, row in enumerate(cells)
        ]
        self._add("table", header=list(header), rows=entries, caption=caption)

    def figure(self, figure: Any, caption: str = "", alt: str = "") -> None:
        """Add a picture.

        Args:
            figure: A matplotlib figure (stored as SVG), the text of an SVG, or the
                bytes of a PNG or JPEG file.
            caption: Printed below.
            alt: What a reader who cannot see it should know. Default: the caption.

        Raises:
            UserError: If `figure` is none of these.
        """
        self._add("figure", source=_source(figure), caption=caption, alt=alt or caption)

    def panels(self, charts: Mapping[str, Markup], caption: str) -> None:
        """Add charts of `polytask.lab.reports.charts` side by side.

        Args:
            charts: Title → chart; it tells its values where a pointer rests.
            caption: What they show, printed above.
        """
        self._add("panels", charts=list(charts.items()), caption=caption)

    def write(self, folder: str | Path) -> Path:
        """Write `report.html` into a folder, made if absent.

        Args:
            folder: The folder.

        Returns:
            The path of the page.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        return write_page(
            target,
            "page.html",
            title=self.title,
            lead=self.lead,
            kind=self.kind,
            sections=self.sections,
        )

    def _add(self, kind: str, **contents: Any) -> None:
        if not self.sections:
            raise UserError("Begin a section before adding to the page.")
        self.sections[-1]["elements"].append({"kind": kind, **contents})


def _source(figure: Any) -> str:
    if hasattr(figure, "savefig"):
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", bbox_inches="tight")
        figure = stream.getvalue().decode("utf-8")
    if isinstance(figure, str) and "<svg" in figure:
        return _embedded("image/svg+xml", figure.encode("utf-8"))
    if isinstance(figure, bytes) and figure.startswith(_PNG):
        return _embedded("image/png", figure)
    if isinstance(figure, bytes) and figure.startswith(_JPEG):
        return _embedded("image/jpeg", figure)
    raise UserError(
        "A figure is a matplotlib figure, the text of an SVG, or the bytes of a PNG or "
        f"JPEG file; found {type(figure).__name__}."
    )


def _embedded(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
