"""What a stored lecture looks like, beyond its numbers: the countable rules of its anatomy, and of what is stored.

A rule is a function of a notebook that returns what is wrong, each line with the position of a cell. It is tested by a
small notebook that breaks it.
"""

import ast
import re
import runpy
import statistics
from itertools import pairwise

import nbformat
import pytest
from lectures import LECTURES, NOTEBOOKS, ROOT, called, calls, code_cells, folded, make, read, tagged

from helpers.refresh import readme_pictures

NETWORK = re.compile(r"urllib|requests|urlopen|https?://|ftp://|socket|wget|curl|pooch|^\s*[!%]", re.MULTILINE)
DRAWS = re.compile(
    r"\.(?:plot|scatter|set_xlabel|set_title|set|legend|imshow|bar|axhline|axvline|axline|text|annotate)\("
)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
EXERCISE = re.compile(r"\*\*Exercise (\d+)\b(.{0,12}\(open\))?")


# ---------------------------------------------------------------- rules for all lectures


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def lecture(request):
    notebook = read(request.param)
    nbformat.validate(notebook)
    return request.param, notebook, [cell for _, cell in code_cells(notebook)]


def test_executed_in_order_and_stripped(lecture):
    path, notebook, code = lecture
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert "application/vnd.jupyter.widget" not in path.read_text(encoding="utf-8")
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
    for output in (output for cell in code for output in cell.outputs):
        assert output.output_type != "error" and output.get("name") != "stderr"


def test_small_enough_to_load_at_once(lecture):
    path, _, _ = lecture
    assert path.stat().st_size <= 700_000


def test_headings(lecture):
    _, notebook, _ = lecture
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(notebook), re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    for above, below in pairwise(levels):
        assert below <= above + 1, "a heading level is skipped"


def test_code_cells(lecture):
    _, _, code = lecture
    for cell in code:
        assert not NETWORK.search(cell.source), "a cell reaches for the network or the shell"
        assert "NBVAL" not in cell.source and "nbval" not in str(cell.metadata)
        assert not cell.source.rstrip().endswith(";"), "nbval does not honour a trailing semicolon"


def test_links_to_files_exist(lecture):
    path, notebook, _ = lecture
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", prose(notebook)):
        assert (path.parent / target).exists(), f"no file {target}"


def test_the_readme_pictures_are_those_of_the_lectures(lecture):
    path, notebook, _ = lecture
    for picture in readme_pictures(notebook):
        assert (path.parent / "pictures" / f"{path.stem}.png").read_bytes() == picture


# ---------------------------------------------------------------- rules for lectures


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def open_cells(notebook):
    return [(position, cell) for position, cell in code_cells(notebook) if not folded(cell)]


def is_start(notebook):
    """Whether this is 0_start_here, which asks less of its reader than a lecture."""
    return notebook.cells[0].source.startswith("# 0 ")


