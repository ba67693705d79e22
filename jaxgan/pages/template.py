"""Fills the templates of pages."""

import json
import string
from html import escape
from importlib.resources import files
from typing import Any

from jaxgan.files import printable


def fill(template: str, **parts: str) -> str:
    """Return a page with its style and scripts inside.

    Args:
        template: Name of a template in this package. It refers to `style.css` as `$style_css`, and
            to other styles and scripts of this package in the same way.
        parts: HTML or JSON for the other names in the template.
    """
    package = files("jaxgan.pages")
    inlined = {
        file.name.replace(".", "_"): file.read_text("utf-8")
        for file in package.iterdir()
        if file.name.endswith((".css", ".js"))
    }
    page = string.Template(package.joinpath(template).read_text("utf-8"))
    return page.substitute(inlined, **parts)


def as_text(text: str) -> str:
    """Return HTML that shows a text, such as a name of a file, literally and on one line."""
    return escape(printable(text))


def as_json(value: Any) -> str:
    """Return JSON that can stand inside of a `script` element.

    Raises:
        ValueError: If a number is not finite, which JSON cannot store.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
