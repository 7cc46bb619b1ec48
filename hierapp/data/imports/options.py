"""The options of an import and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from hierapp.errors import DatasetError

MOST_CLASSES = 20_000  # a run stores the probabilities of every class for every test row
MOST_MAP_CLASSES = 1_000  # of label maps: pairs of classes are counted in a matrix, over all pixels
MOST_FILES = 500_000
MOST_PIXELS = 50_000_000  # per picture; about 150 MB while it is read
MOST_BYTES = 8 * 10**9  # for all pictures, at three bytes per pixel, or all features
TINY = 10  # a class with fewer training pictures is reported as tiny
SIDES = (8, 256)
HEIGHTS = (8, 1024)  # of pictures with label maps
MOST_BINS = 200
DRAW_SEED = 20240229  # for the test part, the same on every machine


@dataclass(frozen=True)
class Options:
    """How pictures or rows become a data set.

    Attributes:
        side: height and width of every picture, in pixels.
        test_share: share of the test part if the source has none.
        utkface: whether the classes are ages in file names, as in UTKFace, instead of folders.
        bin: width of an age class in years.
        label, part, text: names of the columns or arrays of labels, parts and shown texts of a data set of features;
            empty to choose them by the usual names.
        embed: whether the texts of a table become its features, although there are columns of numbers.
        ordinal: whether the labels of rows are numbers whose order has a meaning.
        bins: number of ordered classes of about equal size into which such numbers are cut; 0 for a class each.
        tree: name or file of a tree over the classes of rows; labels that are its inner nodes are coarse labels.
        height: height of pictures with label maps, in pixels, whose aspect ratio is kept; 0 for that of most pictures,
            at most 256.

    Raises:
        DatasetError: if a value is out of range.
    """

    side: int = 32
    test_share: float = 0.2
    utkface: bool = False
    bin: int = 10
    label: str = ""
    part: str = ""
    text: str = ""
    embed: bool = False
    ordinal: bool = False
    bins: int = 0
    tree: str = ""
    height: int = 0

    def __post_init__(self) -> None:
        if not SIDES[0] <= self.side <= SIDES[1]:
            raise DatasetError(f"Expected a side from {SIDES[0]} to {SIDES[1]} pixels but got {self.side}.")
        if not 0 < self.test_share <= 0.5:
            raise DatasetError(f"Expected a share of test images above 0 and at most 0.5 but got {self.test_share:g}.")
        if not 1 <= self.bin <= 50:
            raise DatasetError(f"Expected 1 to 50 years per class but got {self.bin}.")
        if self.bins and not 2 <= self.bins <= MOST_BINS:
            raise DatasetError(f"Expected 2 to {MOST_BINS} bins, or 0 for none, but got {self.bins}.")
        if self.height and not HEIGHTS[0] <= self.height <= HEIGHTS[1]:
            raise DatasetError(
                f"Expected a height from {HEIGHTS[0]} to {HEIGHTS[1]} pixels, or 0 for that of most pictures, but got"
                f" {self.height}."
            )
