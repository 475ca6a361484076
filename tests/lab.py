"""A JupyterLab of our own and a browser in it, for the browser test and the slider benchmark."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser_path():
    """The path of a Chromium on this machine, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def need_browser():
    """Skip a test, or a module, where there is no Chromium; fail if REQUIRE_BROWSER is set."""
    if browser_path() is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set and there is no Chromium on this machine", pytrace=False)
        pytest.skip("no Chromium on this machine; install Debian's package chromium for it", allow_module_level=True)


@contextmanager
def lab_page(folder, *names):
    """Serve copies of the named lectures from `folder` and yield an open browser page and the server's address."""
    folder = Path(folder)
    (folder / "notebooks").mkdir()
    for name in names:
        shutil.copy(NOTEBOOKS / name, folder / "notebooks")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    private = {
        "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
        "IPYTHONDIR": folder / "ipython",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    with open(folder / "lab.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=os.environ | private, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server, folder / "lab.log")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=browser_path(),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
            )
            page = browser.new_page(viewport={"width": 1300, "height": 900})
            page.set_default_timeout(60_000)
            yield page, address
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


def open_notebook(page, address, name):
    """Open a lecture and wait until its cells are there."""
    workspace = name.removesuffix(".ipynb")  # of its own, so that no tab of another lecture is restored
    page.goto(f"{address}/lab/workspaces/{workspace}/tree/notebooks/{name}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    # Cells that run before the kernel answers are cleared without having run.
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )


def run_all(page):
    """Run all cells, return when the last one has run, and raise when an output is an error or on stderr."""
    page.evaluate(
        """() => {
            window.allCellsRan = false
            window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.allCellsRan = true })
        }"""
    )
    page.wait_for_function("() => window.allCellsRan", timeout=240_000)
    errors = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")
    if errors.count():
        raise AssertionError(f"a cell complained: {errors.first.inner_text()}")


def _wait_for(address, server, log):
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab stopped at once:\n{log.read_text(encoding='utf-8')}")
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not answer within a minute:\n{log.read_text(encoding='utf-8')}")
