"""Sliders: what a reader sees and moves, and that `sweep` finds each kind of bad picture."""

import asyncio
import base64
import io
import warnings

import numpy as np
import pytest
from PIL import Image

from helpers import sliders
from helpers.sliders import choice, explore, slider

TIME = np.linspace(0, 6, 50)


def background(figure):
    figure.subplots().set(xlim=(0, 6), ylim=(-2, 2), xlabel="time")


def draw(figure, frequency, size):
    """A wave: frequency packs
    periods, size stretches them."""
    figure.axes[0].plot(TIME, size * np.sin(frequency * TIME))


def wave():
    return explore(
        draw,
        background,
        frequency=slider("frequency", 1, 5, value=2),
        size=slider("size (metres)", 0.1, 2.0, value=1.0),
    )


def test_a_slider_has_round_steps_and_words():
    whole = slider("angle between v and u (degrees)", 0, 180, value=60)
    assert (whole.min, whole.max, whole.step, whole.value) == (0, 180, 2, 60)
    assert isinstance(whole.value, int) and whole.style.description_width == "initial"
    assert whole.layout.min_width == "400px"
    assert slider("x", 1, 5, value=2).step == 1
    assert slider("x", 0, 180, value=45).step == 5, "the step must meet the starting value"
    part = slider("x", -1.0, 4.0, value=2.5)
    assert part.step == 0.1 and part.readout_format == ".1f"
    assert slider("x", 0.0, 500.0, value=100.0).readout_format == ".0f"
    for ends in ((0.5, 3, 2), (0, 2.5, 1), (0, 3, 1.5)):
        assert slider("x", *ends).step < 1, "whole numbers only if all three are"
    scale = slider("step", 1e-12, 1.0, value=1e-3, log=True)
    assert (scale.min, scale.max) == (-12, 0) and round((scale.max - scale.min) / scale.step) < 100
    assert slider("x", 0, 100, value=50).step == 2, "0, 1, ..., 100 would be 101 stops"
    assert slider("x", 0, 100_000, value=50_000).step == 2_000
    assert slider("x", 0.25, 100.25, value=50.25).step == 2
    assert isinstance(slider("x", np.int64(0), np.int64(9), value=np.int64(3)).value, int)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("x", 0, 1, 2), "slider 'x': got minimum 0, value 2, maximum 1; want minimum <= value"),
        (("x", 1, 0, 0.5), "want minimum <= value <= maximum, and minimum < maximum"),
        (("x", 1, 1, 1), "want minimum <= value <= maximum, and minimum < maximum"),
        (("x", 0, 1, 0.5, True), "want 0 < minimum"),
        (("x", 0.0, 1.0, np.pi / 10), "no round step of at most 100 stops"),
        (("x", float("nan"), 1.0, 0.5), "got minimum nan"),
        (("x", 0.0, float("inf"), 0.5), "got minimum 0.0, value 0.5, maximum inf"),
        (("x", -float("inf"), 1.0, 0.5), "got minimum -inf, value 0.5, maximum 1.0"),
        (("x", 0.0, 1.0, 0.500004), "no round step"),
    ],
)
def test_a_slider_that_cannot_be_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        slider(*arguments)


def test_the_browser_is_not_told_again_where_its_slider_stands():
    assert sliders.ipywidgets.widgets.widget.JUPYTER_WIDGETS_ECHO is False


def test_the_pixels_are_those_of_the_picture():
    explorer = wave()
    values = {"frequency": 3, "size": 0.5}
    shown = np.asarray(Image.open(io.BytesIO(explorer.picture(values))), dtype=float)
    assert np.abs(shown - explorer.pixels(values)[:, :, :3]).mean() < 1


def test_the_picture_follows_and_reset_returns():
    explorer = wave()
    first, widget = explorer.image.value, explorer.image
    explorer.controls["frequency"].value = 4
    assert explorer.image.value != first and explorer.image is widget
    explorer.view.children[2].click()
    assert explorer.values == {"frequency": 2, "size": 1.0} and explorer.image.value == first


