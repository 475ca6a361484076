"""One look for all pictures: sizes, a colour-blind-safe colour cycle, image grids."""

import matplotlib
import numpy as np

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
