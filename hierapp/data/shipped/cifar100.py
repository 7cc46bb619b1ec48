"""CIFAR-100."""

from hierapp.data import cifar
from hierapp.data.dataset import Dataset

_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm
"""

DATASET = Dataset(
    name="cifar100",
    title="CIFAR-100",
    summary="32 × 32, color",
    class_names=tuple(_CLASSES.split()),
    image_shape=(32, 32, 3),
    train_size=50_000,
    test_size=10_000,
    default_tree="cifar100",
    source=cifar.SOURCE,
    read=cifar.read_fine,
    files=cifar.FILES_OF_100,
    archives=cifar.ARCHIVES_OF_100,
    torchvision_class="CIFAR100",
    order=4,
    start_order=2,
)