def test_the_picture_over_a_background_is_the_one_drawn_whole():
    explorer = wave()
    explorer.controls["frequency"].value = 5
    fast = np.asarray(Image.open(io.BytesIO(explorer.image.value)), dtype=float)

    def whole(figure, frequency, size):
        "The same without a background."
        background(figure)
        draw(figure, frequency, size)

    other = explore(whole, frequency=slider("f", 1, 5, value=5), size=slider("s", 0.1, 2.0, value=1.0))
    slow = np.asarray(Image.open(io.BytesIO(other.image.value)), dtype=float)
    assert fast.shape == slow.shape and np.mean(np.abs(fast - slow).max(axis=2) > 64) < 0.002


def test_without_a_kernel_a_reader_has_the_picture_and_the_words():
    explorer = wave()
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == (
        "[interactive figure] A wave: frequency packs periods, size stretches them. "
        "(frequency = 2, size (metres) = 1.00)"
    )
    assert metadata["image/png"]["alt"] == bundle["text/plain"].removeprefix("[interactive figure] ")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_under_the_still_picture_stand_its_controls_and_its_caption_in_an_output_of_its_own(monkeypatch):
    shown = []
    monkeypatch.setattr(sliders, "display", lambda content, **options: shown.append((content, options)))
    explorer = wave()
    explorer._ipython_display_()
    (bundle, options), (caption, _) = shown
    assert caption.data == explorer.caption == "A wave: frequency packs periods, size stretches them."
    assert options["raw"] and caption.data in options["metadata"]["image/png"]["alt"]

    def still():
        data, _ = explorer._repr_mimebundle_()
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))

    height, width, _ = np.asarray(Image.open(io.BytesIO(explorer.image.value))).shape
    before = still()
    assert before.shape[0] > height and before.shape[1] == width
    explorer.controls["size"].value = 2.0
    assert not np.array_equal(before[height:], still()[height:]), "the grey handle stands where the control does"


@pytest.mark.parametrize("control", [slider("x" * 90, 1e-3, 1.0, value=0.1, log=True), choice("which", ["a", "b"])])
def test_any_control_can_be_drawn_in_grey(control):
    def draw(figure, x):
        "Something."
        figure.subplots().plot([0, 1])

    assert explore(draw, x=control)._still_controls().shape[2] == 4


@pytest.mark.parametrize("words", ["x", "x" * 60])
@pytest.mark.parametrize(
    ("control", "share"),
    [((0, 100, 25), 0.25), ((-4.0, 4.0, 4.0), 1.0), ((2, 12, 2), 0.0), ((1.0, 100.0, 10.0, True), 0.5)],
)
def test_the_grey_handle_stands_at_its_share_of_the_line(control, share, words):
    def draw(figure, x):
        "Something."
        figure.subplots().plot([0, 1])

    pixels = explore(draw, figsize=(7, 3), x=slider(words, *control))._still_controls()[:, :, 0]
    dots_an_inch = pixels.shape[1] / 7
    row = pixels[round(0.13 * dots_an_inch), : round(6.2 * dots_an_inch)]
    handle = np.flatnonzero(np.abs(row.astype(int) - 166) <= 3)  # the label is darker, the line lighter
    handle = handle[handle > handle[-1] - 12]
    line = np.flatnonzero(np.abs(row.astype(int) - 204) <= 3)
    first, last = min(line[0], handle[0]), max(line[-1], handle[-1])
    radius = 4 / 72 * dots_an_inch
    assert handle.mean() == pytest.approx(first + radius + share * (last - first - 2 * radius), abs=2 * radius)
    assert last - first > 0.1 * len(row)


def test_what_is_drawn_ahead_goes_on_in_the_direction_of_the_last_move():
    explorer = explore(draw, background, frequency=slider("a", 1, 5, value=3), size=slider("b", 0.5, 1.5, value=1.0))
    control = explorer.controls["frequency"]
    for old, new, wanted in ((4, 3, [2, 4]), (2, 3, [4, 2])):
        beside = explorer._beside("frequency", {"owner": control, "old": old, "new": new})
        assert [values["frequency"] for values in beside] == wanted
        assert explorer._beside("size", {"owner": control, "old": old, "new": new}) == []
    assert [values["frequency"] for values in explorer._beside("frequency", None)] == [4, 2]


def test_an_exception_is_told_under_the_picture_and_forgotten_after():
    def draw(figure, x):
        "One over x."
        figure.subplots().set_title(f"{1 / x}")

    explorer = explore(draw, x=slider("x", -2, 2, value=1))
    with pytest.raises(ZeroDivisionError):
        explorer.controls["x"].value = 0
    assert "This picture could not be drawn: ZeroDivisionError" in explorer.message.value
    explorer.reset()
    assert explorer.message.value == ""


