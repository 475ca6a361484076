"""Every numbered formula is tested by a check at or below it, and every check names a formula of its lecture."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
CHECKS = {"check", "check_order", "check_mean", "check_bound"}


def audit(notebook, lecture):
    """The list of what is wrong with the claims of a notebook; `lecture` is its number, such as '2.1'."""
    problems, tags, checked = [], {}, {}
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for tag in re.findall(r"\\tag\{([^}]*)\}", cell.source):
                if tag in tags:
                    problems.append(f"({tag}) is given twice")
                tags.setdefault(tag, position)
        elif cell.cell_type == "code":
            for call in ast.walk(ast.parse(cell.source)):
                if isinstance(call, ast.Call) and getattr(call.func, "id", None) in CHECKS:
                    tag = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
                    if tag is None:
                        problems.append(f"a check whose first argument is not a plain tag: {ast.unparse(call)[:60]}")
                    else:
                        checked.setdefault(tag, []).append(position)
    for number, tag in enumerate(tags, start=1):
        if tag != f"{lecture}.{number}":
            problems.append(f"({tag}) stands where ({lecture}.{number}) is due")
        if not any(position > tags[tag] for position in checked.get(tag, [])):
            problems.append(f"({tag}) has no check below it")
    problems += [f"a check names ({tag}), which no formula carries" for tag in checked if tag not in tags]
    return problems


def lecture_number(path):
    part, lecture, *_ = (*re.match(r"(\d)_(?:(\d)_)?", path.name).groups(),)
    return f"{part}.{lecture or 0}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_claims_of_the_lectures(path):
    assert audit(nbformat.read(path, as_version=4), lecture_number(path)) == []


def test_lecture_numbers():
    assert lecture_number(Path("2_1_influence_formulas.ipynb")) == "2.1"
    assert lecture_number(Path("0_start_here.ipynb")) == "0.0"


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["$$a \\tag{2.1.1}$$", 'check("2.1.1", "a", 1, 2, 3)'], None),
        (["$$a \\tag{2.1.1}$$", "f(check)"], "(2.1.1) has no check below it"),
        (['check("2.1.1", "a", 1, 2, 3)', "$$a \\tag{2.1.1}$$"], "(2.1.1) has no check below it"),
        (["$$a$$", 'check_mean("2.1.1", "a", 1, 2)'], "a check names (2.1.1), which no formula carries"),
        (["$$a \\tag{2.1.2}$$", 'check("2.1.2", "a", 1, 2, 3)'], "(2.1.2) stands where (2.1.1) is due"),
        (["$$a \\tag{2.1.1}$$ $$b \\tag{2.1.1}$$", 'check("2.1.1", "a", 1, 2, 3)'], "(2.1.1) is given twice"),
        (["$$a \\tag{2.1.1}$$", "check(tag, 1, 2, 3, 4)"], "not a plain tag"),
    ],
)
def test_the_audit_itself(cells, problem):
    make = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[make[source.startswith("$$")](source) for source in cells])
    found = audit(notebook, "2.1")
    assert found == [] if problem is None else any(problem in line for line in found)
