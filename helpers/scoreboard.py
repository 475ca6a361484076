"""What the lectures claim and how it was tested, read from the outputs that they store: what 5_scoreboard shows.

The lines that `check`, `stated` and `reproduce` print are read back here, each with the cell that printed it.
"""

import re
from collections import namedtuple
from pathlib import Path

import nbformat

Line = namedtuple("Line", "lecture title file cell kind tag text")
KINDS = {"✓": "formula", "=": "number", "▸": "published"}


def gather(folder):
    """All lines of the lectures in `folder`, in the order of reading.

    Each has the lecture's number ("2.1"; "0" for the first), its title, file and the cell's id, its kind (formula,
    number, published), the equation's tag (of a formula) and the text after it. Raises ValueError for a code cell that
    has not been run.
    """
    lines = []
    for path in sorted(Path(folder).glob("[0-4]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        lecture, _, title = notebook.cells[0].source.splitlines()[0].removeprefix("# ").partition(" ")
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            if cell.execution_count is None:
                raise ValueError(f"folder: {path.name} has a cell that has not been run, {cell.id}; want all run")
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            for text in printed.splitlines():
                line = _line(text)
                if line:
                    lines.append(Line(lecture, title, path.name, cell.id, *line))
    return lines


def link(line, words):
    """A Markdown link to the cell of a line."""
    return f"[{words}]({line.file}#cell-id={line.cell})"


def table(head, rows):
    """A Markdown table; `head` and each of `rows` are sequences of texts."""
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells)


def published(line):
    """What a line of `reproduce` says: what was reproduced, the published value, ours, and the reason or ''."""
    what, _, rest = line.text.rpartition(": published ")
    value, _, rest = rest.partition(" · here ")
    ours, _, reason = rest.partition(" · ")
    return what, value, ours, reason


def _line(text):
    """Kind, tag and text of a printed line, None if it is of no claim."""
    kind = KINDS.get(text[:1])
    if kind is None or text[1:2] != " ":
        return None
    text = text[2:]
    if kind != "formula":
        return kind, "", text
    found = re.fullmatch(r"\(([\d.]+)\) (.*)", text)
    return (kind, *found.groups()) if found else None  # ✓ stands before a right answer to an exercise as well
