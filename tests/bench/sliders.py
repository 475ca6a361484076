"""From a key press on a slider to the new picture in the browser: every slider of some lectures, beside `interact`.

Run by `make bench`. All are measured in one JupyterLab, one after the other. The `interact` notebook draws the same
picture as the first slider with the usual recipe, a new pyplot figure on each call. Other lectures than the ones named
below can be given on the command line.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parents[1]))
from lab import NOTEBOOKS, lab_page, open_notebook, run_all
from record import record

LECTURE = "2_1_influence_formulas.ipynb"  # whose first slider `interact` moves
HEAVIEST = "4_6_why_simple_networks_generalise.ipynb"  # whose pictures take longest to draw
KEYS = 60
INTERACT = """
import ipywidgets

def picture(position, height):
    figure = plt.figure()
    plank(figure)
    draw_plank(figure, position, height)
    plt.show()

ipywidgets.interact(picture, position=slider("position", -1.0, 4.0, 0.0), height=slider("height", -1.5, 1.5, -1.0))
"""
# The time of a key press, and of the next picture that the browser has loaded after it.
LISTEN = """() => {
    window.waits = []; window.pressed = null; window.shown = () => {}
    document.addEventListener('keydown', () => { window.pressed = performance.now() }, true)
    document.addEventListener('load', event => {
        if (event.target.tagName === 'IMG' && window.pressed !== null) {
            window.waits.push(performance.now() - window.pressed); window.pressed = null; window.shown()
        }
    }, true)
}"""
# Asked once, not over and over, which would cost the browser a frame each time while the picture is on its way. Two
# stops of a slider may show the same picture, and then none is loaded.
WAIT = """() => new Promise(done => {
    const none = setTimeout(() => { window.pressed = null; done() }, 1000)
    window.shown = () => { clearTimeout(none); done() }
    if (window.pressed === null) window.shown()
})"""


def interact_notebook():
    """The lecture up to its first slider, which `interact` then moves."""
    lecture = nbformat.read(NOTEBOOKS / LECTURE, as_version=4)
    code = [cell for cell in lecture.cells if cell.cell_type == "code"]
    first = next(number for number, cell in enumerate(code) if "explore(" in cell.source)
    shown = code[first].source[: code[first].source.index("explore(")]
    sources = [cell.source for cell in code[:first]] + [shown, INTERACT]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata=lecture.metadata)


def waits(page, handle):
    """Milliseconds from key press to picture, for KEYS presses that go on to new pictures, and back from the end."""
    handle.scroll_into_view_if_needed()
    handle.focus()
    page.evaluate("() => { window.waits = [] }")
    key = "ArrowRight"
    for _ in range(KEYS):
        place, low, high = (handle.get_attribute(f"aria-value{end}") for end in ("now", "min", "max"))
        key = {low: "ArrowRight", high: "ArrowLeft"}.get(place, key)
        page.keyboard.press(key)
        page.evaluate(WAIT)
        page.wait_for_timeout(120)  # let the notebook settle, so that no late picture counts for the next press
    return page.evaluate("() => window.waits")


def main():
    lectures = sys.argv[1:] or (LECTURE, HEAVIEST)
    with tempfile.TemporaryDirectory() as folder, lab_page(folder, *lectures) as (page, address):
        nbformat.write(interact_notebook(), Path(folder) / "notebooks" / "interact.ipynb")
        base = None
        print(f"{'key press to picture':45s} {'median ms':>10s} {'p95 ms':>8s} {'interact takes':>15s}")
        for name in ("interact.ipynb", *lectures):
            open_notebook(page, address, name)
            run_all(page)
            page.evaluate(LISTEN)
            for number, handle in enumerate(page.locator(".jp-Notebook .noUi-handle").all(), start=1):
                told, times = f"{name.removesuffix('.ipynb')}, slider {number}", waits(page, handle)
                if not times:
                    raise AssertionError(f"{told}: no key changed the picture")
                median, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
                base = base or median
                print(f"{told:45s} {median:10.0f} {p95:8.0f} {base / median:13.1f} x", flush=True)
                measured = [(f"{told}: median", median, "ms"), (f"{told}: p95", p95, "ms")]
                record("sliders", measured, ["jupyterlab", "ipywidgets", "matplotlib"])


if __name__ == "__main__":
    main()
