# SPDX-License-Identifier: MIT
"""Where models came from: what goes into a pickle is their files, as long as those are what was loaded."""
from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

_CHANGED = "{} has changed since it was loaded, and cannot be pickled: load it again"


class FileMark:
    """A file, and how one sees that it is still the one that was loaded."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        try:
            self._mark = self._look()
        except OSError:  # loading it says what is wrong
            self._mark = ()

    def _look(self) -> Any:
        seen = os.stat(self._path)
        return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns

    def read(self) -> bytes:
        """Its bytes."""
        with open(self._path, "rb") as file:
            data = file.read()
        if self._look() != self._mark:
            raise ValueError(_CHANGED.format(self._path))
        return data


class Bundle:
    """The folder of a bundle, whose manifest's hash names it."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder, self._name = folder, name

    def files(self) -> Dict[str, bytes]:
        """Its files: the manifest, and what that lists. Each must have the hash that is written there."""
        manifest = self._read("manifest.json")
        if not hashlib.sha256(manifest).hexdigest().startswith(self._name):
            raise ValueError(_CHANGED.format(self._folder))
        found = {"manifest.json": manifest}
        for name, wanted in _listed(json.loads(manifest)):
            found[name] = self._read(name)
            if hashlib.sha256(found[name]).hexdigest() != wanted:
                raise ValueError(_CHANGED.format(os.path.join(self._folder, name)))
        return found

    def _read(self, name: str) -> bytes:
        with open(os.path.join(self._folder, name), "rb") as file:
            return file.read()


def _listed(part: Any) -> Iterator[Tuple[str, str]]:
    """Name and hash of each file that a manifest names, wherever in it."""
    if isinstance(part, dict) and "file" in part and "sha256" in part:
        yield part["file"], part["sha256"]
    if isinstance(part, (dict, list)):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _listed(inner)


class Files:
    """The files themselves: of what came out of a pickle."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)

    def files(self) -> Dict[str, bytes]:
        """The files of the bundle."""
        return self._files


class Saved:
    """What save(folder) writes: of a training that is in memory."""

    def __init__(self, save: Callable[[str], None]) -> None:
        self._save = save

    def files(self) -> Dict[str, bytes]:
        """The files of the bundle."""
        with tempfile.TemporaryDirectory() as folder:
            self._save(folder)
            return {entry.name: _bytes_of(entry.path) for entry in os.scandir(folder) if entry.is_file()}


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
