import json
import os
import re

import pytest
from paths import ROOT

from jaxgan.pages.template import as_json, as_text, fill

HOSTILE = "</script><!-- \u2028 <b> & \" ' $title"


def test_json_cannot_end_the_script_that_holds_it():
    text = as_json({HOSTILE: [1, 2.5, HOSTILE]})
    assert json.loads(text) == {HOSTILE: [1, 2.5, HOSTILE]}
    assert "<" not in text
    assert "\u2028" not in text
    with pytest.raises(ValueError, match="Out of range"):
        as_json(float("nan"))


def test_text_is_shown_as_it_is():
    assert as_text("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert as_text(os.fsdecode(b"a\n\xe9")) == "a\\n\\xe9"


@pytest.mark.parametrize("template", ["run.html", "translations.html"])
def test_a_page_needs_no_other_file(template):
    names = re.findall(r"\$(\w+)", (ROOT / "jaxgan" / "pages" / template).read_text())
    parts = {name: HOSTILE for name in names if not name.endswith(("_js", "_css"))}
    page = fill(template, **parts)
    assert page.count(HOSTILE) == len([name for name in names if name in parts])
    assert "function enlarge(" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"<link|@import|(src|href)=\"", page)
