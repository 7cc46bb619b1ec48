"""Data sets: the catalogue, downloading and reading; `imports` is for the user's own data sets."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.data.dataset import Dataset
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"dataset": ["Dataset"]})

__all__ = ["Dataset", "contact_sheet", "dataset", "download", "image_set", "images", "registry"]
