"""The figure style, and images the right way up."""

import base64

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers import style


def test_use_sets_the_defaults():
    with matplotlib.rc_context():
        style.use()
        assert tuple(matplotlib.rcParams["figure.figsize"]) == style.WIDE
        assert matplotlib.rcParams["figure.dpi"] == 100


@pytest.mark.parametrize("shape", [(9,), (3, 3)])
def test_an_image_keeps_its_rows_and_columns(shape):
    axes = Figure().subplots()
    shown = style.show_image(axes, np.arange(9).reshape(shape), "title").get_array()
    np.testing.assert_array_equal(shown, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    assert axes.get_title() == "title" and len(axes.get_xticks()) == 0


@pytest.mark.parametrize("shape", [(10,), (4, 9), (2, 2, 1), (0,)])
def test_what_is_not_square_is_refused(shape):
    with pytest.raises(ValueError, match="image: got shape"):
        style.show_image(Figure().subplots(), np.zeros(shape))


def test_a_picture_shows_its_png_with_words_and_then_its_sentence(monkeypatch):
    shown = []
    monkeypatch.setattr(style, "display", lambda content, **options: shown.append((content, options)))
    style.picture(Figure(), "Two\n  lines meet.")._ipython_display_()
    (bundle, options), (sentence, _) = shown
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG") and options["raw"]
    assert bundle["text/plain"] == options["metadata"]["image/png"]["alt"] == sentence.data == "Two lines meet."


@pytest.mark.parametrize("sentence", ["", "  ", None, 3])
def test_a_picture_needs_a_sentence(sentence):
    with pytest.raises(ValueError, match="sentence: got"):
        style.picture(Figure(), sentence)


def test_a_fold_shows_its_text_only_after_a_click():
    shown = style.fold("the number is 11").data
    assert shown.startswith("<details><summary>") and "\n\nthe number is 11\n\n" in shown
