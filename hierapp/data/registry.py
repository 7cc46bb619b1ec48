"""Data sets by name, shipped and imported, each as an ImageSet of tensors.

To ship another data set, add an entry to DATASETS and, for a new file format, a function to `hierapp.data.readers`.
Only `load` needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from hierapp import paths
from hierapp.data import content
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.data.dataset import Arrays, Dataset, File, Part, how_to_fix, how_to_get, size_on_disk
from hierapp.data.image_set import ImageSet, split
from hierapp.data.imports import store as import_store
from hierapp.data.label_maps import pixel_counts
from hierapp.data.readers import read_abalone, read_cifar, read_cifar_coarse, read_digits, read_idx, read_npz
from hierapp.errors import DatasetError

__all__ = [
    "DATASETS",
    "Dataset",
    "ImageSet",
    "Part",
    "RowNumbers",
    "Status",
    "arrays",
    "best_ready",
    "catalogue",
    "class_counts",
    "content_hashes",
    "find",
    "has_images",
    "images",
    "load",
    "split",
    "status",
    "texts",
]


@dataclass(frozen=True)
class Status:
    """Whether a data set can be loaded, with a one-sentence explanation."""

    state: Literal["ready", "absent", "broken"]
    detail: str


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_CIFAR100_COARSE = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""
_NEWSGROUPS = """
    alt.atheism comp.graphics comp.os.ms-windows.misc comp.sys.ibm.pc.hardware comp.sys.mac.hardware comp.windows.x
    misc.forsale rec.autos rec.motorcycles rec.sport.baseball rec.sport.hockey sci.crypt sci.electronics sci.med
    sci.space soc.religion.christian talk.politics.guns talk.politics.mideast talk.politics.misc talk.religion.misc
