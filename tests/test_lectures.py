"""Each lecture runs from top to bottom, its sliders survive the sweep, and its exercises are answered.

With the environment variable FULL each cell of a lecture runs twice in a row and must show the same both times.
"""

import ast
import contextlib
import io
import os
import re

import matplotlib.pyplot as plt
import pytest
import torch
from lectures import LECTURES, NOTEBOOKS, code_cells, make, read, tagged

from helpers import sliders, style
from helpers.sliders import Explorer, explore


def shown(source, name, namespace):
    """Run a cell; return what a reader sees below it: the text, and the pictures as bytes."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    text, pictures = io.StringIO(), []
    with contextlib.redirect_stdout(text):
        exec(compile(tree, name, "exec"), namespace)
        value = eval(compile(last, name, "eval"), namespace) if last else None
        if isinstance(value, style.Picture):
            pictures.append(value.png)
        elif isinstance(value, Explorer):
            pictures.append(value.picture())
        elif value is not None:
            print(repr(value))
    for number in plt.get_fignums():  # a notebook shows the figures that a cell leaves open
        stream = io.BytesIO()
        plt.figure(number).savefig(stream, format="png")
        pictures.append(stream.getvalue())
    plt.close("all")
    return text.getvalue(), pictures


def run_lecture(notebook, name, twice=False):
    """Run all cells and return the text below each; demand that a second run in a row shows the same as the first."""
    namespace, texts = {"__name__": "__main__"}, {}
    for position, cell in code_cells(notebook):
        text, pictures = shown(cell.source, f"{name} [{position}]", namespace)
        if twice:
            again, other = shown(cell.source, f"{name} [{position}], again", namespace)
            assert again == text, f"[{position}] prints something else when it is run twice"
            assert other == pictures, f"[{position}] shows another picture when it is run twice"
        texts[position] = text
    return texts


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lecture_runs_and_its_sliders_and_exercises_hold(path, monkeypatch):
    explorers = []
    torch.set_default_dtype(torch.float32)  # as in a fresh kernel; one lecture changes it

    def recording(*args, **controls):
        explorers.append(explore(*args, **controls))
        return explorers[-1]

    monkeypatch.setattr(sliders, "explore", recording)
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(path.parent)
    notebook = read(path)
    texts = run_lecture(notebook, path.name, twice="FULL" in os.environ and path in LECTURES)
    for position, cell in code_cells(notebook):
        if tagged(cell, "answer"):
            assert texts[position].startswith("○"), f"[{position}] {texts[position]}"
        if tagged(cell, "solution") and path in LECTURES:
            assert "✓" in texts[position] and "✗" not in texts[position], f"[{position}] {texts[position]}"
    assert explorers or path.stem == "5_scoreboard", "a lecture without a slider"
    for explorer in explorers:
        explorer.sweep()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("x = 1\nprint(x)", None),
        ("x = x + 1\nprint(x)", "[1] prints something else"),
        ("x = x + 1\nx", "[1] prints something else"),
        ("x = x + 1\nplt.plot([0, x])", "[1] prints something else"),
        ("x = x + 1\nplt.plot([0, x], [0, x * x])\nplt.show()", "[1] shows another picture"),
        ("plt.plot([0, 1])\nplt.show()", None),
        (
            "x = x + 1\nfigure, axes = plt.subplots()\naxes.set_title(x)\nstyle.picture(figure, 'It.')",
            "[1] shows another",
        ),
    ],
)
def test_a_cell_that_changes_when_it_is_run_twice_is_found(source, text, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    notebook = make("import matplotlib.pyplot as plt\nfrom helpers import style\nx = 0", source)
    with contextlib.nullcontext() if text is None else pytest.raises(AssertionError, match=re.escape(text)):
        run_lecture(notebook, "made up", twice=True)
