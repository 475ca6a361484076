"""The book's pages: which pictures are drawn, and that the inputs of a page move them."""

import json

import nbformat
import numpy as np
import pytest
from lab import browser_path, need_browser
from lectures import ROOT
from PIL import Image
from playwright.sync_api import sync_playwright

from helpers import book
from helpers.sliders import choice, explore, slider


def draw(figure, angle, kind):
    """A line."""
    figure.subplots().plot([0, angle], "-" if kind == "straight" else "--")


def explorer(largest=4):
    controls = {"angle": slider("angle", 0, largest, 1), "kind": choice("kind", ["straight", "broken"])}
    return explore(draw, figsize=(2, 1), **controls)


def test_a_picture_is_drawn_for_each_combination_of_stops(tmp_path):
    book.draw_frames(explorer(), tmp_path)
    assert {path.name for path in tmp_path.glob("*.webp")} == {f"{a}_{k}.webp" for a in range(5) for k in range(2)}
    assert json.loads((tmp_path / "controls.json").read_text(encoding="utf-8")) == [
        {"label": "angle", "kind": "slider", "words": ["0", "1", "2", "3", "4"], "start": 1},
        {"label": "kind", "kind": "buttons", "words": ["straight", "broken"], "start": 0},
    ]


@pytest.mark.parametrize("limit", ["MOST_FRAMES", "MOST_BYTES"])
def test_an_explorer_with_too_many_stops_has_fewer_pictures(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(book, limit, 6)
    book.draw_frames(explorer(), tmp_path)
    assert {path.name for path in tmp_path.glob("*.webp")} == {f"{a}_{k}.webp" for a in range(3) for k in range(2)}
    controls = json.loads((tmp_path / "controls.json").read_text(encoding="utf-8"))
    assert controls[0]["words"] == ["0", "1", "4"] and controls[0]["start"] == 1


@pytest.mark.parametrize("start", [0, 1, 17, 98, 99])
@pytest.mark.parametrize("most", [8, 30, 100, 1000])
def test_many_stops_are_thinned_and_ends_and_start_are_kept(start, most):
    kept = book._thinned({"a": range(100), "kind": ["x", "y"]}, {"a": start, "kind": 1}, {"kind"}, most)
    assert kept["kind"] == [0, 1]
    assert {0, start, 99} <= set(kept["a"])
    assert len(kept["a"]) <= max(4, most // 2)


def test_the_start_takes_the_place_of_its_nearest_neighbour():
    kept = book._thinned({"a": range(100)}, {"a": 17}, set(), 8)
    assert kept["a"] == [0, 17, 28, 42, 57, 71, 85, 99]
    kept = book._thinned({"a": range(100)}, {"a": 82}, set(), 8)
    assert kept["a"] == [0, 14, 28, 42, 57, 71, 82, 99]


def test_a_frame_loses_nothing_but_colours(tmp_path):
    def draw(figure, x):
        """A surface of many colours."""
        figure.subplots().imshow(np.arange(900).reshape(30, 30) + x, cmap="viridis")

    explorer = explore(draw, figsize=(3, 3), x=slider("x", 0, 1, 0))
    book.draw_frames(explorer, tmp_path)
    frame = np.asarray(Image.open(tmp_path / "0.webp").convert("RGB"))
    assert 100 < len(np.unique(frame.reshape(-1, 3), axis=0)) <= 128
    assert np.abs(frame.astype(float) - explorer.pixels({"x": 0})[:, :, :3]).mean() < 4


def test_a_page_holds_inputs_in_the_place_of_the_still(tmp_path):
    found = nbformat.v4.new_notebook()
    found.cells = [
        nbformat.v4.new_markdown_cell("# 9.9 A title\n\nA question."),
        nbformat.v4.new_code_cell("explore()", id="a"),
    ]
    data = {"text/plain": "[interactive figure] A line. (angle = 1)", "image/png": "AAAA"}
    shown = nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": 'A "line".'}})
    linked = {"text/markdown": "[there](1_2_x.ipynb#cell-id=cell-17)", "text/plain": "there"}
    found.cells[1].outputs = [shown, nbformat.v4.new_output("display_data", linked)]
    nbformat.write(found, tmp_path / "9_9_title.ipynb")
    frames, target = tmp_path / "frames" / "a", tmp_path / "pages"
    frames.mkdir(parents=True)
    for name in ("_extra", "_originals"):
        (target / name).mkdir(parents=True)
    book.draw_frames(explorer(), frames)
    book.page(tmp_path / "9_9_title.ipynb", frames.parent, target)
    title, anchor, cell = nbformat.read(target / "9_9_title.ipynb", as_version=4).cells
    assert title.source.startswith("# 9.9 A title\n") and "_originals/9_9_title.ipynb" in title.source
    assert anchor.source == '<span id="a"></span>'
    assert 'type="range" min="0" max="4" step="1" value="1"' in cell.outputs[0].data["text/html"]
    assert "A &quot;line&quot;." in cell.outputs[0].data["text/html"] and "image/png" not in cell.outputs[0].data
    assert cell.outputs[1].data["text/markdown"] == "[there](1_2_x.html#cell-17)"
    assert (target / "_extra" / "_frames" / "9_9_title" / "a" / "4_1.webp").exists()


def test_solutions_and_numbers_of_a_page_are_folded_away(tmp_path):
    def cell(tags, *outputs):
        return nbformat.v4.new_code_cell("1", metadata={"tags": tags}, outputs=list(outputs))

    number = nbformat.v4.new_output("stream", name="stdout", text="= 0.46 a number\n= 0.1 another\n")
    check = nbformat.v4.new_output("stream", name="stdout", text="✓ (1.1.1) a formula: within 1e-08\n= 0.46 a number\n")
    picture = nbformat.v4.new_output("display_data", {"text/plain": "a picture"})
    cells = [
        cell(["solution", "hide-input"]),
        cell(["hide-input"], number),
        cell(["hide-input"], check),
        cell(["hide-input"], number, picture),
        cell(["hide-input"]),
        cell([]),
    ]
    title = nbformat.v4.new_markdown_cell("# 9.9 A title")
    nbformat.write(nbformat.v4.new_notebook(cells=[title, *cells]), tmp_path / "9_9_title.ipynb")
    (tmp_path / "pages" / "_originals").mkdir(parents=True)
    book.page(tmp_path / "9_9_title.ipynb", None, tmp_path / "pages")
    paged = nbformat.read(tmp_path / "pages" / "9_9_title.ipynb", as_version=4).cells
    tags = [cell.metadata["tags"] for cell in paged if cell.cell_type == "code"]
    assert tags == [["solution", "hide-cell"], ["hide-cell"], ["hide-input"], ["hide-input"], ["hide-input"], []]


def test_frames_are_drawn_once_for_each_version_of_a_lecture(tmp_path, monkeypatch):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "some.py").write_text("x = 1", encoding="utf-8")
    monkeypatch.setattr(book, "ROOT", tmp_path)
    path = tmp_path / "lecture.ipynb"
    drawing = "def draw(figure, x):\n    'A line.'\n    figure.subplots().plot([0, x])"
    shown = nbformat.v4.new_code_cell("sliders.explore(draw, x=sliders.slider('x', 0, 1, value=1))", id="shown")
    still = nbformat.v4.new_output("display_data", {"text/plain": "[interactive figure] A line."})
    shown.outputs = [still]
    cells = [nbformat.v4.new_markdown_cell("A text."), "from helpers import sliders", drawing, shown]
    cells = [nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    folder = book.frames_of(path)
    assert folder.parent == tmp_path / "book" / "_frames" / "lecture"
    assert {file.name for file in folder.iterdir()} == {"shown", "done"}
    assert {file.name for file in (folder / "shown").iterdir()} == {"0.webp", "1.webp", "controls.json"}
    (folder / "shown" / "mark").touch()
    assert book.frames_of(path) == folder and (folder / "shown" / "mark").exists()
    (tmp_path / "helpers" / "some.py").write_text("x = 2", encoding="utf-8")
    other = book.frames_of(path)
    assert other != folder and not folder.exists() and not (other / "shown" / "mark").exists()


def test_an_error_in_a_lecture_stops_the_book_but_for_missing_digits(tmp_path, monkeypatch):
    (tmp_path / "helpers").mkdir()
    monkeypatch.setattr(book, "ROOT", tmp_path)
    for told, stops in (("MNIST is not there", False), ("a slip", True)):
        path = tmp_path / f"{stops}.ipynb"
        cell = nbformat.v4.new_code_cell(f"raise ValueError({told!r})")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        if stops:
            with pytest.raises(Exception, match="a slip"):
                book._try_frames(path)
        else:
            assert book._try_frames(path) is None


@pytest.fixture(scope="module")
def browser():
    need_browser()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"])


def test_keys_buttons_and_reset_move_the_picture(browser, tmp_path):
    (tmp_path / "frames").mkdir()
    book.draw_frames(explorer(), tmp_path / "frames")
    controls = json.loads((tmp_path / "frames" / "controls.json").read_text(encoding="utf-8"))
    script = (ROOT / "book" / "explorer.js").read_text(encoding="utf-8")
    body = book.explorer_html(controls, "frames", "A line.")
    (tmp_path / "page.html").write_text(f"{body}<script>{script}</script>", encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    image, range_input = page.locator("img"), page.locator("input[type=range]")
    assert page.locator("output").inner_text() == "1"
    range_input.press("ArrowRight")
    assert image.get_attribute("src") == "frames/2_0.webp" and page.locator("output").inner_text() == "2"
    page.get_by_label("broken").check()
    assert image.get_attribute("src") == "frames/2_1.webp"
    box = range_input.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert image.get_attribute("src") == "frames/4_1.webp"
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    page.get_by_role("button", name="Reset").click()
    assert image.get_attribute("src") == "frames/1_0.webp"


BUILT = ROOT / "book" / "_build" / "html"


@pytest.mark.parametrize("name", ["0_start_here", "4_5_out_of_equilibrium", "5_scoreboard"])
def test_a_built_page_asks_for_nothing_and_fits_a_phone(browser, name):
    if not (BUILT / f"{name}.html").exists():
        pytest.skip("the book is not built; make book does it")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((BUILT / f"{name}.html").as_uri())
    page.wait_for_function("!document.querySelector('.math') || document.querySelector('mjx-container')")
    page.wait_for_timeout(2000)
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    for one in page.locator(".explorer").all():
        key = "ArrowLeft" if one.locator("input").first.evaluate("i => i.value === i.max") else "ArrowRight"
        before = one.locator("img").get_attribute("src")
        one.locator("input").first.press(key)
        assert one.locator("img").get_attribute("src") != before
