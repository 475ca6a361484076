"""Sliders that move a picture.

    def background(figure):
        axes = figure.subplots()
        axes.set(xlim=(0, 6.3), ylim=(-1, 1), xlabel="time", ylabel="height")

    def draw(figure, frequency):
        '''A sine wave; a higher frequency packs in more periods.'''
        figure.axes[0].plot(time, np.sin(frequency * time))

    explore(draw, background, frequency=slider("frequency", 1, 5, value=2))

The picture is one persistent matplotlib figure, encoded as a JPEG into one image widget, so that the page neither
flickers nor jumps. What never moves is drawn once, in `background`, and kept as pixels; `draw` adds what moves on top.
That makes a redraw several times cheaper than drawing the whole figure. Pictures are kept, and while the kernel has
nothing else to do, those that the next key press may ask for are drawn. How to use them: lecture 0_start_here.
"""

import asyncio
import base64
import contextlib
import html
import io
import numbers
import re
import warnings

import ipywidgets
import numpy as np
from IPython.display import Markdown, display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

# The browser knows where its slider stands; to be told it again is one message more before the picture.
ipywidgets.widgets.widget.JUPYTER_WIDGETS_ECHO = False
MOST_STOPS = 100  # a reader goes through them with the arrow keys, one picture a stop
MOST_PICTURES = 300  # that an explorer keeps, some 50 kB each
PAUSE = 0.04  # seconds without a move after which the next pictures are drawn


def explore(draw, background=None, figsize=None, **controls):
    """Show the picture that `draw(figure, **values)` makes, redrawn whenever a control moves.

    draw         adds artists to the figure. Its docstring is the caption, which stands under the picture and is its
                 alternative text. Without a background it finds the figure empty each time and draws all of it.
    background   background(figure) draws what no control changes: axes, limits, labels, fixed points
    figsize      inches, at the figure style's dots per inch
    controls     a `slider` or a `choice` for each further argument of `draw`

    To be the last expression of a cell. Returns an `Explorer`.
    """
    return Explorer(draw, background, figsize, controls)


def slider(description, minimum, maximum, value, log=False):
    """A slider from `minimum` to `maximum` that starts at `value`; whole numbers stay whole.

    description   plain words first, then the symbol and the unit: it is the label that the reader sees
    log           equal steps multiply by an equal factor, for scales

    The step is the finest round one with at most 100 stops that meets both ends and the starting value.
    Raises ValueError when the value lies outside the ends or no such step exists.
    """
    finite = np.all(np.abs([minimum, value, maximum]) < 1e15)
    if not finite or not minimum < maximum or not minimum <= value <= maximum or (log and minimum <= 0):
        raise ValueError(
            f"slider {description!r}: got minimum {minimum}, value {value}, maximum {maximum}; "
            f"want {'0 < ' if log else ''}minimum <= value <= maximum, and minimum < maximum"
        )
    minimum, value, maximum = (
        number.item() if hasattr(number, "item") else number for number in (minimum, value, maximum)
    )
    low, start, high = np.log10([minimum, value, maximum]) if log else (minimum, value, maximum)
    whole = not log and all(isinstance(number, numbers.Integral) for number in (minimum, maximum, value))
    step = _round_step(description, low, start, high, smallest=1 if whole else 0)
    layout = {"width": "100%", "min_width": "400px", "max_width": "620px"}
    look = {"description": description, "style": {"description_width": "initial"}, "layout": layout}
    if log:
        return ipywidgets.FloatLogSlider(value, min=low, max=high, step=step, readout_format=".2g", **look)
    if whole:
        return ipywidgets.IntSlider(value, minimum, maximum, int(step), **look)
    digits = max(0, -int(np.floor(np.log10(step))))
    return ipywidgets.FloatSlider(value, min=minimum, max=maximum, step=step, readout_format=f".{digits}f", **look)


def choice(description, options):
    """A row of buttons, one of which is pressed; the first one at the start. `options` are words."""
    return ipywidgets.ToggleButtons(options=options, description=description, style={"description_width": "initial"})


