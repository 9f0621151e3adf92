# SPDX-License-Identifier: MIT
"""Make the pictures of the concept pages, all or by name: python3 examples/python/pictures FOLDER [NAME…]"""
import importlib
import pathlib
import sys

from figure import NAMES


def main(folder: pathlib.Path, names: tuple[str, ...]) -> None:
    """Draw each into the folder; print its name and caption."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = importlib.import_module(name)
        series = picture.compute()
        picture.draw(series, folder / f"{name}.svg")
        print(f"{name}: {picture.caption(series)}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(NAMES):
        sys.exit(f"usage: pictures FOLDER [{'] ['.join(NAMES)}]")
    main(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]) or NAMES)
