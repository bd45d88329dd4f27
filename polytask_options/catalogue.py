"""What a study file can name, read from polytask's sources.

Importing the families would load Keras, which takes seconds.
"""

import ast
import importlib.util
from pathlib import Path

from polytask_options.option import options
from polytask_options.settings import Settings

# Title → the module that holds the dictionary from name to class.
_FAMILIES = {
    "Regularizers and task structures": "regularizers/__init__.py",
    "Balancers": "balancing/__init__.py",
    "Sharing architectures": "layers/architectures.py",
}


def catalogue() -> dict[str, dict[str, str]]:
    """Return title → name → what it is, in one line."""
    lines = {name: option.help for name, option in options(Settings).items()}
    families = {title: _family(_package() / file) for title, file in _FAMILIES.items()}
    return {"Variant options": lines, **families}


def version() -> str:
    """Return polytask's version."""
    tree = ast.parse((_package() / "__init__.py").read_text(encoding="utf-8"))
    return next(
        str(ast.literal_eval(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "__version__"
    )


def _package() -> Path:
    package = importlib.util.find_spec("polytask")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent


def _family(file: Path) -> dict[str, str]:
    """Return name → first line of the docstring, of what a file registers."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    classes = next(filter(None, map(_classes, ast.walk(tree))))
    return {
        name: _first_line(modules[classes[name]], classes[name])
        for name in sorted(classes)
    }


def _classes(node: ast.AST) -> dict[str, str]:
    """Return name → class of a dictionary of these, empty for anything else."""
    if not isinstance(node, ast.Dict):
        return {}
    return {
        str(key.value): value.id
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
    }


def _first_line(module: str, name: str) -> str:
    path = _package().parent / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definition = next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    return (ast.get_docstring(definition) or "").split("\n", 1)[0]
