"""The measured results: one small JSON file for each data set."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def read(name: str) -> dict[str, Any]:
    """Return the stored results of a data set; empty before the first measurement."""
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        return {"about": {}, "rows": {}}
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def write(name: str, content: dict[str, Any]) -> None:
    """Store the results of a data set, one technique a line."""
    FOLDER.mkdir(exist_ok=True)
    lines = ",\n".join(
        f"  {json.dumps(key)}: {json.dumps(row)}"
        for key, row in content["rows"].items()
    )
    about = json.dumps(content["about"], indent=1)
    text = f'{{\n "about": {about},\n "rows": {{\n{lines}\n }}\n}}\n'
    json.loads(text)
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
