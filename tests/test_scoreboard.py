import nbformat
import pytest
from lectures import LECTURES, ROOT, read

from helpers import scoreboard


def notebook(folder, name, *cells):
    found = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1.2 A title")])
    for count, (identity, printed) in enumerate(cells, start=1):
        cell = nbformat.v4.new_code_cell("...", execution_count=count if printed is not None else None, id=identity)
        if printed:
            cell.outputs = [nbformat.v4.new_output("stream", text=printed)]
        found.cells.append(cell)
    nbformat.write(found, folder / name)


def test_lines_are_read_back_with_their_cells(tmp_path):
    notebook(
        tmp_path,
        "1_2_a_title.ipynb",
        ("a", "✓ (1.2.3) a claim: within 1e-08\nanything else\n= 12 % of them\n"),
        ("b", "✓ right, within 0.01\n▸ a paper, r: published 0.9 · here ≥ 0.8 · other data\n"),
    )
    notebook(tmp_path, "5_scoreboard.ipynb", ("c", "= 1 not a lecture\n"))
    lines = scoreboard.gather(tmp_path)
    assert [(line.cell, line.kind, line.tag, line.text) for line in lines] == [
        ("a", "formula", "1.2.3", "a claim: within 1e-08"),
        ("a", "number", "", "12 % of them"),
        ("b", "published", "", "a paper, r: published 0.9 · here ≥ 0.8 · other data"),
    ]
    assert (lines[0].lecture, lines[0].title, lines[0].file) == ("1.2", "A title", "1_2_a_title.ipynb")
    assert scoreboard.published(lines[2]) == ("a paper, r", "0.9", "≥ 0.8", "other data")
    assert scoreboard.link(lines[0], "there") == "[there](1_2_a_title.ipynb#cell-id=a)"


def test_a_cell_that_was_not_run_is_refused(tmp_path):
    notebook(tmp_path, "1_2_a_title.ipynb", ("a", None))
    with pytest.raises(ValueError, match="1_2_a_title.ipynb.*not been run, a"):
        scoreboard.gather(tmp_path)


def test_a_bar_inside_a_cell_does_not_end_it():
    assert scoreboard.table(["a", "b"], [["KL(q|f)", 1]]) == "| a | b |\n| --- | --- |\n| KL(q\\|f) | 1 |"


def test_the_scoreboard_shows_every_line_of_every_lecture():
    shown = "\n".join(
        output.data["text/markdown"]
        for cell in read(ROOT / "notebooks" / "5_scoreboard.ipynb").cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    )
    lines = scoreboard.gather(ROOT / "notebooks")
    assert {line.file for line in lines} == {path.name for path in LECTURES}
    for line in lines:
        text = line.text if line.kind == "formula" else line.text.partition(" ")[2].removeprefix("% ")
        text = scoreboard.published(line)[0] if line.kind == "published" else text
        assert text.replace("|", "\\|") in shown, f"refresh 5_scoreboard: it lacks {line}"
        assert f"{line.file}#cell-id={line.cell}" in shown, f"refresh 5_scoreboard: no link to {line}"
