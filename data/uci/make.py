"""Bundles the papers' own data sets as small npz files: python data/uci/make.py FOLDER.

FOLDER holds the originals, as they come from the UCI repository: diabetic_data.csv, winequality-white.csv,
Skin_NonSkin.txt and CASP.csv, each as it is or within NAME.zip. Each is held to its sha256 first.
Columns are stored as codes, one after the other, which makes them small; numbers of patients and of visits are dropped.
The same bytes come out each time. Origin, licence and authors: data/README.md.
"""

import csv
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
HOSPITAL = "diabetic_data.csv"
HOSPITAL_SHA256 = "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"
# The columns that Koh & Liang use, in their order.
NUMBERS = (
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
)
CATEGORIES = ("gender", "race", "age", "discharge_disposition_id", "max_glu_serum", "A1Cresult")
# Name of the bundle: original, its sha256, what separates columns, lines before the numbers.
TABLES = {
    "wine": (
        "winequality-white.csv",
        "76c3f809815c17c07212622f776311faeb31e87610d52c26d87d6e361b169836",
        ";",
        1,
    ),
    "skin": ("Skin_NonSkin.txt", "008f1fb6a169498dec54fb5951be6478e5465942cc4f6df3b5dabbe484c9a98f", None, 0),
    "protein": ("CASP.csv", "b36f6442f1b9b78da962eaa828f7b856a581c646b3ff748dd3301e1267f9f26e", ",", 1),
}
FIRST_DRUG, LAST_DRUG, AFTER_THE_DRUGS = "metformin", "metformin-pioglitazone", ("change", "diabetesMed")


def original(folder, name, sha256):
    """The bytes of an original file, or ValueError that names it."""
    packed = Path(folder) / f"{name}.zip"
    raw = zipfile.ZipFile(packed).read(name) if packed.exists() else (Path(folder) / name).read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise ValueError(f"{name}: got {len(raw)} bytes with sha256 {found}; want {sha256}")
    return raw


def hospital(folder):
    """Codes (40, patients) of the columns, uint8, and for each column the values that its codes stand for."""
    rows = csv.reader(io.StringIO(original(folder, HOSPITAL, HOSPITAL_SHA256).decode("utf-8")))
    header = next(rows)
    table = dict(zip(header, zip(*rows, strict=True), strict=True))
    drugs = header[header.index(FIRST_DRUG) : header.index(LAST_DRUG) + 1]
    names = (*NUMBERS, *CATEGORIES, *drugs, *AFTER_THE_DRUGS, "readmitted")
    codes, values = [], {}
    for name in names:
        column = np.array(table[name])
        if name in NUMBERS or name == "discharge_disposition_id":
            column = column.astype(np.int64)
        values[name], code = np.unique(column, return_inverse=True)
        codes.append(code.astype(np.uint8))
    np.savez_compressed(HERE / "hospital.npz", codes=np.array(codes), names=np.array(names), **values)


def table(folder, bundle):
    """Codes (columns, rows) of a table of numbers, uint16, and for each column the values that its codes stand for."""
    name, sha256, separator, header = TABLES[bundle]
    raw = original(folder, name, sha256)
    columns = np.loadtxt(io.StringIO(raw.decode("ascii")), delimiter=separator, skiprows=header, unpack=True)
    pairs = [np.unique(column, return_inverse=True) for column in columns]
    values = {f"values_{k}": found for k, (found, _) in enumerate(pairs)}
    np.savez_compressed(HERE / f"{bundle}.npz", codes=np.array([codes for _, codes in pairs], np.uint16), **values)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER, which holds the originals")
    for bundle in TABLES:
        table(sys.argv[1], bundle)
    hospital(sys.argv[1])