def test_what_draw_adds_goes_without_a_trace():
    def draw(figure, x):
        "Bars, a legend and axes of their own."
        axes = figure.axes[0]
        axes.bar([1, 2], [x / 4, 1], label="bars")
        axes.errorbar([3], [x / 4], 0.2, label="error")
        axes.legend()
        axes.twinx().plot([0, 6], [0, x], "C3")

    explorer = explore(draw, background, x=slider("x", 0, 4, value=1))
    first = explorer.image.value
    for x in (2, 3, 4, 1):
        explorer.controls["x"].value = x
    assert explorer.image.value == first and len(explorer.figure.axes) == 1
    assert explorer.sweep() == 11


def test_reset_draws_no_position_in_between():
    def draw(figure, low, high):
        "An interval."
        if low >= high:
            raise ValueError("empty")
        figure.subplots().plot([low, high], [0, 0])

    explorer = explore(draw, low=slider("low", 0, 9, value=1), high=slider("high", 0, 9, value=3))
    explorer.controls["high"].value = 8
    explorer.controls["low"].value = 7
    explorer.reset()
    assert explorer.values == {"low": 1, "high": 3}


def test_what_explore_needs():
    with pytest.raises(ValueError, match="draw: got a function without a docstring"):
        explore(lambda figure, x: None, x=slider("x", 0, 1, value=0.5))
    with pytest.raises(ValueError, match="controls: got none"):
        explore(draw, background)


def test_sweep_visits_ends_defaults_and_random_places():
    seen = []

    def draw(figure, x, kind):
        "Points."
        seen.append((x, kind))
        figure.axes[0].plot([x], [{"low": -1, "high": 1}[kind]], "o")

    explorer = explore(draw, background, x=slider("x", 0, 5, value=2), kind=choice("kind", ["low", "high"]))
    assert explorer.sweep() == 1 + 2 * 2 + 8
    assert {(0, "low"), (5, "low"), (2, "low"), (2, "high")} <= set(seen)
    assert seen[1] == seen[-1] == (2, "low")
    seen.clear()
    assert explorer.sweep(random_positions=0) == 5
    assert seen == [(2, "low"), (0, "low"), (5, "low"), (2, "low"), (2, "high"), (2, "low")]


@pytest.mark.parametrize("start", [0, 4])
def test_sweep_takes_controls_that_start_at_an_end(start):
    def draw(figure, first, second):
        "A line that both move."
        figure.subplots().plot([0, first], [second, 9])

    explorer = explore(draw, first=slider("a", 0, 4, value=start), second=slider("b", 0, 4, value=start))
    assert explorer.sweep() == 13


@pytest.mark.parametrize("idle", ["first", "second"])
def test_sweep_names_the_control_that_changes_nothing(idle):
    def draw(figure, first, second):
        "A line that one of the two moves."
        figure.subplots().plot([0, second if idle == "first" else first], [0, 1])

    explorer = explore(draw, first=slider("a", 0, 4, value=1), second=slider("b", 0, 4, value=1))
    with pytest.raises(AssertionError, match=f"{idle} changes nothing"):
        explorer.sweep()


def faulty_exception(axes, x):
    axes.plot([0, x], [0, 1 / (x - 4)])


def faulty_warning(axes, x):
    warnings.warn("careful", stacklevel=1)


def faulty_nan(axes, x):
    axes.plot([0, 1], [0, np.nan if x == 4 else x])


def faulty_image(axes, x):
    axes.imshow([[0.0, x], [np.inf if x == 4 else 1.0, 0]], aspect="auto")


def faulty_text(axes, x):
    axes.text(0, 0, f"r = {np.nan if x == 4 else x}")


def faulty_band(axes, x):
    axes.vlines([1, 2], [0, 0], [1, np.nan if x == 4 else x])


def faulty_short_title(axes, x):
    axes.set_title(f"{x}")
    axes.plot([0, 1], [0, x])


def faulty_constant(axes, x):
    axes.plot([0, 1], [0, 1])


def faulty_memory(axes, x):
    axes.memory = getattr(axes, "memory", 0) + 1
    axes.plot([0, 1], [0, x + axes.memory / 10])