"""
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_KRIZHEVSKY = "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, technical report."

_CIFAR100_FILES = (
    File("cifar-100-python/train", 155_249_918, "16019d7e3df5f24257cddd939b257f8d", "train"),
    File("cifar-100-python/test", 31_049_707, "f0ef6b0ae62326f3e7ffdfab6717acfc", "test"),
    File("cifar-100-python/meta", 1_473, "7973b15100ade9c7d40fb424638fde48"),
)
_CIFAR100_ARCHIVES = (File("cifar-100-python.tar.gz", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"),)

DATASETS: dict[str, Dataset] = {
    "digits": Dataset(
        name="digits",
        title="Digits",
        class_names=tuple("0123456789"),
        image_shape=(8, 8, 1),
        train_size=1_438,
        test_size=359,
        default_tree="digits",
        source="Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; comes with scikit-learn.",
        read=read_digits,
    ),
    "fashion-mnist": Dataset(
        name="fashion-mnist",
        title="Fashion-MNIST",
        class_names=_FASHION,
        image_shape=(28, 28, 1),
        train_size=60_000,
        test_size=10_000,
        default_tree="fashion-mnist",
        source="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747, Zalando Research.",
        read=read_idx,
        files=(
            File("FashionMNIST/raw/train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a", "train"),
            File("FashionMNIST/raw/train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9", "train"),
            File("FashionMNIST/raw/t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a", "test"),
            File("FashionMNIST/raw/t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965", "test"),
        ),
        archives=(
            File("FashionMNIST/raw/train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            File("FashionMNIST/raw/train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            File("FashionMNIST/raw/t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            File("FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        torchvision_class="FashionMNIST",
        debian_package="dataset-fashion-mnist",
        debian_folder="/usr/share/datasets/fashion-mnist",
    ),
    "cifar10": Dataset(
        name="cifar10",
        title="CIFAR-10",
        class_names=tuple(_CIFAR10.split()),
        image_shape=(32, 32, 3),
        train_size=50_000,
        test_size=10_000,
        default_tree="cifar10",
        source=_KRIZHEVSKY,
        read=read_cifar,
        files=(
            File("cifar-10-batches-py/data_batch_1", 31_035_704, "c99cafc152244af753f735de768cd75f", "train"),
            File("cifar-10-batches-py/data_batch_2", 31_035_320, "d4bba439e000b95fd0a9bffe97cbabec", "train"),
            File("cifar-10-batches-py/data_batch_3", 31_035_999, "54ebc095f3ab1f0389bbae665268c751", "train"),
            File("cifar-10-batches-py/data_batch_4", 31_035_696, "634d18415352ddfa80567beed471001a", "train"),
            File("cifar-10-batches-py/data_batch_5", 31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb", "train"),
            File("cifar-10-batches-py/test_batch", 31_035_526, "40351d587109b95175f43aff81a1287e", "test"),
            File("cifar-10-batches-py/batches.meta", 158, "5ff9c542aee3614f3951f8cda6e48888"),
        ),
        archives=(File("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a"),),
        torchvision_class="CIFAR10",
    ),
    "cifar100": Dataset(
        name="cifar100",
        title="CIFAR-100",
        class_names=tuple(_CIFAR100.split()),
        image_shape=(32, 32, 3),
        train_size=50_000,
        test_size=10_000,
        default_tree="cifar100",
        source=_KRIZHEVSKY,
        read=read_cifar,
        files=_CIFAR100_FILES,
        archives=_CIFAR100_ARCHIVES,
        torchvision_class="CIFAR100",
    ),
    "cifar100-coarse": Dataset(
        name="cifar100-coarse",
        title="CIFAR-100, 20 superclasses",
        class_names=tuple(_CIFAR100_COARSE.split()),
        image_shape=(32, 32, 3),
        train_size=50_000,
        test_size=10_000,
        default_tree="cifar100-coarse",
        source=_KRIZHEVSKY,
        read=read_cifar_coarse,
        files=_CIFAR100_FILES,
        archives=_CIFAR100_ARCHIVES,
        torchvision_class="CIFAR100",
    ),
    "20newsgroups": Dataset(
        name="20newsgroups",
        title="20 Newsgroups",
        class_names=tuple(_NEWSGROUPS.split()),
        image_shape=(0, 0, 0),
        train_size=11_314,
        test_size=7_532,
        default_tree="20newsgroups",
        source="Lang (1995), NewsWeeder, ICML; texts without headers, quotes and signatures, embedded by"
        " all-MiniLM-L6-v2.",
        read=read_npz,
        files=(File("20newsgroups/20newsgroups-minilm.npz", 13_328_895, "3404572ce2cd6252fd849b4be2d3a1e0"),),
        by_hand="put the file 20newsgroups-minilm.npz into the folder 20newsgroups of the data folder, or embed the"
        " texts yourself and run `python -m hierapp data import FILE --tree 20newsgroups`",
        features=384,
    ),
    "abalone": Dataset(
        name="abalone",
        title="Abalone",
        class_names=tuple(map(str, (*range(1, 28), 29))),
        image_shape=(0, 0, 0),
        train_size=3_342,
        test_size=835,
        default_tree="abalone",
        source="Nash et al. (1994), The Population Biology of Abalone, UCI, CC BY 4.0; the age in"
        " years is 1.5 more than the rings.",
        read=read_abalone,
        files=(File("abalone/abalone.data", 191_873, "a769fd0119787cac09158fe08971e480"),),
        archives=(File("abalone.data", 191_873, "a769fd0119787cac09158fe08971e480"),),
        url="https://archive.ics.uci.edu/ml/machine-learning-databases/abalone/abalone.data",
        ordinal=True,
        features=10,
    ),
}

# At start the app selects the first of these that is ready.
BEST_FIRST = ("cifar10", "cifar100", "cifar100-coarse", "fashion-mnist", "digits", "20newsgroups", "abalone")


def catalogue(folder: Path | str | None = None) -> dict[str, Dataset]:
    """Return all data sets by name: the shipped ones in the order of DATASETS, then the user's own by name.

    Args:
        folder: the data folder; by default paths.data_folder().
    """
    return {**DATASETS, **_own(folder)}


def find(name: str, folder: Path | str | None = None) -> Dataset:
    """Return the catalogue entry; an unknown name raises a DatasetError that lists the names."""
    if name in DATASETS:
        return DATASETS[name]
    own = _own(folder)
    if name not in own:
        raise DatasetError(f"Unknown data set {name!r}; choose one of {', '.join([*DATASETS, *own])}.")
    return own[name]


def status(name: str, folder: Path | str | None = None) -> Status:
    """Check whether a data set can be loaded, from the presence and size of its files; fast, for use on every page.

    Args:
        name: a key of the catalogue.
        folder: the data folder; by default paths.data_folder().
    """
    dataset = find(name, folder)
    places = dataset.places(_data_folder(folder))
    if not places:
        return Status("ready", "Included in scikit-learn.")
    sizes = {file: size_on_disk(file, path) for file, path in places.items()}
    if all(size is None for size in sizes.values()) and not dataset.own:
        return Status(
            "absent", f"{dataset.title} is not on this machine; to get it, {dataset.by_hand or how_to_get(name)}."
        )
    for file, size in sizes.items():
        if size != file.size:
            fault = "is missing" if size is None else f"has {size:,} bytes instead of {file.size:,}"
            fix = how_to_fix(dataset) if dataset.own else f"download it again: {how_to_get(name)}"
            return Status("broken", f"{dataset.title} is broken: {places[file]} {fault}; {fix}.")
    return Status("ready", f"Ready in {next(iter(places.values())).parent}.")


def best_ready(folder: Path | str | None = None) -> str:
    """Return the name of the best data set that is ready; the digits always are."""
    return next(name for name in BEST_FIRST if status(name, folder).state == "ready")


def arrays(name: str, part: Part, folder: Path | str | None = None) -> Arrays:
    """Read one part of a data set without torch, the data behind `load`; the other part's files are not opened.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().

    Returns:
        (inputs, labels): images uint8 [n, H, W, C], contiguous, or features float16 or float32 [n, F]; and int64 [n],
        positions in the data set's label_names, or label maps of these [n, H, W], see `hierapp.data.label_maps`.

    Raises:
        DatasetError: if the data set is unknown or missing, or a file of the part is damaged; says how to repair it.
    """
    dataset = find(name, folder)
    if part not in ("train", "test"):
        raise DatasetError(f"Unknown part {part!r} of the data set {name!r}; choose train or test.")
    root = _data_folder(folder)
    now = status(name, root)
    if now.state == "absent":
        raise DatasetError(now.detail)
    inputs, labels = dataset.read(dataset, part, root)
    expected = dataset.train_size if part == "train" else dataset.test_size
    if len(inputs) != expected or len(labels) != expected:
        raise DatasetError(
            f"The {part} part of {name!r} has {len(inputs)} {dataset.noun} and {len(labels)} labels instead of"
            f" {expected}; {'' if dataset.own else 'download it again: '}{how_to_fix(dataset)}."
        )
    return inputs, labels


def has_images(name: str, folder: Path | str | None = None) -> bool:
    """Return whether there are images to show: the data set's own, or those from which its features were extracted."""
    dataset = find(name, folder)
    if dataset.kind == "images" or dataset.pictures is None:
        return dataset.kind == "images"
    source, content_then = dataset.pictures
    known = catalogue(folder)
    if source not in known or known[source].kind != "images" or status(source, folder).state != "ready":
        return False
    return content_hashes(source, folder) == content_then


