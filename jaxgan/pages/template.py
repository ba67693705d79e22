"""Fills the templates of pages."""

import json
import string
from html import escape
from importlib.resources import files
from typing import Any

from jaxgan.files import printable


def fill(name: str, *, title: str, **parts: str) -> str:
    """Return a page with its style and scripts inside.

    Args:
        name: Name of the page. This package has its body, `NAME.html`, and its style, `NAME.css`.
            The body refers to the script `viewer.js` as `$viewer_js`, and so on.
        title: HTML for `$title` in the head and in the body.
        parts: HTML or JSON for the other names in the body.
    """
    texts = {
        file.name: file.read_text("utf-8")
        for file in files("jaxgan.pages").iterdir()
        if file.name.endswith((".html", ".css", ".js"))
    }
    scripts = {file.replace(".", "_"): texts[file] for file in texts if file.endswith(".js")}
    body = string.Template(texts[f"{name}.html"]).substitute(scripts, title=title, **parts)
    style = texts["style.css"] + texts[f"{name}.css"]
    return string.Template(texts["page.html"]).substitute(title=title, style=style, body=body)


def as_text(text: str) -> str:
    """Return HTML that shows a text, such as a name of a file, literally and on one line."""
    return escape(printable(text))


def as_json(value: Any) -> str:
    """Return JSON that can stand inside of a `script` element.

    Raises:
        ValueError: If a number is not finite, which JSON cannot store.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
