"""Refresh stores what a reader sees and nothing that another run would change."""

import base64

import nbformat
import pytest

from helpers import refresh


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        cell.metadata["collapsed"] = False
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"widgets": {}, "language_info": {"name": "python", "version": "3"}}
    )


def test_two_refreshes_store_the_same_bytes(tmp_path):
    path = tmp_path / "lecture.ipynb"
    nbformat.write(
        notebook(
            "from helpers import sliders, style\nstyle.use()",
            "def draw(figure, x):\n    'A line.'\n    figure.subplots().plot([0, x])",
            "sliders.explore(draw, x=sliders.slider('x', 0, 1, value=0.5))",
            "for number in range(3):\n    print(number, flush=True)",
        ),
        path,
    )
    refresh.refresh(path)
    first = path.read_bytes()
    refresh.refresh(path)
    assert path.read_bytes() == first
    stored = nbformat.reads(first.decode(), as_version=4)
    assert stored.metadata.keys() == {"kernelspec", "language_info"}
    assert [cell.execution_count for cell in stored.cells] == [1, 2, 3, 4]
    assert all(cell.metadata == {} for cell in stored.cells)
    assert stored.cells[2].outputs[0].data.keys() == {"text/plain", "image/png"}
    assert [output.text for output in stored.cells[3].outputs] == ["0\n1\n2\n"]


def test_the_picture_of_the_readme_is_written_and_pictures_keep_their_words(tmp_path):
    path = tmp_path / "lecture.ipynb"
    lecture = notebook(
        "from helpers import sliders, style\nstyle.use()",
        "def draw(figure, x):\n    'A line.'\n    figure.subplots().plot([0, x])",
        "sliders.explore(draw, x=sliders.slider('x', 0, 1, value=0.5))",
        "print('drawn')\nsliders.explore(draw, x=sliders.slider('x', 0, 1, value=0.2))",
    )
    lecture.cells[3].metadata["tags"] = ["readme"]
    nbformat.write(lecture, path)
    for _ in range(2):  # the second finds the folder there
        refresh.refresh(path)
    cells = nbformat.read(path, as_version=4).cells
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    written = (tmp_path / "pictures" / "lecture.png").read_bytes()
    assert written == base64.b64decode(pictures[1].data["image/png"])
    assert written != base64.b64decode(pictures[0].data["image/png"])
    assert [picture.metadata["image/png"].keys() for picture in pictures] == [{"alt"}, {"alt"}]
    assert pictures[0].metadata["image/png"]["alt"].startswith("A line.")


def test_output_on_stderr_is_refused(tmp_path):
    path = tmp_path / "lecture.ipynb"
    nbformat.write(notebook("import sys\nprint('careful', file=sys.stderr)"), path)
    with pytest.raises(ValueError, match="cell cell-0: got output on stderr, 'careful\\\\n'"):
        refresh.refresh(path)


def test_an_error_in_a_cell_stops_the_refresh(tmp_path):
    path = tmp_path / "lecture.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        refresh.refresh(path)
    assert path.read_bytes() == before
