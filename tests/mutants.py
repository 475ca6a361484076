"""Which slips in a module would its tests let live?

    .venv/bin/python tests/mutants.py helpers/checks.py tests/test_checks.py
    .venv/bin/python tests/mutants.py helpers/checks.py tests/test_checks.py --list

The first command changes one operator, comparison, boolean, factor, sign or aggregate of the module at a time, in a
copy of its package, runs the tests on each copy, two at a time, and prints those that pass although the module is
wrong. The second prints all the changes and runs nothing. The module itself is never touched. A survivor is a test
that is missing, or a change that changes nothing.
"""

import argparse
import ast
import contextlib
import copy
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# The neighbour, which differs on the edge only, and the opposite.
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
PAIRS = [("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"), ("mean", "sum"), ("all", "any")]
AGGREGATES = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])}
NUMBERS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)


def variants(node):
    """The wrong nodes that may stand in the place of this one."""

    def changed(**fields):
        other = copy.copy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield changed(op=OPERATORS[type(node.op)]())
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub | ast.BitAnd | ast.BitOr):
        yield changed(right=ast.UnaryOp(ast.USub(), node.right))
    if isinstance(node, ast.Return) and isinstance(node.value, NUMBERS):
        yield changed(value=ast.UnaryOp(ast.USub(), node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield changed(ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    if isinstance(node, ast.BoolOp):
        yield changed(op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield changed(value=not node.value)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield changed(value=2 * node.value)
        yield changed(value=node.value + 1)
    if isinstance(node, ast.Attribute) and node.attr in AGGREGATES:
        yield changed(attr=AGGREGATES[node.attr])
    if isinstance(node, ast.Name) and node.id in AGGREGATES:
        yield changed(id=AGGREGATES[node.id])


def mutants(source):
    """(line, what it was, what it is now, text of the wrong module) for every change; annotations are left alone."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    found = []
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            places = value if isinstance(value, list) else [value]
            if field in ("annotation", "returns"):
                continue
            for i, node in enumerate(places):
                for other in variants(node):
                    shown = parent if isinstance(parent, ast.expr) and not isinstance(parent, ast.JoinedStr) else node
                    before = ast.unparse(shown)
                    setattr(parent, field, [*places[:i], other, *places[i + 1 :]] if places is value else other)
                    text = ast.unparse(tree)
                    if text not in seen:
                        after = ast.unparse(other if shown is node else shown)
                        found.append((node.lineno, before, after, text))
                    seen.add(text)
                    setattr(parent, field, value)
    return sorted(found, key=lambda mutant: mutant[0])


def tests_pass(folder, module, text, test, seconds):
    """Whether the tests pass, in time, on this text of the module, written into the copy of its package in `folder`."""
    (folder / module).write_text(text, encoding="utf-8")
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--noconftest", "-o", "addopts="]
    # The lecture's folder would come first in the path if its conftest.py were loaded; compiled files would outlive
    # the text that they came from, as two texts can be of one size and one second.
    settings = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    settings |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-m", "pytest", str(test), *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=os.environ | settings, start_new_session=True, **quiet) as running:
        try:
            return running.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # the workers that a test has started outlive it


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("module", help="the module to change, such as helpers/checks.py")
    parser.add_argument("test", help="the file of its tests, such as tests/test_checks.py")
    parser.add_argument("--list", action="store_true", help="only list the changes")
    arguments = parser.parse_args()
    module, test = (Path(name).resolve().relative_to(ROOT) for name in (arguments.module, arguments.test))
    source = (ROOT / module).read_text(encoding="utf-8")
    found = mutants(source)
    if arguments.list:
        for line, before, after, _ in found:
            print(f"{module}:{line}: {before}  ->  {after}")
        print(f"{len(found)} mutants")
        return
    survivors = 0
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        free = queue.Queue()
        for name in ("left", "right"):
            folder = Path(temporary, name)
            shutil.copytree(
                ROOT / module.parts[0], folder / module.parts[0], ignore=shutil.ignore_patterns("__pycache__")
            )
            shutil.copytree(ROOT / "notebooks", folder / "notebooks")  # a link would lead back to the project
            for other in ROOT.iterdir():  # what else the tests may read: data, requirements
                if not (folder / other.name).exists() and not other.name.startswith("."):
                    (folder / other.name).symlink_to(other)
            free.put(folder)

        def survives(text, seconds=600):
            folder = free.get()
            try:
                return tests_pass(folder, module, text, ROOT / test, seconds)
            finally:
                free.put(folder)

        began = time.monotonic()
        if not survives(ast.unparse(ast.parse(source))):
            sys.exit(f"{test} fails on {module} as it is")
        patience = 30 + 3 * (time.monotonic() - began)
        if survives("raise ImportError"):
            sys.exit(f"{test} does not import the copy of {module}")
        told = pool.map(lambda mutant: survives(mutant[-1], patience), found)
        for (line, before, after, _), alive in zip(found, told, strict=True):
            if alive:
                print(f"{module}:{line}: {before}  ->  {after}", flush=True)
            survivors += alive
    print(f"{survivors} of {len(found)} mutants survive")


if __name__ == "__main__":
    main()