def pictures(notebook):
    """Triples of position, cell and an output that holds a picture."""
    return [
        (position, cell, output)
        for position, cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def a_picture_comes_first(notebook):
    first = min((position for position, _, _ in pictures(notebook)), default=None)
    return [] if first is not None and first <= 3 else [f"the first picture stands in cell {first}; want 3 at most"]


def setup_is_short_and_folded(notebook):
    found = [(position, cell) for position, cell in code_cells(notebook) if "style.use()" in cell.source]
    if len(found) != 1 or found[0][0] > 3 or not folded(found[0][1]):
        return [f"style.use() stands in {[position for position, _ in found]}; want one folded cell, 3 at most"]
    position, cell = found[0]
    # An import that ruff spreads over several lines counts once.
    count = len(ast.parse(cell.source).body) + len(re.findall(r"^#", cell.source, re.MULTILINE))
    return [] if count <= 10 else [f"[{position}] the setup has {count} lines; want 10 at most"]


def open_code_is_short(notebook):
    sizes = {position: len(lines(cell)) for position, cell in open_cells(notebook)}
    problems = [
        f"[{position}] open code of {size} lines; want 25 at most" for position, size in sizes.items() if size > 25
    ]
    if sum(sizes.values()) > 250:
        problems.append(f"{sum(sizes.values())} lines of open code; want 250 at most")
    if sizes and (middle := statistics.median(sizes.values())) > 8:
        problems.append(f"the median open cell has {middle:g} lines; want 8 at most")
    return problems


def code_fits_the_page(notebook):
    return [
        f"[{position}] a line of {len(line)} characters; want 80 at most: {line.strip()[:40]}"
        for position, cell in code_cells(notebook)
        for line in cell.source.splitlines()
        if len(line) > 80
    ]


def lab_and_book_fold_the_same(notebook):
    cells = code_cells(notebook)
    differ = [k for k, cell in cells if folded(cell) != tagged(cell, "hide-input")]
    wordless = [k for k, cell in cells if folded(cell) and not cell.source.startswith("# ")]
    return [f"[{k}] source_hidden and the tag hide-input go together" for k in differ] + [
        f"[{k}] a folded cell begins with a comment, which is its label" for k in wordless
    ]


def what_draws_is_folded(notebook):
    found = [(k, len(DRAWS.findall(cell.source))) for k, cell in open_cells(notebook)]
    return [f"[{k}] {count} drawing calls in open code; want 2 at most" for k, count in found if count > 2]


def pictures_have_words(notebook):
    problems = []
    for position, _, output in pictures(notebook):
        words = "".join(output.data.get("text/plain", ""))
        if not words.strip() or "<Figure size" in words:
            problems.append(f"[{position}] a picture without words: end the cell with style.picture(figure, sentence)")
        if not output.get("metadata", {}).get("image/png", {}).get("alt", "").strip():
            problems.append(f"[{position}] a picture without alternative text in its metadata")
    return problems


def no_comprehension_in_a_comprehension(notebook):
    def nested(cell):
        found = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, COMPREHENSIONS)]
        return any(isinstance(inner, COMPREHENSIONS) for node in found for inner in list(ast.walk(node))[1:])

    return [f"[{k}] a comprehension inside a comprehension" for k, cell in open_cells(notebook) if nested(cell)]


def enough_sliders(notebook):
    explorers = [(k, call) for k, cell in code_cells(notebook) for call in calls(cell.source, "explore")]
    wanted = 1 if is_start(notebook) else 2
    problems = [] if len(explorers) >= wanted else [f"{len(explorers)} sliders; want {wanted} or more"]
    for position, call in explorers:
        controls = [called(keyword.value) for keyword in call.keywords if isinstance(keyword.value, ast.Call)]
        if controls.count("slider") > 2 or controls.count("choice") > 1:
            problems.append(f"[{position}] {len(controls)} controls; want two sliders and one choice at most")
    return problems


def few_words(notebook):
    text = prose(notebook)
    outside = len(re.sub(r"<details>.*?</details>", " ", text, flags=re.DOTALL).split())
    inside = len(text.split()) - outside
    problems = [] if outside <= 4000 else [f"{outside} words outside <details>; want 4000 at most"]
    return problems + ([] if inside <= 1500 else [f"{inside} words inside <details>; want 1500 at most"])


def short_paragraphs(notebook):
    problems = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            text = re.sub(r"\$\$.*?\$\$|```.*?```|`[^`]*`|\$[^$]*\$", "x", cell.source, flags=re.DOTALL)
            text = re.sub(r"\d\.\d|e\.g\.|i\.e\.|Fig\.|eqs?\.|\b[A-Z]\.", "", text)
            for block in re.split(r"\n\s*\n", text):
                sentences = re.findall(r"[.!?][*_)”\"]*(?=\s|$)", block)
                if len(sentences) > 5 and not re.match(r"\s*(?:\||[-*] |#|\d+\. )", block):
                    problems.append(f"[{position}] a paragraph of {len(sentences)} sentences: {block.strip()[:40]}")
    return problems


def short_sentences(notebook):
    plain = re.sub(r"\$\$[\s\S]*?\$\$|\$[^$]*\$|<[^>]+>|[|#*_`]", " ", prose(notebook))
    sizes = [size for text in re.split(r"(?<=[.!?])\s", plain) if 3 < (size := len(text.split())) < 200]
    mean = statistics.mean(sizes) if sizes else 0
    return [] if mean <= 22 else [f"sentences of {mean:.0f} words in the mean; want 22 at most"]


def prose_before_open_code(notebook):
    problems, before = [], None
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and folded(cell):
            continue
        if cell.cell_type == "code" and not tagged(cell, "answer") and before != "markdown":
            problems.append(f"[{position}] open code without prose before it")
        before = cell.cell_type
    return problems