class Explorer:
    """The picture, its controls, a reset button and the caption. Made by `explore`."""

    def __init__(self, draw, background, figsize, controls):
        if not (draw.__doc__ or "").strip():
            raise ValueError("draw: got a function without a docstring; want one, it is the picture's caption")
        if not controls:
            raise ValueError(
                "controls: got none; want at least one slider, e.g. angle=slider('angle', 0, 90, value=45)"
            )
        self.caption = " ".join(draw.__doc__.split())
        self.controls = controls
        self.defaults = {name: control.value for name, control in controls.items()}
        self._draw, self._has_background = draw, background is not None
        self.figure = Figure(figsize=figsize)
        self.canvas = FigureCanvasAgg(self.figure)
        if background is not None:
            background(self.figure)
            for axes in self.figure.axes:
                axes.get_xlim(), axes.get_ylim()  # matplotlib computes limits that were not set only when asked
                axes.autoscale(False)  # what draw adds must not move the limits
            self.canvas.draw()
            self.figure.set_layout_engine("none")  # nor the axes
            self._region = self.canvas.copy_from_bbox(self.figure.bbox)
            self._background_pixels = np.array(self.canvas.buffer_rgba())
            self._axes = list(self.figure.axes)
            self._fixed = set(self._artists())
            self._containers = [list(axes.containers) for axes in self._axes]
        self._pictures, self._look_ahead = {}, None
        self.image = ipywidgets.Image(format="jpeg", layout={"max_width": "100%"})
        self.message = ipywidgets.HTML()
        reset = ipywidgets.Button(description="Reset", tooltip="Every control back to where it started")
        reset.on_click(lambda _: self.reset())
        self.view = ipywidgets.VBox([*controls.values(), reset, self.image, self.message])
        self.image.value = self.picture()
        for control in controls.values():
            control.observe(self._redraw, names="value")

    @property
    def values(self):
        return {name: control.value for name, control in self.controls.items()}

    def reset(self):
        """Move every control back to where it started."""
        for control in self.controls.values():
            control.unobserve(self._redraw, names="value")  # no picture of a position in between
        for name, control in self.controls.items():
            control.value = self.defaults[name]
        for control in self.controls.values():
            control.observe(self._redraw, names="value")
        self._redraw(None)

    def pixels(self, values):
        """The picture (height, width, 4) for `values`, a dictionary with one for each control."""
        return self._render(values)

    def picture(self, values=None):
        """The JPEG, as bytes, for `values`, by default the present ones of the controls; drawn once and kept."""
        values = self.values if values is None else values
        key = tuple(_stop(control, values[name]) for name, control in self.controls.items())
        if key not in self._pictures:
            if len(self._pictures) == MOST_PICTURES:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[key] = _jpeg(self._render(values))
        return self._pictures[key]

    def sweep(self, random_positions=8):
        """Move every control to its ends and all of them to random places; raise AssertionError if a picture is bad.

        Bad is: an exception or a warning, a number that is not finite, a control that changes nothing, a picture at the
        defaults that depends on what was shown before, and a draw that changes what `background` drew, which the
        reader would not see. Returns the number of positions tried.
        """
        rng = np.random.default_rng(0)
        places = {name: stops(control) for name, control in self.controls.items()}
        positions = [self.defaults]
        for name in self.controls:
            positions += [self.defaults | {name: stop} for stop in (places[name][0], places[name][-1])]
        for _ in range(random_positions):
            positions.append({name: places[name][rng.integers(len(places[name]))] for name in self.controls})
        pictures = []
        for position in [*positions, self.defaults]:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    pictures.append(self._inspect(position))
            except Exception as error:
                raise AssertionError(f"at {position}: {type(error).__name__}: {error}") from error
        for number, name in enumerate(self.controls):
            shown = {pictures[0], pictures[1 + 2 * number], pictures[2 + 2 * number]}
            if len(shown) == 1:
                raise AssertionError(f"{name} changes nothing between its two ends")
        if pictures[0] != pictures[-1]:
            raise AssertionError("the picture at the defaults depends on what was shown before")
        return len(positions)

    def _inspect(self, position):
        """The picture at a position, as bytes, after looking for what must not be in it."""
        try:
            pixels = self._render(position, keep=True)
            for artist in self.figure.findobj():
                if not all(_finite(drawn) for drawn in _drawn_numbers(artist)):
                    raise ValueError(f"{artist} holds numbers that are not finite")
            if self._has_background:
                for artist in self._added():
                    artist.set_visible(False)
                self.canvas.draw()
                if not np.array_equal(self._background_pixels, self.canvas.buffer_rgba()):
                    raise ValueError("draw changed what background drew (a title, a limit, a tick); only add to it")
            return pixels.tobytes()
        finally:
            self._clear()

    def _render(self, values=None, keep=False):
        """The figure's pixels (height, width, 4), a copy; `keep` leaves the moving artists in place."""
        values = self.values if values is None else values
        if not self._has_background:
            self.figure.clear()
            self._draw(self.figure, **values)
            self.canvas.draw()
            return np.array(self.canvas.buffer_rgba())
        self.canvas.restore_region(self._region)
        for axes in self._axes:
            axes.set_prop_cycle(None)  # the first colour is the first one each time
        try:
            self._draw(self.figure, **values)
            renderer = self.canvas.get_renderer()
            for artist in sorted(self._added(), key=lambda artist: artist.get_zorder()):
                artist.draw(renderer)
            return np.array(self.canvas.buffer_rgba())
        finally:
            if not keep:
                self._clear()

    def _artists(self):
        return [child for parent in (self.figure, *self._axes) for child in parent.get_children()]

    def _added(self):
        return [artist for artist in self._artists() if artist not in self._fixed]

    def _clear(self):
        """Take away what `draw` added; without a background that is everything, and the next redraw does it."""
        if self._has_background:
            for artist in self._added():
                artist.remove()
            for axes, containers in zip(self._axes, self._containers, strict=True):
                axes.containers[:] = containers  # bars and error bars stay listed there after their removal

    def _redraw(self, change):
        try:
            self.image.value = self.picture()
            self.message.value = ""
            self._prepare(change)
        except Exception as error:  # a front end hides an observer's exception, and the picture would lie in silence
            problem = html.escape(f"This picture could not be drawn: {type(error).__name__}: {error}")
            self.message.value = f"<strong>{problem}</strong>"
            raise

    def _prepare(self, change=None):
        """Draw the pictures beside the one that is shown, once the kernel has a pause, and one at each pause."""
        if self._look_ahead is not None:
            self._look_ahead.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not in a kernel
            return
        beside = [values for name in self.controls for values in self._beside(name, change)]

        def draw_one():
            with contextlib.suppress(Exception):  # it is told when the slider gets there
                self.picture(beside.pop(0))
            if beside:
                self._look_ahead = loop.call_later(PAUSE, draw_one)

        if beside:
            self._look_ahead = loop.call_later(PAUSE, draw_one)

    def _beside(self, name, change):
        """The values one stop on and one stop back, where this control is a slider and has just moved, or none has."""
        control = self.controls[name]
        if hasattr(control, "options") or (change is not None and change["owner"] is not control):
            return []
        places, here = stops(control), _stop(control, control.value)
        onward = -1 if change is not None and change["new"] < change["old"] else 1
        return [self.values | {name: places[k]} for k in (here + onward, here - onward) if 0 <= k < len(places)]

    def _repr_mimebundle_(self, **kwargs):
        """The live view, and for a reader without a kernel the present picture, its controls in grey, and its words."""
        settings = ", ".join(
            f"{control.description} = {words(control, control.value)}" for control in self.controls.values()
        )
        still = _png(np.vstack([self._render(), self._still_controls()]))
        data = {
            "text/plain": f"[interactive figure] {self.caption} ({settings})",
            "image/png": base64.b64encode(still).decode("ascii"),
            **{k: v for k, v in self.view._repr_mimebundle_().items() if k != "text/plain"},
        }
        return data, {"image/png": {"alt": f"{self.caption} ({settings})"}}

    def _ipython_display_(self):
        """Show the view or the picture, and the caption under it in an output of its own (as `style.picture` does)."""
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        display(Markdown(self.caption))
        self._prepare()

    def _still_controls(self):
        """Pixels as wide as the picture: the controls in grey at their values, and what moves them."""
        width, line = self.figure.get_figwidth(), 0.26  # inches
        height = line * (len(self.controls) + 1)
        figure = Figure(figsize=(width, height), dpi=self.figure.dpi, layout="none")
        canvas, axes = FigureCanvasAgg(figure), figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        grey = {"color": "0.55", "fontsize": 9, "va": "center"}
        for row, control in enumerate(self.controls.values()):
            y = line * (row + 0.5)
            label = axes.text(0.1, y, control.description, **grey)
            axes.text(width - 0.1, y, words(control, control.value), ha="right", **grey)
            if not hasattr(control, "options"):
                low, start, high = _ends(control)
                left = max(0.55 * width, label.get_window_extent(canvas.get_renderer()).x1 / figure.dpi + 0.2)
                right = max(width - 0.9, left + 0.5)
                axes.plot([left, right], [y, y], color="0.8", linewidth=3, solid_capstyle="round")
                place = left + (right - left) * (start - low) / (high - low)
                axes.plot(place, y, "o", color="0.65", markersize=8)
        told = "Run this cell to move " + ("it." if len(self.controls) == 1 else "them.")
        axes.text(0.1, height - line / 2, told, **(grey | {"style": "italic"}))
        canvas.draw()
        return np.array(canvas.buffer_rgba())


