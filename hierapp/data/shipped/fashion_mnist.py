"""Fashion-MNIST, clothes in gray."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hierapp.data.dataset import Arrays, Dataset, File, Part, read as read_file


def read(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the format of MNIST: a file of pixels with a header of 16 bytes and a file of labels with one of 8."""
    pixels, labels = (
        read_file(file, path, dataset.name) for file, path in dataset.places(folder).items() if file.part == part
    )
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, *dataset.image_shape)
    return images.copy(), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


DATASET = Dataset(
    name="fashion-mnist",
    title="Fashion-MNIST",
    summary="clothes, 28 × 28, gray",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    image_shape=(28, 28, 1),
    train_size=60_000,
    test_size=10_000,
    default_tree="fashion-mnist",
    source="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747, Zalando Research.",
    read=read,
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
    order=2,
    start_order=4,
)