def exercises_have_answers(notebook):
    """Question, folded truth, open answer that stays open, folded solution that is right; one question may be open."""
    cells, problems = notebook.cells, []
    asked = [(k, EXERCISE.findall(cell.source)) for k, cell in enumerate(cells) if cell.cell_type == "markdown"]
    asked = [(k, found) for k, found in asked if found]
    tested = [(k, found[0][0]) for k, found in asked if not found[0][1]]
    problems += [f"[{k}] {len(found)} exercises in one cell" for k, found in asked if len(found) > 1]
    if [number for _, found in asked for number, _ in found] != [str(k + 1) for k in range(len(asked))]:
        problems.append("exercises are not numbered 1, 2, ...")
    if len(asked) - len(tested) > 1:
        problems.append("more than one open question without an answer")
    wanted = 1 if is_start(notebook) else 3
    if len(tested) < wanted:
        problems.append(f"{len(tested)} exercises with an answer; want {wanted} or more")
    for tag in ("answer", "solution"):
        count = sum(tagged(cell, tag) for _, cell in code_cells(notebook))
        if count != len(tested):
            problems.append(f"{count} cells are tagged {tag}; want {len(tested)}, one an exercise")
    for position, number in tested:
        problems += exercise_problems(cells[position + 1 : position + 4], position, number, lecture_of(notebook))
    return problems


def no_claim_came_out_false(notebook):
    """A comparison that is printed as true or false states something: what is stored must be true."""
    problems = []
    for position, cell in code_cells(notebook):
        for line in "".join(output.get("text", "") for output in cell.outputs).splitlines():
            if line.endswith(": False"):
                problems.append(f"[{position}] printed: {line}")
    return problems


def lecture_of(notebook):
    """The number in a lecture's title, such as '2.1', as its exercises carry it."""
    number = re.match(r"# (\d+(?:\.\d+)?) ", notebook.cells[0].source)
    return "" if number is None else number[1] if "." in number[1] else f"{number[1]}.0"


def exercise_problems(below, position, number, lecture):
    """What is wrong with the three cells below the question of an exercise."""
    if len(below) < 3 or any(cell.cell_type != "code" for cell in below):
        return [f"[{position}] below exercise {number} stand no three cells: truth, answer, solution"]
    truth, answer, solution = below
    names = [node.id for node in ast.walk(ast.parse(truth.source)) if isinstance(node, ast.Name)]
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in (answer, solution)]
    named = [
        [getattr(call.args[0], "value", None) for call in calls(cell.source, "exercise") if call.args]
        for cell in (answer, solution)
    ]
    wanted = {
        f"the truth is folded and computes truth_{number}": folded(truth) and f"truth_{number}" in names,
        "the answer is open, tagged answer, with dots": (
            tagged(answer, "answer") and not folded(answer) and "..." in answer.source
        ),
        "the answer's stored output is ○": printed[0].startswith("○") and not re.search("[✓✗]", printed[0]),
        "the solution is folded and tagged": folded(solution) and tagged(solution, "solution"),
        "the solution's stored output is ✓": "✓" in printed[1] and "✗" not in printed[1],
        f'both call exercise("{lecture}-{number}", ...)': all(set(given) == {f"{lecture}-{number}"} for given in named),
    }
    return [f"[{position}] exercise {number}: want that {words}" for words, right in wanted.items() if not right]


