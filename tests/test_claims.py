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
            tree = ast.parse(cell.source)
            certain = {id(call) for call in certain_calls(tree.body)}
            for call in ast.walk(tree):
                name = getattr(getattr(call, "func", None), "id", None)
                if isinstance(call, ast.Call) and name in CHECKS:
                    tag = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
                    if tag is None:
                        problems.append(f"a check whose first argument is not a plain tag: {ast.unparse(call)[:60]}")
                    else:
                        checked.setdefault(tag, []).append(position if id(call) in certain else -1)
    for number, tag in enumerate(tags, start=1):
        if tag != f"{lecture}.{number}":
            problems.append(f"({tag}) stands where ({lecture}.{number}) is due")
        if not any(position > tags[tag] for position in checked.get(tag, [])):
            problems.append(f"({tag}) has no check below it")
    problems += [f"a check names ({tag}), which no formula carries" for tag in checked if tag not in tags]
    return problems


def certain_calls(statements):
    """The calls that run whenever the cell does: not within a function, a condition, or a try that may catch them."""
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield statement.value
        elif isinstance(statement, ast.For):
            yield from certain_calls(statement.body)


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
        (["$$a \\tag{2.1.1}$$", 'for i in (1, 2):\n    check("2.1.1", "a", 1, 2, 3)'], None),
        (["$$a \\tag{2.1.1}$$", 'if x:\n    check("2.1.1", "a", 1, 2, 3)'], "has no check below it"),
        (["$$a \\tag{2.1.1}$$", 'def f():\n    check("2.1.1", "a", 1, 2, 3)'], "has no check below it"),
        (["$$a \\tag{2.1.1}$$", 'try:\n    check("2.1.1", "a", 1, 2, 3)\nexcept E:\n    pass'], "no check below"),
    ],
)
def test_the_audit_itself(cells, problem):
    make = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[make[source.startswith("$$")](source) for source in cells])
    found = audit(notebook, "2.1")
    assert found == [] if problem is None else any(problem in line for line in found)


def test_equations_that_the_helpers_cite_exist():
    lectures = {lecture_number(path): path for path in NOTEBOOKS}
    for module in sorted((NOTEBOOKS[0].parents[1] / "helpers").glob("*.py")):
        for tag in re.findall(r"(?:eqs?\.|and) (\d\.\d\.\d+)", module.read_text()):
            source = lectures[tag.rpartition(".")[0]].read_text()
            assert f"\\\\tag{{{tag}}}" in source, f"{module.name} cites ({tag})"
