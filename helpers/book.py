"""`python -m helpers.book`: the lectures as pages of a book whose sliders move without a kernel.

Every lecture is executed once; after each cell that shows an `Explorer` its kernel draws the pictures for all stops of
the controls, thinned evenly where they are many. They are kept in `book/_frames`, under a digest of the lecture and the
helpers, so that a lecture that did not change is not run again. `book/_pages` then holds copies of the notebooks in
which the pictures' outputs are range inputs, buttons and an image, and Sphinx makes the pages of them (`make book`).
"""

import hashlib
import html
import io
import itertools
import json
import math
import os
import re
import shutil
import sys
from multiprocessing import Pool
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

from helpers import sliders

ROOT = Path(__file__).resolve().parents[1]
MOST_FRAMES, MOST_BYTES = 300, 2_200_000  # of one explorer
SECONDS_A_CELL = 600
STILL = "[interactive figure]"


def draw_frames(explorer, folder):
    """Write the pictures of an explorer as lossless WebP, and `controls.json`, into the empty `folder`.

    A picture is named after the numbers of the stops ("3_0.webp"). Called in the lecture's own kernel.
    """
    folder = Path(folder)
    names = list(explorer.controls)
    stops = {name: sliders.stops(control) for name, control in explorer.controls.items()}
    start = {name: _nearest(stops[name], explorer.defaults[name]) for name in names}
    fixed = {name for name, control in explorer.controls.items() if hasattr(control, "options")}
    size = len(_webp(explorer, {name: stops[name][start[name]] for name in names}))
    kept = _thinned(stops, start, fixed, min(MOST_FRAMES, MOST_BYTES // size))
    for numbers in itertools.product(*(range(len(kept[name])) for name in names)):
        values = {name: stops[name][kept[name][number]] for name, number in zip(names, numbers, strict=True)}
        (folder / ("_".join(map(str, numbers)) + ".webp")).write_bytes(_webp(explorer, values))
    controls = [
        {
            "label": explorer.controls[name].description,
            "kind": "buttons" if name in fixed else "slider",
            "words": [sliders.words(explorer.controls[name], stops[name][number]) for number in kept[name]],
            "start": kept[name].index(start[name]),
        }
        for name in names
    ]
    (folder / "controls.json").write_text(json.dumps(controls), encoding="utf-8")


def _nearest(stops, value):
    if isinstance(value, str):
        return stops.index(value)
    return int(np.argmin(np.abs(np.array(stops, dtype=float) - value)))


def _thinned(stops, start, fixed, most):
    """For each control the numbers of its stops that are kept: all ends and starts, at most `most` combinations."""
    counts = {name: len(values) for name, values in stops.items()}
    free = [name for name in counts if name not in fixed]
    while math.prod(counts.values()) > most and any(counts[name] > 3 for name in free):
        counts[max(free, key=counts.get)] -= 1
    kept = {}
    for name, count in counts.items():
        evenly = {round(place) for place in np.linspace(0, len(stops[name]) - 1, count)}
        if start[name] not in evenly:  # in the place of its nearest neighbour that is no end
            inner = evenly - {0, len(stops[name]) - 1}
            evenly -= {min(inner, key=lambda place: abs(place - start[name]), default=-1)}
        kept[name] = sorted(evenly | {start[name]})
    return kept


def _webp(explorer, values):
    stream = io.BytesIO()
    # 128 colours look the same in a drawing, and make the file half as large.
    pixels = Image.fromarray(explorer.pixels(values)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    pixels.convert("RGB").save(stream, format="webp", lossless=True, quality=20, method=2)
    return stream.getvalue()


def frames_of(path):
    """Draw the frames of one notebook, unless they are there; returns the folder that holds one folder a cell.

    A lecture on MNIST keeps its stored pictures where MNIST is not to be had.
    """
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    digest = hashlib.sha256()
    for file in (path, *sorted((ROOT / "helpers").glob("*.py"))):
        digest.update(file.read_bytes())
    folder = ROOT / "book" / "_frames" / path.stem / digest.hexdigest()[:16]
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder.parent, ignore_errors=True)
    client = NotebookClient(
        notebook, timeout=SECONDS_A_CELL, record_timing=False, resources={"metadata": {"path": str(path.parent)}}
    )
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            shown = _explorer_output(cell) is not None
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, number)
            if shown:
                place = folder / cell.id
                place.mkdir(parents=True)
                draw = f"from helpers import book; book.draw_frames(Out[max(Out)], {str(place)!r})"
                client.execute_cell(nbformat.v4.new_code_cell(draw), number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "done").touch()
    return folder


def _explorer_output(cell):
    """The output of a cell that holds the picture of an explorer, or None."""
    for output in cell.get("outputs", []):
        if output.get("data", {}).get("text/plain", "").startswith(STILL):
            return output
    return None


def page(path, folder, target):
    """Write the copy of a notebook that Sphinx reads, its frames beside it. folder: from frames_of, or None."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        output = _explorer_output(cell)
        if output is not None and folder and (folder / cell.id / "controls.json").exists():
            place = f"_frames/{Path(path).stem}/{cell.id}"
            shutil.copytree(folder / cell.id, target / "_extra" / place, ignore=shutil.ignore_patterns("*.json"))
            controls = json.loads((folder / cell.id / "controls.json").read_text(encoding="utf-8"))
            words = output.metadata.get("image/png", {}).get("alt", "")
            output.data = {"text/html": explorer_html(controls, place, words), "text/plain": output.data["text/plain"]}
        tags = cell.metadata.get("tags", [])
        if "solution" in tags or _only_numbers(cell):
            cell.metadata["tags"] = [tag for tag in tags if tag != "hide-input"] + ["hide-cell"]
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = _links(output.data["text/markdown"])
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.append(nbformat.v4.new_markdown_cell(f'<span id="{cell.id}"></span>', id=f"at-{cell.id}"))
        cells.append(cell)
    title, _, rest = cells[0].source.partition("\n")
    cells[0].source = f"{title}\n\n{{download}}`The notebook of this page <_originals/{Path(path).name}>`\n{rest}"
    notebook.cells = cells
    shutil.copy(path, target / "_originals" / Path(path).name)
    nbformat.write(notebook, target / Path(path).name)


def _only_numbers(cell):
    """Whether a folded cell prints the measured numbers of the sentences above it and nothing else."""
    outputs = cell.get("outputs", [])
    printed = "".join(output.get("text", "") for output in outputs).splitlines()
    return bool(printed) and all(output.output_type == "stream" for output in outputs) and printed[0].startswith("= ")


def explorer_html(controls, place, words):
    """Inputs and image of an explorer: `place` is the folder of its frames, from the page."""
    start = "_".join(str(control["start"]) for control in controls)
    rows = []
    for number, control in enumerate(controls):
        label = html.escape(control["label"])
        shown = html.escape(json.dumps(control["words"]))
        if control["kind"] == "slider":
            rows.append(
                f'<label>{label} <output></output><input type="range" min="0" max="{len(control["words"]) - 1}" '
                f'step="1" value="{control["start"]}" data-start="{control["start"]}" data-words="{shown}"></label>'
            )
        else:
            buttons = "".join(
                f'<label><input type="radio" name="{place}-{number}" value="{choice}"'
                f"{' checked' if choice == control['start'] else ''}>{html.escape(word)}</label>"
                for choice, word in enumerate(control["words"])
            )
            rows.append(f'<fieldset data-start="{control["start"]}"><legend>{label}</legend>{buttons}</fieldset>')
    return (
        f'<div class="explorer" data-place="{place}/">{"".join(rows)}<button type="button">Reset</button>'
        f'<img src="{place}/{start}.webp" alt="{html.escape(words)}"></div>'
    )


def _links(markdown):
    """Links to cells as a page has them."""
    return re.sub(r"\(([\w]+)\.ipynb#cell-id=([\w-]+)\)", r"(\1.html#\2)", markdown)


def main():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = ROOT / "book" / "_pages"
    shutil.rmtree(pages, ignore_errors=True)
    for name in ("_extra", "_originals", "_static"):
        (pages / name).mkdir(parents=True)
    with Pool(os.cpu_count()) as pool:
        for path, folder in zip(notebooks, pool.imap(_try_frames, notebooks), strict=True):
            page(path, folder, pages)
            print(path.stem, "" if folder else "keeps its stored pictures", flush=True)
    for name in ("conf.py", "index.md", "_static/explorer.js", "_static/explorer.css"):
        shutil.copy(ROOT / "book" / Path(name).name, pages / name)


def _try_frames(path):
    try:
        return frames_of(path)
    except Exception as error:
        if "MNIST" not in str(error):
            raise
        return None


if __name__ == "__main__":
    sys.exit(main())
