"""The lectures, and what the tests that read them share."""

import ast
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Lectures that are not yet in the new form. The set only shrinks; pyproject.toml lists the same names, for ruff.
NOT_YET = {
    "2_7_a_kink_in_the_loss",
    "2_8_beyond_the_minimum",
    "2_9_using_influence",
}
# The scoreboard gathers what the lectures measured, and is none itself.
NEW_FORM = [path for path in NOTEBOOKS if path.stem not in NOT_YET and path.stem != "5_scoreboard"]

# Numbers of a lecture's sentences that were not measured there: sizes of data, settings, definitions. Whole phrases, as
# they stand in the Markdown source; what was measured goes into a `stated` instead.
EXEMPT = {
    "0_start_here": [
        "about 20 minutes to read, 10 seconds to run",
        "**1 Deep",
        "**2 Influence",
        "**3 Two-layer",
        "**4 SGD",
        "Notation that all lectures share",
        "$h = 10^{-5}$",
        "the step $10^{-5}$",
        "by $10^{-3}$",
        "the step $10^{-12}$",
        "at most $10^{-8}$ of the largest",
        "$10^{-16}/h$",
        "$h^2 = 10^{-16}$",
        "$h^3 = 10^{-16}$",
        "about 16 digits",
        "hold 16 digits",
        "a factor 2",
        "from 1 to 10",
    ],
    "2_1_influence_formulas": [
        "reads a handwritten 1 as an 8",
        "its 1,437 training digits",
        "1,437 times",
        "one of the 1,437",
        "each of the 1,437 digits",
        "about 40 minutes to read, 25 seconds to run",
        "442 diabetes patients",
        "mean 0, variance 1",
        "442 regressions",
        "441 rows",
        "the constant 1",
        "the 442 patients",
        "the denominator is 1",
        "At position 0",
        "to position 4",
        "at position 2 it",
        "at position 4 only",
        "8 × 8",
        "1,437 to train on",
        "a 1 at the true class and 0 elsewhere",
        "with 16 digits",
        "7 digits of PyTorch",
        "all 650 parameters",
        "$\\epsilon = \\pm 10^{-3}/n$",
        "650 numbers",
        "the weaker ridge $10^{-4}$",
        "errors of order 1 and 2",
        "$y=-1$, the *odd point*, lies among those with $y=+1$",
        "promises too much when weight is added: at $n\\epsilon=3$",
        "at $n\\epsilon=-1$, where",
        "only minimum at 0",
        "$-1$ replaced",
        "the second $-1$",
        "ε = −1/n",
        "the model reads in it, 9,",
    ],
    "2_2_influence_on_predictions": [
        "about 35 minutes to read, 15 seconds to run",
        "8 × 8",
        "650 parameters",
        "360 test digits by 1,437 training digits",
        "($n\\epsilon = -1$)",
        "1,437 fits",
        "all 360 test digits",
        "at ridge 0.01",
        "At ridge 0.01",
        "at ridge 0.1",
        "at 0.1",
        "at 0.001",
        "ridge 0.01, all",
        "ridge 0.1, largest",
        "ridge 0.01, largest",
        "ridge 0.001, largest",
        "10 × 10",
        "median over all 360",
        "two 4s",
        "each of the 64 directions",
        "half of the 64 directions",
        "at 0.1 and 0.001",
        "even at 0.01",
        "digits 1 and 7",
        "$y=\\pm1$",
        "near 0 when",
        "every 7 a friend of every 7",
        "Two 7s",
        "a 1 may help a 7",
        "72 test and 289 training digits",
        "all 72 test digits",
        "72 × 289",
        "289 fits",
        "on 1 against 7",
        "which is 1 when the points lie",
        "which is 1 when the sizes are right",
        "650 numbers",
    ],
    "2_3_leave_one_out": [
        "about 35 minutes to read, 30 seconds to run",
        "each of 1,437 examples",
        "The truth, 1,437 times",
        "8 × 8",
        "a ridge of 0.01",
        "at all 360",
        "1,437 fits",
        "650 unknowns",
        "650 × 10",
        "10 × 10",
        "a slope of 1",
        "1,437 predictions",
        "with 1,437 truths",
        "over all 360 test digits",
        "all 360 test digits",
        "the 1,797 digits",
        "point 0 leaves",
        "Point 0 is the odd one",
        "ridge 0.1",
        "ridge 0.01",
        "ridge 0.001",
        "all 1,437 digits",
        "1,200 leave-one-out problems",
        "a gradient of $10^{-12}$",
        "default tolerance is $10^{-4}$",
        "below $10^{-3}$",
        "accepts $10^{-3}$",
        "from $3\\cdot10^{-4}$ to $10^{-4}$",
        "65 features",
        "At $10^{-3}$",
        "a tolerance of $10^{-3}$",
        "a little less than 1",
        "below 1",
        "over 360 test digits",
        "55,000 training images",
        "1,437 retrainings",
        "lies between 0 and 1",
        "within 2 %, without fitting",
        "650 numbers",
    ],
    "2_4_influence_on_mnist": [
        "fitted to 55,000 images",
        "of the 55,000 brought",
        "about 30 minutes to read, 30 seconds to run, 1.4 GB",
        "(11 MB)",
        "stand 500 fits",
        "7,150 rows",
        "any of 10,000 test images",
        "600 real retrainings",
        "55,000 images",
        "the other 55,000",
        "first 5,000 training images",
        "a ridge of 0.01",
        "784 pixels",
        "7,840 parameters",
        "all 55,000",
        "10,000 test images",
        "test image 8",
        "51 million",
        "45 blocks of 100",
        "26 million numbers",
        "Below 100 %",
        "Above 100 %",
        "is off by 10 %",
        "must leave $0.1^3$",
        "less than 1e-4",
        "One image against 55,000",
        "below $10^{-11}$",
        "the 25,000 training images",
        "other 30,000",
        "20 test images",
        "Of the 200 images",
        "among the 25,000",
        "each of the 10,000",
        "those on image 8",
        "40 test images",
        "probability of 95 %",
        "than for image 8",
        "## 5. The truth, by 600",
        "The 500 training images",
        "and 100 others",
        "The 600 changes",
        "the last of the 500",
        "over the 500",
        "Of the 100 other",
        "of the 500",
        "test image 30",
        "at ridge 0.1,",
        "at 0.01 and",
        "at 0.001.",
        "largest size of 1",
        "harmful 10, 100, 300, 1,000 and 3,000",
        "within 2 %",
        "Up to 1,000 images",
        "At 3,000 images",
        "of the 55,000 must",
        "500 most influential images",
        "500 most influential images: $r$ ≥ 0.9999",
        "$-1$ (a one) and $+1$ (a seven)",
        "between 560 and 580",
        "at ridge 0.1,",
        "error of 10 %",
        "below 0.000001",
        "the 1,000 most helpful",
        "Among the 5,715",
        "counted from 0",
        "most harmful *sixes*",
        "Without the 1,000 most",
        "Without the 1,400 most",
        "even at 600 images",
        "of the first 100 there",
        "of the first 1,000 there",
        "Of 20 misread test images",
        "of the 1,000 most influential",
        "the 1,000 most surprising",
        "for image 8; here",
        "without the 1,000 most",
        "for the 1,000 most harmful",
        "600 retrainings",
        "loss on test image 8",
        "of test image 8",
        "its 500 nearest",
        "would be 5.)",
    ],
    "2_5_inverse_hessian_products": [
        "(section 3)",
        "its value at 0",
        "With 650 parameters one",
        "with 7,150 in",
        "(11 MB",
        "about 35 minutes to read, 30 seconds to run",
        "8 × 8",
        "with 650 parameters",
        "There are 650 parameters",
        "yet 60 steps",
        "for $\\varepsilon = 10^{-6}$",
        "forgotten scale of 5",
        "have norm 1 at most",
        "12 or 13 steps",
        "are above 0.1",
        "that are 1 at 0",
        "of degree 6 ",
        "all 1,437 examples",
        "error below $10^{-6}$",
        "With 16 drawn",
        "with 256, by",
        "between 0 and 2",
        "runs LiSSA 16 times",
        "A forgotten 2, or",
        "At batch 1, is",
        "a scale of 1 diverges",
        "At 1.8 the",
        "spikes above 1",
        "After 5,000 steps",
        "the scales 10 and 18",
        "at scale 100",
        "and depth 2,000",
        "scale 25, depth 5,000",
        "and 10 repeats",
        "the 500 retrainings",
        "fewer than the 55,000",
        "at scale 10, with 2,000 steps of 25 examples",
        "has 25 times fewer",
        "Over the 500",
        "of the 650 eigenvalues",
        "depth of 5,000",
        "60 products give",
        "in 60 steps",
        "at scale 25, if",
        "the ridge, 0.01,",
        "is below 1 %",
        "With 10 repeats",
        "a ridge of $10^{-4}$",
        "place of $10^{-2}$",
        "below $10^{-6}$",
        "below $-1$",
    ],
    "2_6_perturbing_an_input": [
        "Ten of 1,437",
        "about 30 minutes to read, 20 seconds to run",
        "8 × 8",
        "a ridge of 0.01",
        "1,437 times",
        "between 0 and 1",
        "each of 41 distances",
        "are the 20 test",
        "among the 318",
        "At ridge 0.01",
        "at ridge 0.01",
        "At ridge 0.001",
        "at 0.001 at most",
        "at ridge 0.0001",
        "changing 1, 2 or 10",
        "turns 57 %",
        "77 % and all but",
        "591 test images",
        "2,048 features",
        "1,800 training",
        "65 features for 1,437",
        "attacks 30 test",
        "up to 30 correctly",
        "of 30 test images",
        "(section 5.2)",
        "the label 8",
    ],
}


def lecture_number(path):
    """The number of a lecture, such as '2.10', from its file's name."""
    part, lecture = re.match(r"(\d+)_(?:(\d+)_)?", path.name).groups()
    return f"{part}.{lecture or 0}"


def code_cells(notebook):
    """Pairs of position and code cell."""
    return [(position, cell) for position, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def read(path):
    return nbformat.read(path, as_version=4)


def called(call):
    """The name of the function that an ast.Call calls, without the object before a dot; None where there is none."""
    return getattr(call.func, "id", None) or getattr(call.func, "attr", None)


def calls(source, *names):
    """The calls of functions of these names in a piece of code, or in its tree, in order."""
    tree = ast.parse(source) if isinstance(source, str) else source
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) in names]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def make(*sources):
    """A notebook to test a test with. 'text: ...' is markdown, a pair (source, metadata) or a plain source is code."""
    cells = []
    for source in sources:
        source, metadata = source if isinstance(source, tuple) else (source, {})
        if source.startswith("text:"):
            cells.append(nbformat.v4.new_markdown_cell(source.removeprefix("text:").strip()))
        else:
            cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    return nbformat.v4.new_notebook(cells=cells)
