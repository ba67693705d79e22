"""The configs that come with jaxgan: the files of the repository's folder `configs`."""

import ast
import difflib
from pathlib import Path

from jaxgan.errors import UserError


def folder() -> Path:
    """Return the folder of the packaged configs, which a wheel has in the package."""
    package = Path(__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def names() -> list[str]:
    """Return the names of the packaged configs."""
    return sorted(file.stem for file in folder().glob("*.py"))


def summary(name: str) -> str:
    """Return the first line of the docstring of a packaged config; "" if it cannot be parsed."""
    try:
        module = ast.parse((folder() / f"{name}.py").read_bytes())
    except (SyntaxError, ValueError):  # a config of a clone may be half edited
        return ""
    return (ast.get_docstring(module) or "").partition("\n")[0]


def find_config(config: str | Path) -> Path:
    """Return the file of a config.

    Args:
        config: A file, or the name of a packaged config.

    Raises:
        UserError: If no file or packaged config has this name. The message suggests similar names.
    """
    path, known = Path(config), names()
    if path.is_file():
        return path
    if str(config) in known:
        return folder() / f"{config}.py"
    similar = difflib.get_close_matches(path.stem, known)
    if path.suffix:
        files = {file.name: str(file) for file in path.parent.glob("*.py")}
        similar = [files[name] for name in difflib.get_close_matches(path.name, files)] or similar
    hint = f"perhaps you meant {' or '.join(similar)}; " if similar else ""
    raise UserError(
        f"config {config} not found: {hint}pass a file, or a name that `jaxgan configs` lists"
    )
