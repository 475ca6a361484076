"""Every formula and every measured number of a sentence is held by a cell, and every such cell by the text.

Formulas: each numbered formula is tested by a check at or below it, and each check names a formula of its lecture.
Sentences: the numbers of a text cell are the `written` texts of the `stated` in the cells below it, neither more nor
fewer, so that no digit of the text can be changed alone. Numbers that nobody measured (sizes of data, settings) are
named in EXEMPT of lectures.py, lecture by lecture, as whole phrases.
"""

import ast
import functools
import re
from collections import Counter

import pytest
from lectures import EXEMPT, LECTURES, NOTEBOOKS, ROOT, called, calls, code_cells, lecture_number, make, read

CHECKS = {"check", "check_order", "check_mean", "check_bound"}
HELD = CHECKS | {"stated", "reproduce", "exercise"}
PASSES_ON = {"list", "tuple", "dict", "set", "enumerate", "zip", "reversed", "sorted"}  # empty if what they get is
MOST_LOOSE_BOUNDS = 5  # in the whole collection
POWER = r"(?:(\d[\d.]*)\s*\\(?:cdot|times)\s*)?10\^(?:\{(-?\d+)\}|(\d))"
NUMBER = re.compile(rf"(?<![\w.,])(?:{POWER}|(?:\d+(?:,\d{{3}})*(?:\.\d+)?|\.\d+)(?:e-?\d+)?(?:\s?%)?)")
REFERENCES = r"^(?:#+ |\*\*)References?\b.*(?:\n+[-*] .*)*|^\*\*Next\b.*"
ITEM = r"(?:[A-Z]\.)?\d{1,2}(?:\.\d+)*(?:-\d+)?(?![\d%]| %)"
PLACE = r"lecture|section|part|figure|exercise|equation|chapter|table|theorem|lemma|proposition|algorithm"
PLACES = rf"\b(?:(?:{PLACE})s|figs\.|eqs\.) {ITEM}(?:(?:, | and |, and | to ){ITEM})*"
PLACES += rf"|\b(?:{PLACE}|fig\.|eq\.|appendix) {ITEM}|\barxiv[ :]\d+\.\d+"


# ---------------------------------------------------------------- formulas


def audit(notebook, lecture):
    """The list of what is wrong with the claims of a notebook; `lecture` is its number, such as '2.1'."""
    problems, numbered, checked = [], {}, {}
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for tag in re.findall(r"\\tag\{([^}]*)\}", cell.source):
                if tag in numbered:
                    problems.append(f"({tag}) is given twice")
                numbered.setdefault(tag, position)
        elif cell.cell_type == "code":
            tree = ast.parse(cell.source)
            certain = {id(call) for call in certain_calls(tree.body)}
            problems += [f"[{position}] {problem}" for problem in replaced(tree)]
            for call in calls(tree, *CHECKS):
                tag = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
                if tag is None:
                    problems.append(f"a check whose first argument is not a plain tag: {ast.unparse(call)[:60]}")
                else:
                    checked.setdefault(tag, []).append(position if id(call) in certain else -1)
    for number, tag in enumerate(numbered, start=1):
        if tag != f"{lecture}.{number}":
            problems.append(f"({tag}) stands where ({lecture}.{number}) is due")
        if not any(position > numbered[tag] for position in checked.get(tag, [])):
            problems.append(f"({tag}) has no check below it")
    return problems + [f"a check names ({tag}), which no formula carries" for tag in checked if tag not in numbered]


def certain_calls(statements):
    """The calls that run whenever the cell does: not in a function, a condition, a try, or a loop that may not reach
    them."""
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield statement.value
        elif isinstance(statement, ast.For) and not over_nothing(statement.iter):
            if not any(isinstance(part, (ast.Break, ast.Continue)) for part in ast.walk(statement)):
                yield from certain_calls(statement.body)


def over_nothing(iterable):
    """Whether a loop's iterable is visibly empty: (), [], {}, "", range(0), a slice up to 0, or made of such a one."""
    if isinstance(iterable, ast.Call) and called(iterable) in PASSES_ON:
        return not iterable.args or any(over_nothing(argument) for argument in iterable.args)
    try:
        if isinstance(iterable, ast.Call) and called(iterable) == "range":
            return not range(*map(ast.literal_eval, iterable.args))
        return ast.unparse(iterable).endswith("[:0]") or not ast.literal_eval(iterable)
    except ValueError:
        return False


