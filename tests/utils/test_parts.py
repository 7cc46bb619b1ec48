"""Removal of folders, whatever is in them."""

import logging
import os
from pathlib import Path

from hierapp.utils import parts


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "link").symlink_to(kept)
    (tmp_path / "link").symlink_to(kept)
    for each in (folder, tmp_path / "link", tmp_path / "missing"):
        parts.remove(each)
        assert not os.path.lexists(each)
    assert (kept / "file").exists()


def test_what_cannot_be_removed_is_passed_over_and_logged(tmp_path, monkeypatch, caplog):
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.name == "stuck":
            raise PermissionError(1, "not permitted", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    for name in ("a", "stuck", "z"):
        (tmp_path / "folder" / name).mkdir(parents=True)
        (tmp_path / "folder" / name / name).touch()
    with caplog.at_level(logging.WARNING):
        parts.remove(tmp_path / "folder")
    assert [path.name for path in (tmp_path / "folder").rglob("*")] == ["stuck", "stuck"]
    assert "cannot be removed completely" in caplog.text
    assert "stuck" in caplog.text