def _drawn_numbers(artist):
    """The arrays of numbers that an artist draws."""
    if isinstance(artist, Line2D):
        yield artist.get_xydata()
    elif isinstance(artist, Collection):
        yield artist.get_offsets()
        yield from (path.vertices for path in artist.get_paths())
        if artist.get_array() is not None:
            yield artist.get_array()
    elif isinstance(artist, AxesImage):
        yield artist.get_array()
    elif isinstance(artist, Patch):
        yield artist.get_extents().get_points()
    elif isinstance(artist, Text):
        # An unused annotation or label has no text and may lie anywhere.
        yield artist.get_position() if artist.get_text() else 0.0
        yield np.nan if re.search(r"\b(nan|inf)\b", artist.get_text()) else 0.0


def _finite(numbers):
    # matplotlib masks what is not finite in some artists, so a masked entry counts as such.
    return np.all(np.isfinite(np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan)))


def _png(pixels):
    """PNG bytes, for the still that the notebook stores."""
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(stream, format="png", compress_level=1)
    return stream.getvalue()


def _jpeg(pixels):
    """JPEG bytes, at a quality where the eye sees no loss, in a quarter of PNG's time: for pictures that pass by."""
    height, width, _ = pixels.shape
    stream = io.BytesIO()
    # "RGBX": the encoder skips the fourth channel, which is the same everywhere in an opaque figure.
    Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1).save(
        stream, format="jpeg", quality=95, subsampling=0
    )
    return stream.getvalue()