def images(name: str, part: Part, folder: Path | str | None = None) -> NDArray[np.uint8]:
    """Read the images of a part to show them, row by row, if the data set `has_images`: uint8 [n, H, W, C].

    Raises:
        DatasetError: see `arrays`; or if there are no images.
    """
    dataset = find(name, folder)
    if dataset.kind == "images":
        return arrays(name, part, folder)[0]
    if dataset.pictures is None or not has_images(name, folder):
        raise DatasetError(f"There are no images of the rows of {name!r}; its texts or numbers are shown.")
    return arrays(dataset.pictures[0], part, folder)[0]


def texts(name: str, part: Part, folder: Path | str | None = None) -> Sequence[str]:
    """Return what is shown for the rows of a data set without images: their texts, or their numbers.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().
    """
    dataset = find(name, folder)
    found = () if dataset.texts is None else dataset.texts(dataset, part, _data_folder(folder))
    size = dataset.train_size if part == "train" else dataset.test_size
    return found if len(found) == size else RowNumbers(size, part)


class RowNumbers(Sequence[str]):
    """The names of rows that have no text: their part and number."""

    def __init__(self, size: int, part: Part) -> None:
        self.size, self.part = size, part

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [f"{self.part} row {each}" for each in range(self.size)[place]]
        return f"{self.part} row {range(self.size)[place]}"


def class_counts(name: str, folder: Path | str | None = None) -> dict[Part, NDArray[np.int64]]:
    """Count the images or rows of each class in each part: [L] in the order of the data set's class_names; those with
    coarse labels are not counted; of label maps the pixels are. Reads both parts.

    Raises:
        DatasetError: see `arrays`.
    """
    size = len(find(name, folder).class_names)
    parts: tuple[Part, Part] = ("train", "test")
    if find(name, folder).kind == "segmentation":
        return {part: pixel_counts(arrays(name, part, folder)[1], size) for part in parts}
    return {part: np.bincount(arrays(name, part, folder)[1], minlength=size)[:size] for part in parts}


def content_hashes(name: str, folder: Path | str | None = None) -> ContentHashes:
    """Return the content hash of each part of a data set, without reading it where a hash is stored.

    Args:
        name: a name, which need not be in the catalogue.
        folder: the data folder; by default paths.data_folder().

    Returns:
        None for a part that cannot be read.
    """
    dataset = catalogue(folder).get(name)
    if dataset is None:
        return UNKNOWN
    return ContentHashes(*(_content_hash(dataset, part, folder) for part in import_store.PARTS))


def load(name: str, part: Part, folder: Path | str | None = None) -> ImageSet:
    """Load one part of a data set; the other part's files are not opened.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the data set is unknown or missing, or a file of the part is damaged; says how to repair it.
    """
    import torch

    inputs, labels = arrays(name, part, folder)
    dataset = find(name, folder)
    return ImageSet(
        torch.from_numpy(inputs),
        torch.from_numpy(labels),
        dataset.class_names,
        _content_hash(dataset, part, folder),
        dataset.coarse_names,
    )


def _content_hash(dataset: Dataset, part: Part, folder: Path | str | None) -> str | None:
    try:
        return content.with_classes(dataset.hash_part(dataset, part, _data_folder(folder)), dataset.class_names)
    except (DatasetError, OSError):
        return None


def _own(folder: Path | str | None) -> dict[str, Dataset]:
    # If a later version ships a data set with the name of a user's own, only that one of the user's is hidden.
    return {name: entry for name, entry in import_store.found(_data_folder(folder)).items() if name not in DATASETS}


def _data_folder(folder: Path | str | None) -> Path:
    return paths.data_folder() if folder is None else Path(folder)