def replaced(tree):
    """Sentences on names of the judge that a cell makes its own: then its checks say what the cell wants."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)):
            names = [node.name]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, (ast.Name, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            names = [getattr(node, "id", None) or node.attr]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            ours = getattr(node, "module", "") == "helpers.checks"
            names = [a.asname or a.name for a in node.names if not ours or a.asname not in (None, a.name)]
        yield from (f"the cell replaces {name}" for name in names if name in HELD | {"*"})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_claims_of_the_lectures(path):
    assert audit(read(path), lecture_number(path)) == []


def test_few_bounds_are_only_called_loose():
    everything = [cell.source for path in NOTEBOOKS for _, cell in code_cells(read(path))]
    bounds = [call for source in everything for call in calls(source, "check_bound")]
    assert sum(any(keyword.arg == "loose" for keyword in call.keywords) for call in bounds) <= MOST_LOOSE_BOUNDS


def test_lecture_numbers():
    names = {"2_1_influence_formulas": "2.1", "0_start_here": "0.0", "2_10_later": "2.10", "5_scoreboard": "5.0"}
    for name, number in names.items():
        assert lecture_number(ROOT / f"{name}.ipynb") == number


FORMULA = "text: $$a \\tag{2.1.1}$$"
CHECK = 'check("2.1.1", "a", 1, 2, rtol=1e-3)'


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([FORMULA, CHECK], None),
        ([FORMULA, f"for i in (1, 2):\n    {CHECK}"], None),
        ([FORMULA, 'check_bound("2.1.1", "a", 1, 2, kind="sign")'], None),
        ([FORMULA, 'check_bound("2.1.1", "a", 1, 2, attained=(1, 2, 0.9))'], None),
        ([FORMULA, 'check("2.1.1", "a", 1, 2, rtol=0.05, slips={"half": 3})'], None),
        ([FORMULA, "from helpers.checks import check, stated", CHECK], None),
        ([FORMULA, "f(check)"], "(2.1.1) has no check below it"),
        ([CHECK, FORMULA], "(2.1.1) has no check below it"),
        (["text: $$a$$", 'check_mean("2.1.1", "a", 1, 2)'], "a check names (2.1.1), which no formula carries"),
        (["text: $$a \\tag{2.1.2}$$", CHECK.replace("2.1.1", "2.1.2")], "(2.1.2) stands where (2.1.1) is due"),
        ([FORMULA + " $$b \\tag{2.1.1}$$", CHECK], "(2.1.1) is given twice"),
        ([FORMULA, "check(tag, 1, 2, 3, rtol=1e-3)"], "not a plain tag"),
        ([FORMULA, f"if x:\n    {CHECK}"], "has no check below it"),
        ([FORMULA, f"def f():\n    {CHECK}"], "has no check below it"),
        ([FORMULA, f"try:\n    {CHECK}\nexcept E:\n    pass"], "has no check below it"),
        *[
            ([FORMULA, f"for i in {nothing}:\n    {CHECK}"], "has no check below it")
            for nothing in ("()", "[]", "{}", "''", "range(0)", "range(2, 1)", "list()", "steps[:0]", "enumerate([])")
        ],
        ([FORMULA, CHECK, 'try:\n    check("2.1.1", "a", 1, 2, rtol=0.5)\nexcept E:\n    pass'], None),
        ([FORMULA, "def check(*a, **b): pass", CHECK], "[1] the cell replaces check"),
        ([FORMULA, "check = print", CHECK], "[1] the cell replaces check"),
        ([FORMULA, "from mine import stated", CHECK], "[1] the cell replaces stated"),
        ([FORMULA, "from helpers.checks import check_mean as check", CHECK], "[1] the cell replaces check"),
        ([FORMULA, CHECK, "del reproduce"], "[2] the cell replaces reproduce"),
        ([FORMULA, "for check in (print,):\n    pass", CHECK], "[1] the cell replaces check"),
        ([FORMULA, "import mine as check", CHECK], "[1] the cell replaces check"),
        ([FORMULA, "from mine import *", CHECK], "[1] the cell replaces *"),
        ([FORMULA, "checks.check = print", CHECK], "[1] the cell replaces check"),
        ([FORMULA, "def f(check):\n    return check", CHECK], "[1] the cell replaces check"),
        ([FORMULA, f"for i in (1, 2):\n    break\n    {CHECK}"], "has no check below it"),
        ([FORMULA, f"for i in (1, 2):\n    if i:\n        continue\n    {CHECK}"], "has no check below it"),
    ],
)
def test_the_audit_of_formulas_itself(cells, problem):
    found = audit(make(*cells), "2.1")
    assert found == [] if problem is None else any(problem in line for line in found), found


def test_equations_that_the_helpers_cite_exist():
    lectures = {lecture_number(path): path for path in NOTEBOOKS}
    for module in sorted((ROOT / "helpers").glob("*.py")):
        for tag in re.findall(r"(?:eqs?\.|and) (\d\.\d+\.\d+)", module.read_text(encoding="utf-8")):
            source = lectures[tag.rpartition(".")[0]].read_text(encoding="utf-8")
            assert f"\\\\tag{{{tag}}}" in source, f"{module.name} cites ({tag})"


# ---------------------------------------------------------------- sentences


@functools.cache
def prose(source, settings=()):
    """A text cell without what is no measured number: display formulas, code, links' targets, HTML, numbers of
    headings, lists, lectures, sections, equations and exercises, references, years, structural integers of formulas,
    settings."""
    text = plain(re.sub(r"\$\$[\s\S]*?\$\$|```[\s\S]*?```|`[^`]*`", " ", source))
    for phrase in sorted(settings, key=len, reverse=True):
        text = re.sub(whole(phrase), " · ", text)
    text = re.sub(rf"(?m){REFERENCES}|\]\([^)]*\)|</?[A-Za-z][^>]*>|https?://\S+", "]", text)
    text = re.sub(r"(?m)^# \d+(?:\.\d+)? |^##+ \d+(?:\.\d+)*\. |^\s*\d{1,2}\. ", " ", text)
    text = re.sub(r"\((?:eqs?\. )?\d+\.\d+\.\d+\)|\[\d(?:\.\d+)? [A-Z][^\]]*\]", " ", text)
    text = re.sub(rf"(?i){PLACES}", " ", text)
    text = re.sub(r"(?<![\d.,])(?:19\d\d|20[0-2]\d)(?!\d|[.,]\d| ?%)", " ", text)
    text = re.sub(POWER, lambda match: f" {match[1] or 1}e{match[2] or match[3]} ", text)  # as a `stated` has them
    text = re.sub(r"\$([^$]*)\$", lambda formula: measured_in(formula.group(1)), text)
    return re.sub(r"\*|\b_|_\b", "", text)


def plain(source):
    """Blanks, percent signs and commas of numbers as a `stated` has them."""
    for written, meant in (("\u00a0", " "), ("\\%", "%"), ("\\,", " "), ("{,}", ",")):
        source = source.replace(written, meant)
    return source


def whole(phrase):
    """A pattern for a phrase that no further digit touches."""
    return rf"(?<!\d){re.escape(plain(phrase))}(?!\d)"


def measured_in(formula):
    """Of a formula within a sentence: its decimals, percentages and powers of ten, or all of it if it is a number."""
    if re.fullmatch(r"\s*[−-]?[\d.,]+\s*%?\s*", formula):
        return formula
    decimal = r"(?<![\w.])(?:\d+(?:,\d{3})*\.\d+|\d+(?:,\d{3})+)\s*%?|(?<![\w.])\d+\s*%"
    return " ".join(["", *re.findall(rf"{decimal}|(?<= )\d[\d.]*e-?\d+(?= )", formula), ""])


def numbers_of(text):
    """The numbers left in a piece of prose."""
    return [match.group(0).strip() for match in NUMBER.finditer(text)]


@functools.cache
def written_texts(source):
    """The first arguments of the `stated` of a cell, and sentences on those that do not hold a sentence surely."""
    tree, texts, problems = ast.parse(source), [], []
    certain = [statement.value for statement in tree.body if isinstance(statement, ast.Expr)]
    for call in calls(tree, "stated"):
        if not call.args or not isinstance(call.args[0], ast.Constant) or not isinstance(call.args[0].value, str):
            problems.append(f"its first argument is no plain text: {ast.unparse(call)[:60]}")
        elif call not in certain:
            problems.append(f"it need not run: {ast.unparse(call)[:60]}")
        else:
            texts.append(call.args[0].value)
    return texts, problems


@functools.cache
def published_numbers(source):
    """Numbers that a `reproduce` prints as published: the text may tell them."""
    values = [k.value for call in calls(source, "reproduce") for k in call.keywords if k.arg == "published"]
    return [value.value for value in values if isinstance(value, ast.Constant) and value.value is not None]


def value_of(number):
    """A number of the text as a float: "1,437", "44 %"."""
    digits = number.replace(",", "").rstrip("% ")
    return round(float(digits) / 100, 12) if number.endswith("%") else float(digits)


def occurs(phrase):
    """A pattern for a written text that nothing turns into another number."""
    end = r"(?!\d|[.,]\d|e-?\d| ?%)" if phrase[-1].isdigit() else r"(?!\w)"
    return rf"(?i)(?<![\w.,−-]){re.escape(phrase)}{end}"


def audit_sentences(notebook, settings=()):
    """The list of numbers in sentences that no `stated` holds, and of `stated` that hold no sentence."""
    cells, problems, carried, settings = notebook.cells, [], {}, tuple(settings)
    for position, cell in code_cells(notebook):
        carried[position], wrong = written_texts(cell.source)
        problems += [f"[{position}] a stated: {line}" for line in wrong]
    anywhere = sorted({text for texts in carried.values() for text in texts}, key=len, reverse=True)
    published = {position: published_numbers(cell.source) for position, cell in code_cells(notebook)}
    told = plain(" ".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    problems += [f"a setting that the lecture does not hold: {p!r}" for p in settings if not re.search(whole(p), told)]
    problems += [f"a setting without a word: {p!r}" for p in settings if not re.search(r"[^\W\d_]|×", wordless(p))]
    used, gathers = set(), True
    for position, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        below = range(position + 1, next_text(cells, position))
        texts = {True: "", False: ""}  # what gathers numbers of the whole lecture, and the rest
        for part in re.split(r"(?m)^(?=## )", cell.source):
            if part.startswith("## "):
                gathers = bool(re.match(r"(?i)## .*(claimed|summary)", part)) or gathers and not part[3].isdigit()
            texts[gathers] += prose(part, settings) + "\n"
        for phrase in sorted((text for k in below for text in carried[k]), key=len, reverse=True):
            texts[False], count = re.subn(occurs(phrase), " · ", texts[False], count=1)
            if not count and not re.search(occurs(phrase), texts[True]):
                problems.append(f"[{position}] nothing in the text reads {phrase!r}")
        for phrase in anywhere:
            texts[True] = re.sub(occurs(phrase), " · ", texts[True])
        used |= set(below)
        printed = {True: published.values(), False: [published[k] for k in below]}
        for kind, text in texts.items():
            known = [number for numbers in printed[kind] for number in numbers]
            left = [number for number in numbers_of(text) if value_of(number) not in known]
            problems += [f"[{position}] no stated holds {number}" for number in left]
    return problems + [f"[{k}] a stated without a text above it" for k in carried if carried[k] and k not in used]


def wordless(phrase):
    return re.sub(r"\\[a-z]+", "", phrase)


def next_text(cells, position):
    """The position of the next text cell, or the number of cells."""
    later = range(position + 1, len(cells))
    return next((k for k in later if cells[k].cell_type == "markdown"), len(cells))


def with_a_digit_changed(source, settings, by):
    """Pairs of a counted number of a text cell, and the cell with the number's last digit changed by `by`."""
    settings = tuple(settings)
    counted = Counter(numbers_of(prose(source, settings)))
    for match in NUMBER.finditer(source):
        end = match.start() + len(match.group(0).rstrip("}% \u00a0"))
        changed = source[: end - 1] + str((int(source[end - 1]) + by) % 10) + source[end:]
        if Counter(numbers_of(prose(changed, settings))) != counted:
            yield match.group(0), changed


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_numbers_in_sentences(path):
    assert audit_sentences(read(path), EXEMPT.get(path.stem, ())) == []


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_last_digit_of_a_text_can_be_changed_alone(path):
    notebook, settings, tried = read(path), EXEMPT.get(path.stem, ()), 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            original = cell.source
            for number, changed in with_a_digit_changed(original, settings, 1):
                cell.source, tried = changed, tried + 1
                assert audit_sentences(notebook, settings), f"{number} changed in {original[:60]!r}"
            cell.source = original
    assert tried >= 3


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_title_or_caption_holds_a_measured_number(path):
    source = "\n".join(cell.source for _, cell in code_cells(read(path)))
    assert [literal for literal in shown_literals(source) if re.search(r"\d\.\d|\d ?%", literal)] == []


