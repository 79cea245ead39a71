"""The notebook of the quick start runs from its first cell to its last."""

import json
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "docs" / "quick_start.ipynb"


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads(PATH.read_text())["cells"]
    programs = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(programs) >= 5
    assert any("export_checkpoint(" in "".join(cell["source"]) for cell in programs)
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in programs)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(PATH.parents[1]))
    notebook = nbformat.read(PATH, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    texts = [
        output["data"].get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert any(text.endswith(", 64))") for text in texts)
    assert any("image/png" in out.get("data", {}) for out in notebook.cells[-1]["outputs"])
