"""Published data sets with label maps: their classes, by the values that their maps have."""

from __future__ import annotations

# The 11 classes of SegNet's authors, by value; 11 is void (Badrinarayanan et al. 2017).
CAMVID = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
# The beginnings of the names of CamVid's pictures: its four videos.
CAMVID_VIDEOS = ("0001TP_", "0006R0_", "0016E5_", "Seq05VD_")

# The 19 classes of Cityscapes that are trained and evaluated, by their id; all other ids are void. From labels.py of
# https://github.com/mcordts/cityscapesScripts; the position is the "train id".
CITYSCAPES = {
    7: "road",
    8: "sidewalk",
    11: "building",
    12: "wall",
    13: "fence",
    17: "pole",
    19: "traffic light",
    20: "traffic sign",
    21: "vegetation",
    22: "terrain",
    23: "sky",
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
MOST_CITYSCAPES_ID = 33

# Trees that ship, by the data set; proposed for a source with the same classes.
TREES = ("camvid", "cityscapes")