RULES = [
    a_picture_comes_first,
    setup_is_short_and_folded,
    open_code_is_short,
    code_fits_the_page,
    lab_and_book_fold_the_same,
    what_draws_is_folded,
    pictures_have_words,
    no_comprehension_in_a_comprehension,
    enough_sliders,
    few_words,
    short_paragraphs,
    short_sentences,
    prose_before_open_code,
    exercises_have_answers,
    no_claim_came_out_false,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_lectures_in_the_new_form(path, rule):
    assert rule(read(path)) == []


FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
SOLUTION = {"jupyter": {"source_hidden": True}, "tags": ["solution", "hide-input"]}
SETUP = ("# Imports\nimport numpy as np\n\nstyle.use()", FOLDED)
HOOK = ("# Draws it\nstyle.picture(figure, 'It falls.')", FOLDED)
SLIDER = ("# Draws it\nexplore(draw, a=slider('a', 0, 1, value=0.5))", FOLDED)
OPEN = "a = 1\nprint(a)"


def exercise_cells(number):
    return [
        f"text: **Exercise {number}.** How many?",
        (f"# The truth\ntruth_{number} = 3", FOLDED),
        (f'answer = ...\nexercise("2.1-{number}", answer, truth_{number}, rtol=1e-6)', {"tags": ["answer"]}),
        (f'# Solution\nexercise("2.1-{number}", 3, truth_{number}, rtol=1e-6)', SOLUTION),
    ]


GOOD = ["text: # 2.1 A lecture", SETUP, HOOK, "text: Words.", OPEN, SLIDER, SLIDER]
GOOD += exercise_cells(1) + exercise_cells(2) + exercise_cells(3)


def stored(*sources, words="It falls.", alternative="It falls."):
    """A notebook with the outputs that its cells would store."""
    notebook = make(*sources)
    for position, cell in code_cells(notebook):
        cell.execution_count = position
        if "picture(" in cell.source or "explore(" in cell.source:
            metadata = {"image/png": {"alt": alternative}} if alternative else {}
            data = {"image/png": "aaaa", "text/plain": words}
            cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
        if "exercise(" in cell.source:
            text = "○ put your answer" if "..." in cell.source else "✓ right"
            cell.outputs = [nbformat.v4.new_output("stream", text=text)]
    return notebook


def printing(words):
    """A lecture of which one open cell has printed these words."""
    notebook = stored(*GOOD)
    notebook.cells[4].outputs = [nbformat.v4.new_output("stream", text=words)]
    return notebook


def test_a_printed_comparison_must_be_true():
    assert no_claim_came_out_false(printing("it falls: True\n")) == []
    assert no_claim_came_out_false(printing("it falls: True\nand stays: False\n")) == ["[4] printed: and stays: False"]


def changed(position, source):
    return [*GOOD[:position], source, *GOOD[position + 1 :]]


LONG = "text: " + "One sentence. " * 6
WORDY = "text: " + "word " * 40 + "end."


@pytest.mark.parametrize(
    ("rule", "cells", "problem"),
    [
        *[(rule, GOOD, None) for rule in RULES],
        (a_picture_comes_first, changed(2, OPEN), "first picture stands in cell 5"),
        (a_picture_comes_first, GOOD[:2], "first picture stands in cell None"),
        (setup_is_short_and_folded, changed(1, SETUP[0]), "style.use() stands in [1]"),
        (setup_is_short_and_folded, changed(1, OPEN), "style.use() stands in []"),
        (setup_is_short_and_folded, changed(1, ("# a\n" + "import os\n" * 10 + "style.use()", FOLDED)), "has 12 lines"),
        (
            setup_is_short_and_folded,
            changed(1, ("# a\nfrom a import (\n" + "    b,\n" * 9 + ")\nstyle.use()", FOLDED)),
            None,
        ),
        (open_code_is_short, changed(4, "a = 1\n" * 26), "[4] open code of 26 lines"),
        (open_code_is_short, [*GOOD, *9 * ["a = 1\n" * 9]], "the median open cell has 9 lines"),
        (open_code_is_short, [*GOOD, *11 * ["a = 1\n" * 24]], "lines of open code; want 250"),
        (code_fits_the_page, changed(2, ("# " + 79 * "a", FOLDED)), "[2] a line of 81 characters"),
        (lab_and_book_fold_the_same, changed(2, ("# a", {"tags": ["hide-input"]})), "[2] source_hidden and"),
        (
            lab_and_book_fold_the_same,
            changed(2, ("# a", {"jupyter": {"source_hidden": True}})),
            "[2] source_hidden and",
        ),
        (lab_and_book_fold_the_same, changed(2, ("a = 1", FOLDED)), "[2] a folded cell begins with a comment"),
        (what_draws_is_folded, changed(4, "a.plot()\na.set()\na.legend()"), "[4] 3 drawing calls"),
        (what_draws_is_folded, changed(4, "a.plot()\na.set()"), None),
        (no_comprehension_in_a_comprehension, changed(4, "[b for a in c for b in {d for d in a}]"), "[4] a compre"),
        (no_comprehension_in_a_comprehension, changed(4, "[b for a in c for b in a]"), None),
        (enough_sliders, changed(6, OPEN), "1 sliders; want 2"),
        (enough_sliders, changed(0, "text: # 0 Start here")[:6], None),
        (enough_sliders, changed(6, "explore(f, a=slider(1), b=slider(2), c=slider(3))"), "[6] 3 controls"),
        (enough_sliders, changed(6, "explore(f, a=slider(1), b=choice(2), c=choice(3))"), "[6] 3 controls"),
        (few_words, [*GOOD, "text: " + "word " * 4000], "words outside <details>"),
        (few_words, [*GOOD, "text: <details>" + "word " * 1501 + "</details>"], "words inside <details>"),
        (few_words, [*GOOD, "text: <details>" + "word " * 1400 + "</details>"], None),
        (short_paragraphs, changed(3, LONG), "[3] a paragraph of 6 sentences"),
        (short_paragraphs, changed(3, LONG.replace(". ", ". $a.b$ ")), "[3] a paragraph of 6 sentences"),
        (short_paragraphs, changed(3, "text: See e.g. Fig. 2. P. W. Koh said 0.5. $$a. b. c. d.$$ Yes."), None),
        (short_paragraphs, changed(3, "text: - " + LONG), None),
        (short_sentences, [*GOOD, *50 * [WORDY]], "sentences of 4"),
        (prose_before_open_code, changed(3, OPEN), "[4] open code without prose"),
        (prose_before_open_code, [*GOOD[:5], OPEN], "[5] open code without prose"),
        (exercises_have_answers, GOOD[:-4], "2 exercises with an answer; want 3"),
        (exercises_have_answers, [*GOOD, "text: **Exercise 4** (open). Build one."], None),
        (exercises_have_answers, [*GOOD, *2 * ["text: **Exercise 4** (open)."]], "more than one open question"),
        (exercises_have_answers, [*GOOD, "text: **Exercise 5** (open)."], "not numbered 1, 2"),
        (exercises_have_answers, changed(7, "text: **Exercise 1.** a **Exercise 2.** b"), "[7] 2 exercises in one"),
        (exercises_have_answers, [*GOOD, "text: **Exercise 4.** Without cells."], "[19] below exercise 4 stand no"),
        (exercises_have_answers, changed(8, "# a\ntruth_1 = 3"), "[7] exercise 1: want that the truth is folded"),
        (exercises_have_answers, changed(8, ("# a\ntruth_2 = 3", FOLDED)), "[7] exercise 1: want that the truth"),
        (exercises_have_answers, changed(9, GOOD[9][0]), "[7] exercise 1: want that the answer is open"),
        (exercises_have_answers, changed(9, GOOD[10]), "the answer's stored output is ○"),
        (exercises_have_answers, changed(10, (GOOD[10][0], FOLDED)), "the solution is folded and tagged"),
        (exercises_have_answers, changed(10, GOOD[9]), "the solution's stored output is ✓"),
        (exercises_have_answers, changed(10, GOOD[14]), '[7] exercise 1: want that both call exercise("2.1-1", ...)'),
        (exercises_have_answers, [*GOOD, ("a = 1", {"tags": ["answer"]})], "4 cells are tagged answer; want 3"),
    ],
)
def test_the_rules_themselves(rule, cells, problem):
    found = rule(stored(*cells))
    assert found == [] if problem is None else any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("words", "alternative", "problem"),
    [
        ("<Figure size 700x340 with 1 Axes>", "It falls.", "[2] a picture without words"),
        ("", "It falls.", "[2] a picture without words"),
        ("It falls.", "", "[2] a picture without alternative text"),
    ],
)
def test_the_rule_of_words_itself(words, alternative, problem):
    assert any(problem in line for line in pictures_have_words(stored(*GOOD, words=words, alternative=alternative)))


# ---------------------------------------------------------------- beside the lectures


def test_the_readme_lists_every_lecture_and_links_only_what_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in readme
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / target).exists(), f"no file {target}"


def test_the_readme_shows_what_the_bench_measured():
    record = runpy.run_path(ROOT / "tests" / "bench" / "record.py")
    assert record["table"]() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_requirement_says_who_needs_it():
    *requirements, last = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert last == "-e ."
    for line in requirements:
        assert re.fullmatch(r"[\w-]+(==|>=)\S+\s+# \S.*", line), line
