"""CIFAR-10."""

from hierapp.data import cifar
from hierapp.data.dataset import Dataset, File

DATASET = Dataset(
    name="cifar10",
    title="CIFAR-10",
    summary="32 × 32, color",
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    image_shape=(32, 32, 3),
    train_size=50_000,
    test_size=10_000,
    default_tree="cifar10",
    source=cifar.SOURCE,
    read=cifar.read_fine,
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
    order=3,
    start_order=1,
)
