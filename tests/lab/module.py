"""The ES module of the lab in the Node.js that comes with Playwright."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hierapp.lab.browser import FOLDER


def node() -> str:
    """Return the path of Node.js, or skip the test."""
    if found := shutil.which("node"):
        return found
    driver = Path(pytest.importorskip("playwright").__file__).parent / "driver"
    found = next((str(file) for file in (driver / "node", driver / "node.exe") if file.is_file()), None)
    return found or pytest.skip("there is no Node.js to run the module")


def run(script: str, given: Any) -> Any:
    """Return what a script prints; `given` is its variable of that name, and it may import from the module."""
    source = f"""
        import {{ readFileSync }} from "node:fs";
        const given = JSON.parse(readFileSync(0, "utf8"));
        {script.replace('from "./', f'from "{FOLDER.as_uri()}/')}
        process.stdout.write(JSON.stringify(result, (_, each) =>
            typeof each === "number" && !Number.isFinite(each) ? String(each) : each));
    """
    command = [node(), "--input-type=module", "--eval", source]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stderr, file=sys.stderr)
    return json.loads(done.stdout)