def faulty_title(axes, x):
    axes.set_title(f"a title that a fixed background never shows: x = {x}")
    axes.plot([0, 1], [0, x])


def faulty_limits(axes, x):
    axes.set_xlim(0, 1 + x)
    axes.plot([0, 1], [0, x])


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (faulty_exception, "ZeroDivisionError"),
        (faulty_warning, "UserWarning: careful"),
        (faulty_nan, "not finite"),
        (faulty_image, "not finite"),
        (faulty_text, "not finite"),
        (faulty_band, "not finite"),
        (faulty_short_title, "draw changed what background drew"),
        (faulty_constant, "x changes nothing"),
        (faulty_memory, "depends on what was shown before"),
        (faulty_title, "draw changed what background drew"),
        (faulty_limits, "draw changed what background drew"),
    ],
)
def test_sweep_finds(fault, text):
    def draw(figure, x):
        "Faulty."
        with warnings.catch_warnings():
            if not _sweeping:
                warnings.simplefilter("ignore")
            fault(figure.axes[0], x)

    _sweeping = []
    explorer = explore(draw, background, x=slider("x", 0, 4, value=1))
    _sweeping.append(True)
    with pytest.raises(AssertionError, match=text):
        explorer.sweep()


def counted(fault=lambda value: False):
    """An explorer with a slider on a logarithmic scale, one on a whole one and a choice, and what it has drawn."""
    drawn = []

    def draw(figure, scale, number, kind):
        """A point that moves."""
        drawn.append((round(np.log10(scale), 3), number, kind))
        if fault(number):
            raise ValueError("no such picture")
        figure.axes[0].plot(number, scale, "C0o" if kind == "a" else "C1s")

    explorer = explore(
        draw,
        background,
        scale=slider("scale", 0.1, 1.0, value=1.0, log=True),
        number=slider("number", 0, 9, value=4),
        kind=choice("kind", ["a", "b"]),
    )
    drawn.clear()
    return explorer, explorer.controls["number"], drawn


def test_a_picture_is_drawn_once_and_kept():
    explorer, number, drawn = counted()
    first = explorer.picture()
    number.value = 5
    assert explorer.image.value != first
    number.value = 4
    assert explorer.image.value == first and drawn == [(0.0, 5, "a")]
    explorer.controls["kind"].value = "b"
    explorer.controls["scale"].value = 10**-0.5000000000000001
    explorer.controls["scale"].value = 10**-0.5
    assert drawn[1:] == [(0.0, 4, "b"), (-0.5, 4, "b")]


def test_the_oldest_picture_goes_first(monkeypatch):
    monkeypatch.setattr(sliders, "MOST_PICTURES", 2)
    _, number, drawn = counted()
    for value in (5, 6, 5, 6, 4):
        number.value = value
    assert [value for _, value, _ in drawn] == [5, 6, 4]


def test_in_a_pause_the_next_pictures_are_drawn(monkeypatch):
    monkeypatch.setattr(sliders, "PAUSE", 0.01)
    explorer, number, drawn = counted()

    async def reader():
        number.value = 3
        assert drawn == [(0.0, 3, "a")], "the picture that was asked for comes first"
        await asyncio.sleep(0.1)
        number.value = 2
        assert drawn == [(0.0, 3, "a"), (0.0, 2, "a")], "it was there, and so was 4"
        number.value = 1
        await asyncio.sleep(0.1)
        assert [value for _, value, _ in drawn[2:]] == [1, 0], "the last move counts, and 2 was there"
        number.value = 0
        await asyncio.sleep(0.1)
        explorer.reset()
        await asyncio.sleep(0.1)
        assert drawn[4:] == [(-0.02, 4, "a"), (0.0, 5, "a")], "no slider has moved: the neighbours of all"

    asyncio.run(reader())
    shown = explorer.image.value
    explorer._pictures.clear()
    assert explorer.picture() == shown, "what is drawn ahead leaves no trace"


def test_a_picture_that_cannot_be_drawn_ahead_is_told_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(sliders, "PAUSE", 0.01)
    explorer, number, drawn = counted(fault=lambda value: value == 6)

    async def reader():
        number.value = 5
        await asyncio.sleep(0.1)
        assert explorer.message.value == "" and drawn[-1] == (0.0, 6, "a")
        with pytest.raises(ValueError):
            number.value = 6

    asyncio.run(reader())
    assert "no such picture" in explorer.message.value
