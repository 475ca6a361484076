"""What a stored lecture looks like, beyond its numbers."""

import re
from pathlib import Path

import nbformat
import pytest

from helpers.refresh import readme_pictures

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NETWORK = re.compile(r"urllib|requests|urlopen|https?://|ftp://|socket|wget|curl|pooch|^\s*[!%]", re.MULTILINE)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def lecture(request):
    notebook = nbformat.read(request.param, as_version=4)
    nbformat.validate(notebook)
    return request.param, notebook, [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_executed_in_order_and_stripped(lecture):
    path, notebook, code = lecture
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    text = path.read_text()
    assert "application/vnd.jupyter.widget" not in text
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
    for output in (output for cell in code for output in cell.outputs):
        assert output.output_type != "error" and output.get("name") != "stderr"


def test_small_enough_to_load_at_once(lecture):
    path, _, _ = lecture
    assert path.stat().st_size <= 600_000


def test_headings(lecture):
    _, notebook, _ = lecture
    markdown = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    levels = [len(marks) for marks in re.findall(r"^(#+) ", markdown, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    for above, below in zip(levels, levels[1:], strict=False):
        assert below <= above + 1, "a heading level is skipped"


def test_every_exercise_has_a_runnable_solution_below(lecture):
    path, notebook, _ = lecture
    for cell, below in zip(notebook.cells, notebook.cells[1:], strict=False):
        if "**Exercise" in cell.source and cell.cell_type == "markdown":
            assert cell.source.count("**Exercise") == 1
            assert below.cell_type == "code" and below.metadata.get("tags") == ["solution"]
            assert below.metadata.jupyter.source_hidden
    solutions = [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
    assert 3 <= len(solutions) <= 5


def test_code_cells(lecture):
    _, notebook, code = lecture
    for cell in code:
        assert not NETWORK.search(cell.source), "a cell reaches for the network or the shell"
        assert "NBVAL" not in cell.source and "nbval" not in str(cell.metadata)
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 30, f"{cell.id} has {len(lines)} lines"
        assert not lines[-1].rstrip().endswith(";"), "nbval does not honour a trailing semicolon"
    (setup,) = [cell for cell in code[:2] if "style.use()" in cell.source]
    assert len([line for line in setup.source.splitlines() if line.strip()]) <= 10
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words >= 5 * sum(len(cell.source.splitlines()) for cell in code)


def test_links_to_files_exist(lecture):
    path, notebook, _ = lecture
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", cell.source):
                assert (path.parent / target).exists(), f"no file {target}"


def test_the_readme_lists_every_lecture_and_links_only_what_exists():
    readme = (ROOT / "README.md").read_text()
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in readme
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / target).exists(), f"no file {target}"


def test_the_readme_pictures_are_those_of_the_lectures(lecture):
    path, notebook, _ = lecture
    for picture in readme_pictures(notebook):
        assert (path.parent / "pictures" / f"{path.stem}.png").read_bytes() == picture


def test_every_requirement_says_who_needs_it():
    *lines, last = (ROOT / "requirements.txt").read_text().splitlines()
    assert last == "-e ."
    for line in lines:
        assert re.fullmatch(r"[\w-]+(==|>=)\S+\s+# \S.*", line), line
