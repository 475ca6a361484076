"""What a reader does: open a lecture in JupyterLab, see its pictures, run it, move its sliders with the keyboard."""

import pytest
from lab import NOTEBOOKS, lab_page, need_browser, open_notebook, run_all
from lectures import calls, code_cells, read
from playwright.sync_api import expect

LECTURES = ("0_start_here.ipynb", "2_1_influence_formulas.ipynb")

need_browser()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with lab_page(tmp_path_factory.mktemp("lab"), *LECTURES) as (page, address):
        yield page, address


@pytest.mark.parametrize("name", LECTURES)
def test_a_reader_opens_runs_and_moves_every_slider(lab, name):
    page, address = lab
    open_notebook(page, address, name)
    stored = page.locator(".jp-RenderedImage img")
    expect(stored, "the committed pictures show before anything has run").to_have_count(stored_pictures(name))
    for image in stored.all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("image => image.complete && image.naturalWidth") > 300

    run_all(page)
    explorers = page.locator(".widget-vbox:has(img)")
    assert explorers.count() == stored_sliders(name) > 0
    for explorer in explorers.all():
        check_explorer(page, explorer)


def stored_pictures(name):
    outputs = [output for _, cell in code_cells(read(NOTEBOOKS / name)) for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def stored_sliders(name):
    return sum(len(calls(cell.source, "explore")) for _, cell in code_cells(read(NOTEBOOKS / name)))


def check_explorer(page, explorer):
    image, readouts = explorer.locator("img"), explorer.locator(".widget-readout")
    image.evaluate("image => { image.dataset.marked = 'the same node' }")
    for number, handle in enumerate(explorer.locator(".noUi-handle").all()):
        before, shown = image.get_attribute("src"), readouts.nth(number).inner_text()
        handle.focus()
        key = (
            "ArrowLeft"
            if handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            else "ArrowRight"
        )
        page.keyboard.press(key)
        expect_change(page, image, before)
        assert readouts.nth(number).inner_text() != shown
    before = image.get_attribute("src")
    explorer.get_by_role("button", name="Reset").click()
    expect_change(page, image, before)
    assert image.count() == 1 and image.get_attribute("data-marked") == "the same node", "the <img> was replaced"


def expect_change(page, image, before):
    page.wait_for_function("([image, before]) => image.src !== before", arg=[image.element_handle(), before])
