"""What `make bench` measured, kept in data/results/bench.csv with the day, the versions and the machine."""

import csv
import datetime
import os
import platform
from pathlib import Path

import numpy

FILE = Path(__file__).parents[2] / "data" / "results" / "bench.csv"
HEAD = ("part", "what", "value", "unit", "day", "python", "numpy", "machine")


def record(part, measured):
    """Put rows (what, value, unit) of a part in the place of the last ones of the same."""
    rows, new = [], {what for what, _, _ in measured}
    if FILE.exists():
        with open(FILE, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[0] != HEAD[0] and not (row[0] == part and row[1] in new)]
    day, machine = datetime.date.today().isoformat(), f"{platform.machine()}, {os.cpu_count()} cores"
    told = day, platform.python_version(), numpy.__version__, machine
    rows += [[part, what, f"{value:.3g}", unit, *told] for what, value, unit in measured]
    with open(FILE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *sorted(rows)])
