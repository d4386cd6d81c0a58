"""Versions are read from the names of metadata folders."""

from pathlib import Path

from lapwise.tracking.packages import installed_packages, package_lines


def test_names_are_normalised_and_the_first_folder_wins(tmp_path: Path) -> None:
    """As imports would find them; the older layout is read from inside; other files are passed by."""
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "Scikit_Learn-1.9.0.dist-info").mkdir(parents=True)
    (one / "torch-2.9.0+cpu.dist-info").mkdir()
    (one / "numpy").mkdir()
    (one / "notes.txt").touch()
    (two / "scikit_learn-1.0.dist-info").mkdir(parents=True)
    (two / "old.egg-info").mkdir()
    (two / "old.egg-info" / "PKG-INFO").write_text("Name: Old.One\nVersion: 3\n")
    (two / "broken.egg-info").mkdir()
    found = installed_packages(
        [str(one), str(two), str(tmp_path / "missing"), str(one / "notes.txt")]
    )
    assert package_lines(found) == "old-one==3\nscikit-learn==1.9.0\ntorch==2.9.0+cpu\n"
