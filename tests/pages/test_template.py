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


@pytest.mark.parametrize("name", ["run", "translations"])
def test_a_page_needs_no_other_file(name):
    body = (ROOT / "jaxgan" / "pages" / f"{name}.html").read_text()
    names = [part for part in re.findall(r"\$(\w+)", body) if not part.endswith("_js")]
    page = fill(name, **(dict.fromkeys(names, HOSTILE) | {"title": HOSTILE}))
    assert page.count(HOSTILE) == len(names) + 1  # the title is also in the head
    assert "function enlarge(" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"<link|@import|(src|href)=\"", page)
