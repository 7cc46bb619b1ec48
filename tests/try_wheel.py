"""What a user of the wheel does first; run by tests/wheel.sh in a fresh environment, in a folder without a checkout."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path


def library() -> None:
    """Losses, decoders and metrics with the core dependencies only."""
    import torch

    from hierapp import LabelTree, make_loss
    from hierapp.decoding import decode
    from hierapp.metrics import confusion_matrix, report
    from hierapp.trees import library as trees

    tree = LabelTree.from_paths([("animal", "cat"), ("animal", "dog"), ("vehicle", "truck"), ("vehicle", "ship")])
    loss = make_loss("hierarchical", tree)
    model = torch.nn.Linear(8, loss.num_outputs)
    target = torch.arange(64) % 4
    loss(model(torch.randn(64, 8)), target).backward()
    predicted = decode(loss.leaf_log_probs(model(torch.randn(64, 8))).detach(), tree, "min-risk")
    counts = confusion_matrix([tree.leaves.index(tree.nodes[node]) for node in predicted], target, 4)
    assert report(counts, tree)["samples"] == 64
    assert len(trees.load("cifar100").leaves) == 100


def app(home: Path) -> None:
    """A run by the command line, and the app's first page."""
    program = Path(sys.executable).parent / "hierapp"
    environment = {**os.environ, "HIERAPP_HOME": str(home), "HIERAPP_DATA": str(home / "data")}
    run = [str(program), "run", "--data", "digits", "--loss", "hierarchical", "--epochs", "1", "--json"]
    said = subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(said)[0]["state"] == "finished", said
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([str(program), "app", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        page = answer(f"http://localhost:{port}/", server)
        assert '<div id="root">' in page, page[:200]
    finally:
        server.terminate()
        server.wait(30)


def answer(url: str, server: subprocess.Popen[bytes]) -> str:
    """The answer of a server that may still be starting."""
    for _ in range(600):
        assert server.poll() is None, "the app ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read(), "utf-8")
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


def main() -> None:
    import hierapp

    with_app = sys.argv[1:] == ["[app]"]
    assert (Path(hierapp.__file__).parent / "_app").is_dir(), "this is a checkout"
    assert (importlib.util.find_spec("streamlit") is not None) == with_app
    library()
    if with_app:
        with tempfile.TemporaryDirectory() as home:
            app(Path(home))
    part = "library and app" if with_app else "library"
    print(f"Python {platform.python_version()}, torch {importlib.metadata.version('torch')}: {part} work", flush=True)


if __name__ == "__main__":
    main()
