"""`python -m helpers.refresh NOTEBOOK...`: execute notebooks and store them so that a second run leaves no diff.

Kept are the outputs that a reader of the file sees. Dropped is what differs from run to run or needs a live kernel:
widget views and their state, timings, and the versions of the machine. The picture of a cell tagged `readme` is also
written to `pictures/`, where the README shows it.
"""

import base64
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LIVE_VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS_A_CELL = 120


def refresh(path):
    """Execute one notebook in its own folder and overwrite it. Raises on an error in a cell and on output to stderr."""
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    nbformat.write(strip(notebook), path)
    for picture in readme_pictures(notebook):
        target = path.parent / "pictures" / f"{path.stem}.png"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(picture)


def readme_pictures(notebook):
    """The PNG bytes of the cells tagged `readme`."""
    cells = [cell for cell in notebook.cells if "readme" in cell.metadata.get("tags", [])]
    outputs = [output for cell in cells for output in cell.outputs]
    return [base64.b64decode(output.data["image/png"]) for output in outputs if "image/png" in output.get("data", {})]


def strip(notebook):
    """Drop from an executed notebook what another run would change. Raises ValueError when a cell wrote to stderr."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags", "jupyter")})
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(
                    f"cell {cell.id}: got output on stderr, {output.text!r}; want none in a stored notebook"
                )
            if "data" in output:
                output.data.pop(LIVE_VIEW, None)
                # The alternative text of a picture; sizes and the like are the front end's.
                words = {k: {"alt": v["alt"]} for k, v in output.metadata.items() if "alt" in v}
                output.metadata = nbformat.from_dict(words)
    return notebook


if __name__ == "__main__":
    # One thread sums in one order, so pictures come out the same on every run; kernels inherit the environment.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    for name in sys.argv[1:]:
        print(f"refreshing {name}", flush=True)
        refresh(name)
