"""Writes pages of runs for tests."""

import json

import tiny

from jaxgan.training.run_page import Status, write_page

CONFIG = tiny.get_config()
HOSTILE = "</script><script>throw 1</script>\u2028<b>"
RUN = {
    "data": {"train": 12, "test": 3},
    "versions": {"jaxgan": "9.8.7", "jax": "0.10.2"},
    "devices": ["TPU v5", "TPU v5"],
    "started": "2026-01-02T03:04:05+00:00",
    "command": ["python", "train.py", "--config", "my config.py"],
}


def page_of(workdir, status=Status(6, "finished"), records=(), config=CONFIG, run=RUN):  # noqa: B008
    """Write a page and return it as text."""
    (workdir / "samples").mkdir(exist_ok=True)
    (workdir / "config.json").write_text(json.dumps(run))
    write_page(workdir, config, status, records)
    return (workdir / "index.html").read_text("utf-8")
