"""Any cell of a lecture can be run twice in a row and shows the same, as far as its source tells.

So no cell changes a name that it reads, unless it made that name itself, and none draws from a generator of random
numbers that it did not make. `make test FULL=1` runs each cell twice, which also finds what the source does not tell.
"""

import ast
import re

import pytest
from lectures import LECTURES, called, code_cells, make, read

MUTATING = set("add append clear discard extend fill insert pop popitem remove reverse setdefault sort update".split())
MUTATING |= {"backward", "load_state_dict", "partition", "resize", "shuffle", "step"}
MUTATES_FIRST = {"copyto", "fill_diagonal", "place", "put", "putmask", "setattr", "shuffle"}
GENERATORS = {"default_rng", "Generator", "RandomState"}
TORCH = "torch's own generator"
TORCH_DRAWS = {"bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm"}


class Run(ast.NodeVisitor):
    """What happens to the names of the notebook when some statements run, in the order in which they run.

    made      names that the statements made themselves, so far
    read      names that were read before they were made
    stored    names that got another value
    spoilt    names whose object was changed in place, and was not made by the statements
    """

    def __init__(self, functions, modules, local=()):
        self.functions, self.modules, self.local = dict(functions), modules, set(local)
        self.made, self.read, self.stored, self.spoilt, self.alias = set(), set(), set(), set(), {}

    def reads(self, name, seen=()):
        if name in self.local:
            return
        if name not in self.made:
            self.read.add(name)
        if name in self.functions and name not in seen:  # it may be called here, so what it does happens here
            read, spoilt = self.functions[name]
            for other in read:
                self.reads(other, (*seen, name))
            for other in spoilt:
                self.spoils(other)

    def spoils(self, name):
        name = self.alias.get(name, name)
        if name and name not in self.local | self.made | self.modules:
            self.spoilt.add(name)

    def stores(self, target, value=None):
        """Bind what is left of an equals sign, after its value was read."""
        if isinstance(target, ast.Name) and target.id not in self.local:
            self.stored.add(target.id)
            self.made.add(target.id)
            # Another name for an object that this cell did not make; a number taken from one is a new object.
            whole = ast.unparse(value) if isinstance(value, (ast.Name, ast.Subscript, ast.Attribute)) else ""
            origin = self.alias.get(root(value), root(value)) if whole else None
            shares = origin and origin not in self.made and not re.search(r"\.(shape|size|ndim)\b", whole)
            self.alias[target.id] = origin if shares else target.id
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else ()
            for position, part in enumerate(target.elts):
                self.stores(part, values[position] if len(values) == len(target.elts) else None)
        elif isinstance(target, ast.Starred):
            self.stores(target.value)
        elif isinstance(target, (ast.Subscript, ast.Attribute)):
            self.visit(target)
            self.spoils(root(target))

    def run(self, nodes):
        for node in nodes:
            self.visit(node)

    def visit_Name(self, node):
        self.reads(node.id)

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            self.stores(target, node.value)

    def visit_AnnAssign(self, node):
        if node.value:
            self.visit(node.value)
            self.stores(node.target, node.value)

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        self.stores(node.target, node.value)

    def visit_AugAssign(self, node):
        self.visit(node.value)
        self.visit(node.target)
        self.spoils(root(node.target))
        if isinstance(node.target, ast.Name) and node.target.id not in self.local:
            self.stored.add(node.target.id)

    def visit_Delete(self, node):
        for target in node.targets:
            self.visit(target)
            self.spoils(root(target))
            self.made.discard(root(target) if isinstance(target, ast.Name) else None)

    def visit_For(self, node):
        self.visit(node.iter)
        self.stores(node.target, node.iter)
        self.run(node.body + node.orelse)

    def visit_With(self, node):
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars:
                self.stores(item.optional_vars)
        self.run(node.body)

    def visit_If(self, node):
        self.visit(node.test)
        before = set(self.made)
        self.run(node.body)
        after, self.made = self.made, before
        self.run(node.orelse)
        self.made = self.made & after

    def visit_Try(self, node):
        before = set(self.made)
        self.run(node.body)
        after = self.made
        for handler in node.handlers:
            self.made = set(before)
            self.run(handler.body)
        self.made = after
        self.run(node.orelse + node.finalbody)

    def visit_Import(self, node):
        names = {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        self.made |= names
        self.modules |= names

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node):
        self.run([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
        self.functions[node.name] = effects(node, self.modules)
        self.stores(ast.Name(node.name))

    def visit_ClassDef(self, node):
        self.run([*node.decorator_list, *node.bases])
        self.functions[node.name] = effects(node, self.modules)
        self.stores(ast.Name(node.name))

    def visit_Lambda(self, node):
        self.within({argument.arg for argument in arguments(node)}, [node.body])

    def visit_ListComp(self, node):
        self.visit(node.generators[0].iter)
        names = {name.id for part in node.generators for name in ast.walk(part.target) if isinstance(name, ast.Name)}
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        later = [part.iter for part in node.generators[1:]] + [test for part in node.generators for test in part.ifs]
        self.within(names, later + parts)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def within(self, names, parts):
        before, self.local = self.local, self.local | names
        self.run(parts)
        self.local = before

    def visit_Call(self, node):
        name = called(node)
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and (name in MUTATING or re.fullmatch(r"[a-z]\w*[a-z]_", name)):
            self.spoils(root(node.func))
        if name in MUTATES_FIRST and node.args:
            self.spoils(root(node.args[0]))
        for keyword in node.keywords:
            if keyword.arg == "out":
                self.spoils(root(keyword.value))
        if name == "manual_seed":
            self.made.add(TORCH)
        own = any(keyword.arg == "generator" for keyword in node.keywords)
        if root(node.func) == "torch" and name in TORCH_DRAWS and not own:
            self.reads(TORCH)


def root(node):
    """The name at the start of a chain such as a.b[0].c(), or None."""
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def arguments(node):
    named = node.args
    return [*named.posonlyargs, *named.args, *named.kwonlyargs, *filter(None, (named.vararg, named.kwarg))]


def effects(node, modules):
    """What calling a function, or using a class, reads and spoils of the names outside it."""
    outside = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
    local = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
    local |= {argument.arg for part in ast.walk(node) if hasattr(part, "args") for argument in in_arguments(part)}
    run = Run({}, modules, local - outside)
    run.run(node.body)
    nested = list(run.functions.values())
    read = run.read.union(*(part[0] for part in nested)) - local
    # A name that is declared global and stored is another one after each call.
    return read, (run.spoilt | run.stored & outside).union(*(part[1] for part in nested)) - (local - outside)


def in_arguments(node):
    return arguments(node) if isinstance(node, (ast.FunctionDef, ast.Lambda)) else []


def audit_rerun(notebook):
    """What a second run of a cell in a row would find changed, cell by cell."""
    trees = [(position, ast.parse(cell.source)) for position, cell in code_cells(notebook)]
    generators, functions, modules, problems = {"rng", TORCH}, {}, set(), []
    for _, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and called(node.value) in GENERATORS:
                generators |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for position, tree in trees:
        cell = Run(functions, modules)
        cell.run(tree.body)
        functions = cell.functions
        foreign = cell.read & generators
        problems += [f"[{position}] draws from {name}, which this cell did not make" for name in sorted(foreign)]
        for name in sorted((cell.read & cell.stored | cell.spoilt) - generators):
            problems.append(f"[{position}] changes {name}, which it did not make first")
    return problems


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_any_cell_can_be_run_twice(path):
    assert audit_rerun(read(path)) == []


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["x = 1", "y = x + 1\nx = 3"], "[1] changes x"),
        (["x = 1", "x = x + 1"], "[1] changes x"),
        (["x = 1", "x += 1"], "[1] changes x"),
        (["x = 1", "x = 0\nx += 1"], None),
        (["x = 1", "x = 2\ny = x"], None),
        (["x = 1", "x, y = 2, x"], "[1] changes x"),
        (["x = 1", "for k in range(3):\n    x = x * 2"], "[1] changes x"),
        (["x = 1", "x = 0\nfor k in range(3):\n    x = x * 2"], None),
        (["x = 1", "print(x)\nfor x in range(3):\n    pass"], "[1] changes x"),
        (["x = 1", "y = [x for x in range(3)]"], None),
        (["x = 1", "y = [x + k for k in range(3)]\nx = 2"], "[1] changes x"),
        (["x = 1", "y = (lambda x: x)(2)\nx = 2"], None),
        (["x = 1", "if y:\n    x = 2\nz = x"], "[1] changes x"),
        (["x = 1", "if y:\n    x = 2\nelse:\n    x = 3\nz = x"], None),
        (["x = 1", "with a as x:\n    pass\nprint(x)"], None),
        (["x = 1", "print(x := x + 1)"], "[1] changes x"),
        (["x = 1", "del x"], "[1] changes x"),
        (["x = 1", "x = 1\ndel x"], None),
        (["x = []", "x[0] = 1"], "[1] changes x"),
        (["x = []", "x[0] += 1"], "[1] changes x"),
        (["x = []", "x = []\nx[0] = 1"], None),
        (["x = []", "del x[0]"], "[1] changes x"),
        (["x = []", "x.weight = 1"], "[1] changes x"),
        (["x = []", "y = x\ny[0] = 1"], "[1] changes x"),
        (["x = []", "y = x.data\ny += 1"], "[1] changes x"),
        (["x = []", "y, z = x, 1\ny += 1"], "[1] changes x"),
        (["x = []", "n = x.shape[0]\nn += 1"], None),
        (["x = []", "y = x.copy()\ny += 1"], None),
        (["x = []", "for row in x:\n    row[0] = 1"], "[1] changes x"),
        *[(["x = []", f"x.{name}(1)"], "[1] changes x") for name in sorted(MUTATING)],
        (["x = []", "x.history.append(1)"], "[1] changes x"),
        (["x = []", "x.zero_()"], "[1] changes x"),
        (["x = []", "x = []\nx.append(1)"], None),
        (["import numpy as np\nx = []", "y = np.sort(x)\nz = np.insert(x, 0, 1)"], None),
        (["import numpy as np\nx = []", "np.add(1, 2, out=x)"], "[1] changes x"),
        (["import numpy as np\nx = []", "np.fill_diagonal(x, 1)"], "[1] changes x"),
        (["x = 1", "def f():\n    return x\n\n\nx = f()"], "[1] changes x"),
        (["x = 1\n\n\ndef f():\n    return x", "x = f()"], "[1] changes x"),
        (["x = 1\n\n\ndef f():\n    return x", "x = 2\nx = f()"], None),
        (["def f(x):\n    x = x + 1\n    return x", "x = f(1)"], None),
        (["def f():\n    return g()\n\n\ndef g():\n    return x", "x = 1", "x = f()"], "[2] changes x"),
        (["x = []", "def f():\n    x.append(1)\n\n\nf()"], "[1] changes x"),
        (["x = []", "def f():\n    x.append(1)"], None),
        (["x = 1", "def f():\n    global x\n    x = 2\n\n\nf()"], "[1] changes x"),
        (["x = []", "def f():\n    def g():\n        x.append(1)\n    g()\n\n\nf()"], "[1] changes x"),
        (["x = []", "class A:\n    def f(self):\n        x.append(1)\n\n\nA().f()"], "[1] changes x"),
        (["rng = np.random.default_rng(0)", "x = rng.normal()"], "[1] draws from rng"),
        (["rng = np.random.default_rng(0)", "x = [rng.normal() for k in range(3)]"], "[1] draws from rng"),
        (["dice = np.random.default_rng(0)", "x = dice.normal()"], "[1] draws from dice"),
        (["dice = np.random.default_rng(0)", "x = simulate(dice)"], "[1] draws from dice"),
        (["dice = torch.Generator()", "x = torch.randn(3, generator=dice)"], "[1] draws from dice"),
        (["rng = np.random.default_rng(0)\nx = rng.normal()"], None),
        (["def f(rng):\n    return rng.normal()", "rng = np.random.default_rng(0)\nx = f(rng)"], None),
        (["rng = np.random.default_rng(0)", "def f():\n    return rng.normal()", "f()"], "[2] draws from rng"),
        (["x = torch.randn(3)"], "[0] draws from torch's own generator"),
        (["torch.manual_seed(0)\nx = torch.randn(3)"], None),
    ],
)
def test_the_audit_of_reruns_itself(cells, problem):
    found = audit_rerun(make(*cells))
    assert found == [] if problem is None else any(problem in line for line in found), found
