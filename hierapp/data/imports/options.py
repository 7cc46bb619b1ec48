"""What a user may choose of an import, and what an import may take."""

from __future__ import annotations

from dataclasses import dataclass

from hierapp.errors import DatasetError

MOST_CLASSES = 1_000  # every epoch keeps a matrix of classes by classes
MOST_FILES = 500_000
MOST_PIXELS = 50_000_000  # of one picture: some 150 MB while it is read
MOST_BYTES = 8 * 10**9  # of all pictures together, at three bytes a pixel
TINY = 10  # training pictures, below which a class is called tiny
SIDES = (8, 256)
DRAW_SEED = 20240229  # of the test part, the same for everyone


@dataclass(frozen=True)
class Options:
    """How pictures become a data set.

    Attributes:
        side: height and width in pixels that every picture gets.
        test_share: the test part's share where the source has no test folder.
        utkface: whether classes are ages in file names, as UTKFace has them, and not folders.
        bin: years that make one class of ages.

    Raises:
        DatasetError: if a value is out of range.
    """

    side: int = 32
    test_share: float = 0.2
    utkface: bool = False
    bin: int = 10

    def __post_init__(self) -> None:
        if not SIDES[0] <= self.side <= SIDES[1]:
            raise DatasetError(f"The side is {self.side} pixels; take one from {SIDES[0]} to {SIDES[1]}.")
        if not 0 < self.test_share <= 0.5:
            raise DatasetError(f"The test part's share is {self.test_share:g}; take one above 0, at most 0.5.")
        if not 1 <= self.bin <= 50:
            raise DatasetError(f"A class of ages has {self.bin} years; take 1 to 50.")
