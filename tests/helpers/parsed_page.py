"""What a reader and a browser find in a page, by the parser of Python itself."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "link", "img", "input", "hr", "base", "source"}


@dataclass
class Table:
    """Caption and rows of a table; the first cell of a row names it."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        return next(row for row in self.rows if row and row[0] == name)


class ParsedPage(HTMLParser):
    """Tags with attributes, texts, tables and SVG texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[Table] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unbalanced += self._open

    @classmethod
    def read(cls, path: Path) -> "ParsedPage":
        return cls(path.read_text(encoding="utf-8"))

    @property
    def text(self) -> str:
        """The visible words, whitespace collapsed."""
        shown = [t for where, t in self.texts if not {"style", "head"} & set(where)]
        return " ".join(" ".join(shown).split())

    def words_in(self, tag: str) -> str:
        shown = " ".join(text for where, text in self.texts if tag in where)
        return " ".join(shown.split())

    def table(self, start: str) -> Table:
        return next(t for t in self.tables if t.caption.startswith(start))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th"):
            self.tables[-1].rows[-1].append("")

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        self.texts.append((tuple(self._open), data))
        words = " ".join(data.split())
        if not words or "table" not in self._open:
            return
        table = self.tables[-1]
        if "caption" in self._open:
            table.caption = f"{table.caption} {words}".strip()
        elif table.rows and table.rows[-1]:
            table.rows[-1][-1] = f"{table.rows[-1][-1]} {words}".strip()
