"""One look for all pictures: sizes, a colour-blind-safe colour cycle, image grids."""

import base64
import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

WIDE = (7.0, 3.4)  # inches; one or two panels across the page


def use():
    """Set matplotlib's defaults for a lecture. Called once, in its setup cell."""
    matplotlib.rcParams.update(
        {
            "figure.figsize": WIDE,
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.prop_cycle": matplotlib.rcsetup.cycler(color=matplotlib.color_sequences["petroff10"]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": "medium",
            "grid.alpha": 0.25,
            "image.cmap": "gray_r",
            # Text is much of a slider's redraw; without hinting it is drawn faster and reads as well.
            "text.hinting": "none",
            # A frame tells a legend's marks from the data.
            "legend.edgecolor": "0.85",
        }
    )


def show_image(axes, image, title="", **imshow):
    """Draw one square image, given flat or as (side, side), without ticks. Returns the drawn image."""
    image = np.asarray(image, dtype=float)
    side = int(round(np.sqrt(image.size)))
    if image.size == 0 or image.shape not in ((side * side,), (side, side)):
        raise ValueError(f"image: got shape {image.shape}; want a square image, or its pixels in a row")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="small")
    return axes.imshow(image.reshape(side, side), **imshow)


def picture(figure, sentence):
    """The figure with one sentence that says what to see in it. To be the last expression of a cell that draws.

    A cell shows two outputs: the PNG, whose alternative text is the sentence, and the sentence in Markdown.
    Raises ValueError when the sentence is empty.
    """
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(f"sentence: got {sentence!r}; want one sentence that says what to see in the picture")
    return Picture(figure, " ".join(sentence.split()))


def fold(text):
    """Markdown that shows after a click: what a solution prints, which Run All must not give away."""
    return Markdown(f"<details><summary>Open to compare</summary>\n\n{text}\n\n</details>")


class Picture:
    """What `picture` returns: it shows itself as the result of a cell."""

    def __init__(self, figure, sentence):
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        plt.close(figure)  # or the cell would show it once more
        self.png, self.sentence = stream.getvalue(), sentence

    def _ipython_display_(self):
        # Two outputs: JupyterLab shows one form of a bundle only, and converters take the words from the metadata.
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.sentence}
        display(data, metadata={"image/png": {"alt": self.sentence}}, raw=True)
        display(Markdown(self.sentence))
