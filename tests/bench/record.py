"""What `make bench` measured, kept in data/results/bench.csv with the day, the versions and the machine.

`python tests/bench/record.py` prints it as the table of the README, which a test compares with the file.
"""

import csv
import datetime
import os
import platform
from importlib import metadata
from pathlib import Path

FILE = Path(__file__).parents[2] / "data" / "results" / "bench.csv"
HEAD = ("part", "what", "value", "unit", "day", "versions", "machine")


def record(part, measured, libraries):
    """Put rows (what, value, unit) of a part in the place of the last of the same, with versions of libraries."""
    rows, new = [], {what for what, _, _ in measured}
    if FILE.exists():
        with open(FILE, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[0] != HEAD[0] and not (row[0] == part and row[1] in new)]
    day, machine = datetime.date.today().isoformat(), f"{platform.machine()}, {os.cpu_count()} cores"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", *libraries))
    told = day, f"Python {platform.python_version()}, {versions}", machine
    rows += [[part, what, f"{value:.3g}", unit, *told] for what, value, unit in measured]
    with open(FILE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *sorted(rows)])


def table():
    """All that was measured, as a table in Markdown, and below it when and with what."""
    with open(FILE, newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    lines = ["| what | measured |", "|---|---|", *(f"| {what} | {value} {unit} |" for _, what, value, unit, *_ in rows)]
    told = dict.fromkeys(f"{part}: {day}, {versions} ({machine})" for part, *_, day, versions, machine in rows)
    return "\n".join([*lines, "", *(f"- {line}" for line in told)])


if __name__ == "__main__":
    print(table())
