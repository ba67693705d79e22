"""The notebook runs from top to bottom in a Jupyter kernel, and is stored without outputs."""

import nbformat
import pytest
from nbclient import NotebookClient
from paths import ROOT

from jaxgan import __version__

NOTEBOOK = nbformat.read(ROOT / "docs" / "first_model.ipynb", as_version=4)
CODE = {cell.id: cell for cell in NOTEBOOK.cells if cell.cell_type == "code"}


def test_it_is_stored_without_outputs():
    nbformat.validate(NOTEBOOK)
    for cell in CODE.values():
        assert cell.outputs == []
        assert cell.execution_count is None


def test_it_installs_this_version():
    assert f"/jaxgan-{__version__}-py3-none-any.whl" in CODE["install"].source


@pytest.mark.slow
def test_it_trains_and_shows_images(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    few = {
        "STEPS = 4000": "STEPS = 4",
        "log_every=250": "log_every=2",
        "train_count=400": "train_count=8",
    }
    for given, smaller in few.items():
        assert given in CODE["train"].source
        CODE["train"].source = CODE["train"].source.replace(given, smaller)
    NotebookClient(NOTEBOOK, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()

    printed = "".join(output.get("text", "") for output in CODE["train"].outputs)
    assert "step 4/4" in printed
    for name in ("samples", "translate"):
        shown = [
            output.data for output in CODE[name].outputs if output.output_type == "display_data"
        ]
        assert ["image/png" in data for data in shown] == [True]
    assert (tmp_path / "runs" / "first_model" / "index.html").is_file()
