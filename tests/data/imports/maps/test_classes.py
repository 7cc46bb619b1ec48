"""Class tables of label maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp.data.imports.maps import classes
from hierapp.data.imports.maps.classes import VOID
from hierapp.errors import DatasetError

RED, BLUE = 255 << 16, 255
TABLES = {
    "header": "name,value\ncar,0\nroad,1\n",
    "semicolons": "value;name\n0;car\n1;road\n",
    "no header": "0,car\n1,road\n",
    "names only": "car\nroad\n",
    "names under a header": "name\ncar\nroad\n",
    "colors": "name,r,g,b\ncar,255,0,0\nroad,0,0,255\n",
    "colors without a header": "car,255,0,0\nroad,0,0,255\n",
    "hex": "name,color\ncar,#ff0000\nroad,#0000ff\n",
}


def read(tmp_path: Path, text: str, name: str = "classes.csv") -> classes.ClassTable:
    file = tmp_path / name
    file.write_text(text)
    return classes.read(file)


@pytest.mark.parametrize("name", TABLES)
def test_forms_of_tables(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, TABLES[name])
    assert found.names == ["car", "road"]
    assert (found.by_value[0], found.by_value[1], found.by_value[255]) == (0, 1, VOID)
    if "#" in TABLES[name] or "255" in TABLES[name]:
        assert found.by_color == {RED: 0, BLUE: 1}


def test_void_is_no_class(tmp_path: Path) -> None:
    found = read(tmp_path, "name,value,parent\nVoid,0,\ncar,1,vehicle\nroad,2,flat\n")
    assert (found.names, found.groups) == (["car", "road"], ["vehicle", "flat"])
    assert [found.by_value[value] for value in range(3)] == [VOID, 0, 1]


def test_table_of_camvid(tmp_path: Path) -> None:
    found = read(tmp_path, "255 0 0\t\tcar\n0 0 255\tRoad marking\n0 0 0\t\tVoid\n", "label_colors.txt")
    assert found.names == ["car", "Road marking"]
    assert found.by_color == {RED: 0, BLUE: 1, 0: VOID}


def test_table_of_ade(tmp_path: Path) -> None:
    text = "Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t1\t1\tbuilding, edifice\n2\t0.2\t1\t1\tsky\n"
    found = read(tmp_path, text, "objectInfo150.txt")
    assert found.names == ["building", "sky"]
    assert [found.by_value[value] for value in range(3)] == [VOID, 0, 1]


@pytest.mark.parametrize("text", ["", "0,1\n2,3\n", "name,value\ncar,\n", "name,value\n,1\nroad,2\n", '"car,1\n'])
def test_unreadable_tables(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError, match=r"classes\.csv"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["name,value\ncar,1\nroad,1\n", "name,value\ncar,1\ncar,2\n"])
def test_two_classes_of_one_value_or_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError, match=r"car|road"):
        read(tmp_path, text)


def test_mapping_of_cityscapes() -> None:
    # The pairs of id and train id of cityscapesScripts' labels.py, written out.
    train_ids = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13}
    train_ids |= {27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
    table = classes.cityscapes("ids")
    assert {value: label for value, label in table.by_value.items() if label != VOID} == train_ids
    assert set(range(34)) - set(train_ids) == {v for v, label in table.by_value.items() if label == VOID and v < 255}
    assert (table.names[train_ids[24]], table.names[train_ids[33]]) == ("person", "bicycle")
    assert classes.cityscapes("train ids").by_value == {**{value: value for value in range(19)}, 255: VOID}