def shown_literals(source):
    """Texts that a reader sees in or under a picture, as far as they are written out: not what an f-string fills in."""
    tree = ast.parse(source)
    drawn = {call.args[0].id for call in calls(tree, "explore") if call.args and isinstance(call.args[0], ast.Name)}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    shown = [ast.Constant(ast.get_docstring(node) or "") for node in functions if node.name in drawn]
    for call in calls(tree, "picture", "set_title", "suptitle"):
        shown += call.args[1:2] if called(call) == "picture" else call.args[:1]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("title", "suptitle", "sentence", "label"):
            shown.append(node.value)
    names = {node.id for node in shown if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and names & {getattr(target, "id", None) for target in node.targets}:
            shown.append(node.value)
    for node in shown:
        values = [value for value in ast.walk(node) if isinstance(value, ast.FormattedValue)]
        formats = {id(part) for value in values for part in ast.walk(value.format_spec or value.value)}
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in formats:
                yield part.value


SENTENCE = "text: ## 1. A\n\nIt is 0.46."


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([SENTENCE, 'stated("0.46", x, "a")'], None),
        ([SENTENCE, "x = 1", 'stated("0.46", x, "a")'], None),
        (["text: ## 1. A\n\nIn 9 of 10, that is 90 %.", 'stated("9 of 10", x, "a")\nstated("90 %", x, "b")'], None),
        (["text: ## 1. A\n\nFrom $0.43$ to $0.47$.", 'stated("0.43", x, "a")\nstated("0.47", x, "a")'], None),
        (["text: ## 1. A\n\nBy (2.1.3), section 4 and lecture 2.3, in 2017, $\\frac12 x_3$.", "x = 1"], None),
        (["text: ## 1. A\n\n1. one\n2. two `x[3]` $$4.5$$ [2.3 Leave one out](2_3_leave.ipynb)", "x = 1"], None),
        (["text: ## 1. A\n\nThere are 55,000 images.", "x = 1"], "no stated holds 55,000"),
        ([SENTENCE, "x = 1"], "[0] no stated holds 0.46"),
        ([SENTENCE, 'stated("0.47", x, "a")'], "[0] nothing in the text reads '0.47'"),
        ([SENTENCE + " And 0.46.", 'stated("0.46", x, "a")'], "[0] no stated holds 0.46"),
        ([SENTENCE, 'stated("0.4", x, "a")'], "[0] nothing in the text reads '0.4'"),
        (["text: ## 1. A\n\nIt is 46 %.", 'stated("46", x, "a")'], "[0] nothing in the text reads '46'"),
        (["text: ## 1. A\n\nIt is -0.46.", 'stated("0.46", x, "a")'], "[0] nothing in the text reads '0.46'"),
        ([SENTENCE, "text: More.", 'stated("0.46", x, "a")'], "[0] no stated holds 0.46"),
        ([SENTENCE, 'if x:\n    stated("0.46", x, "a")'], "a stated: it need not run"),
        ([SENTENCE, 'for x in y:\n    stated("0.46", x, "a")'], "a stated: it need not run"),
        ([SENTENCE, "stated(text, x, 'a')"], "its first argument is no plain text"),
        (['stated("0.46", x, "a")', SENTENCE], "[0] a stated without a text above it"),
        ([SENTENCE, 'stated("0.46", x, "a")', "text: ## 2. Summary\n\nIt was 0.46."], None),
        ([SENTENCE, 'stated("0.46", x, "a")', "text: ## 2. Summary\n\nIt was 0.47."], "[2] no stated holds 0.47"),
        (["text: It will be 0.46.", SENTENCE, 'stated("0.46", x, "a")'], None),
        (["text: It will be 0.45.", SENTENCE, 'stated("0.46", x, "a")'], "[0] no stated holds 0.45"),
        (["text: ## 1. A\n\nThe paper has 0.86.", 'reproduce("x", published=0.86, ours=r, at_least=0.85)'], None),
        (["text: ## 1. A\n\n| a | 0.46 |\n|---|---|", "x = 1"], "no stated holds 0.46"),
        (["text: ## 1. A\n\nAbout $10^{-6}$ of it.", "x = 1"], "no stated holds 1e-6"),
        (["text: ## 1. A\n\nAbout $10^{-6}$ of it.", 'stated("1e-6", x, "a")'], None),
        (["text: ## 1. A\n\nAt $h = 5\\cdot10^{-6}$.", 'stated("5e-6", x, "a")'], None),
        (["text: ## 1. A\n\nAt $h = 5\\cdot10^{-6}$.", 'stated("1e-6", x, "a")'], "nothing in the text reads '1e-6'"),
        (["text: ## 1. A\n\nIt is _0.46_ or **0.47**.", "x = 1"], "[0] no stated holds 0.46"),
        (["text: ## 1. A\n\nIt is **at least** 0.46.", 'stated("at least 0.46", x, "a")'], None),
        (["text: ## 1. A\n\nAt least 0.46.", 'stated("at least 0.46", x, "a")'], None),
        (["text: ## 1. A\n\nIt is .46.", "x = 1"], "[0] no stated holds .46"),
        (["text: ## 1. A\n\nIf 0.1 < x and y > 0.46.", "x = 1"], "[0] no stated holds 0.46"),
        (["text: ## 1. A\n\nBy sections 2.1, 2.3 and 4, figure 2 and 72 digits.", "x = 1"], "[0] no stated holds 72"),
        (["text: ## 1. A\n\nSection 4 and exercise 2.1-3, appendix A.2, arXiv 1703.04730.", "x = 1"], None),
        (["text: ## 1. A\n\n**References**\n\n- Cook, Technometrics 19 (1977).\n\n**Next:** 2.4", "x = 1"], None),
        (["text: ## 1. A\n\n### 72 digits", "x = 1"], "[0] no stated holds 72"),
        (["text: ## 1. A\n\nOf $1{,}437$.", 'stated("1,437", x, "a")'], None),
        (["text: ## 1. A\n\nIt is 46\\,\\%.", 'stated("46 %", x, "a")'], None),
        (["text: ## 1. A\n\nOf 1,797.", "reproduce('x', published=1797)"], None),
        (["text: ## 1. A\n\nOf them 86 %.", "reproduce('x', published=0.86)"], None),
        (["text: ## 1. A\n\nAbout 10^6.", "x = 1"], "[0] no stated holds 1e6"),
        (["text: ## 1. A\n\nOf 1,798.", "reproduce('x', published=1797)"], "[0] no stated holds 1,798"),
        (["text: ## 1. A", "reproduce('x', published=0.86)", "text: ## 2. Claimed\n\nSay 0.86."], None),
        ([SENTENCE + "\n\n## 2. Summary\n\nIt was 0.46.", 'stated("0.46", x, "a")'], None),
        (["text: ## 1. A\n\nNo number.", 'stated("0.46", x, "a")', "text: ## 2. Claimed"], "nothing in the text"),
        ([SENTENCE + " Then 0.5.\n\n## 2. Summary", 'stated("0.46", x, "a")'], "[0] no stated holds 0.5"),
        (["text: ## 1. A\n\nAt $\\lambda = 0.01$.", "x = 1"], "no stated holds 0.01"),
    ],
)  # fmt: skip
def test_the_audit_of_sentences_itself(cells, problem):
    found = audit_sentences(make(*cells))
    assert found == [] if problem is None else any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("55,000 images", None),
        ("10 images", "that the lecture does not hold: '10 images'"),
        ("5,000 images", "that the lecture does not hold: '5,000 images'"),
        ("with 55,00", "that the lecture does not hold: 'with 55,00'"),
        ("55,000", "a setting without a word: '55,000'"),
    ],
)
def test_settings_are_whole_phrases_that_the_lecture_holds(setting, problem):
    notebook = make("text: ## 1. A\n\nWith 55,000 images it is 0.46.", 'stated("0.46", x, "a")')
    found = audit_sentences(notebook, [setting])
    assert found == [] if problem is None else any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('axes.set_title("r is 0.46")', ["r is 0.46"]),
        ('axes.set_title(f"r is {r:.2f}")', ["r is "]),
        ('axes.set(title="44 %", xlabel="0.5")', ["44 %"]),
        ('style.picture(figure, "It falls by 44 %.")', ["It falls by 44 %."]),
        ('def draw(figure, a):\n    "At 0.46."\nexplore(draw, a=1)', ["At 0.46."]),
        ('def draw(figure, a):\n    "At 0.46."\n\n\nx = 1\nexplore(draw, a=1)', ["At 0.46."]),
        ('def other(figure, a):\n    "At 0.46."', []),
        ('title = "r is 0.46"\naxes.set_title(title)', ["r is 0.46"]),
        ('title = "r is 0.46"\naxes.set_xlabel(title)', []),
        ('style.show_image(axes, image, title="44 %")', ["44 %"]),
        ('figure.suptitle("r is 0.46")', ["r is 0.46"]),
    ],
)
def test_what_counts_as_a_title_or_caption(source, texts):
    assert list(shown_literals(source)) == texts