def _round_step(description, low, start, high, smallest):
    exponent = int(np.floor(np.log10((high - low) / MOST_STOPS)))
    for power in range(exponent, exponent + 4):
        for mantissa in (1, 2, 5):
            step = mantissa * 10.0**power if power >= 0 else mantissa / 10.0**-power
            counts = np.array([high - low, start - low]) / step
            if step >= smallest and counts[0] < MOST_STOPS and np.all(np.abs(counts - np.round(counts)) < 1e-9):
                return step
    raise ValueError(
        f"slider {description!r}: no round step of at most {MOST_STOPS} stops meets {low}, {start} and {high}"
    )


def _ends(control):
    """Where a slider starts, stands and ends, on the scale on which its stops are evenly spaced."""
    log = isinstance(control, ipywidgets.FloatLogSlider)
    return control.min, np.log10(control.value) if log else control.value, control.max


def stops(control):
    """All values that a control can take, in order."""
    if hasattr(control, "options"):
        return list(control.options)
    count = round((control.max - control.min) / control.step)
    stops = [control.min + i * (control.max - control.min) / count for i in range(count + 1)]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**stop for stop in stops]
    return [int(round(stop)) for stop in stops] if isinstance(control, ipywidgets.IntSlider) else stops


def _stop(control, value):
    """The number of the stop at a value, or the option itself."""
    if hasattr(control, "options"):
        return value
    value = np.log10(value) if isinstance(control, ipywidgets.FloatLogSlider) else value
    return round((value - control.min) / control.step)


def words(control, value):
    """A value of a control as the reader sees it."""
    return value if isinstance(value, str) else format(value, getattr(control, "readout_format", ""))
