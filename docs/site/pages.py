# SPDX-License-Identifier: MIT
"""Lays out the pages of the project as Sphinx's source: copies with the project's own folders, so that links between
them hold. A link to a file that is no page gets a page that shows it; one to a header leads into the C reference."""
import os
import pathlib
import re
import shutil

PATTERNS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/**/*.md", "deploy/**/*.md", "models/**/*.md",
            "examples/**/*.md")
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```|~~~)")
LANGUAGES = {".c": "c", ".h": "c", ".def": "c", ".py": "python", ".sh": "bash", ".json": "json", ".yaml": "yaml",
             ".yml": "yaml", ".txt": "text", ".cmake": "cmake", ".i": "c", ".mjs": "javascript", ".js": "javascript"}


def pages_of(source):
    """Every page of the project, without the site's own folder."""
    found = {path for pattern in PATTERNS for path in source.glob(pattern)}
    return sorted(path for path in found if source / "docs/site" not in path.parents)


def outside_code(text, change):
    """Apply a function to every line that is not within a fenced block."""
    out, fence = [], None
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and fence in (None, mark.group()):
            fence = None if fence else mark.group()
        out.append(line if fence or mark else change(line))
    return "\n".join(out)


class Layout:
    def __init__(self, source, out):
        self.source, self.out = source, out
        self.shown = set()  # files and folders that get a page of their own
        self.pages = pages_of(source)

    def target(self, page, link):
        """Where a relative link leads in the site, or the link itself."""
        where = pathlib.Path(os.path.normpath(page.parent / link))
        if re.match(r"[a-z]+:", link) or not where.exists():
            return link  # what leads nowhere is Sphinx's to report
        name = where.relative_to(self.source)
        if where in self.pages or where.suffix in (".png", ".svg"):
            return link
        if name.parts[:2] == ("include", "evtwin") and where.suffix == ".h":
            new = pathlib.Path("reference/c") / f"{where.stem}.rst"
        elif where.is_dir() and where / "README.md" in self.pages:
            new = name / "README.md"
        else:
            new = self.shown_as(where)
        return os.path.relpath(new, page.relative_to(self.source).parent)

    def shown_as(self, where):
        self.shown.add(where)
        name = where.relative_to(self.source)
        return pathlib.Path("source") / (name / "index.rst" if where.is_dir() else f"{name}.rst")

    def place(self, page, text):
        """Write a page of the project, or one that was made, with its links as the site has them."""
        def linked(line):
            return LINK.sub(lambda match: match.group(1) + self.target(page, match.group(2)) + match.group(3), line)

        to = self.out / page.relative_to(self.source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(outside_code(text, linked))

    def lay_out(self):
        for page in self.pages:
            self.place(page, page.read_text())
        for picture in [*self.source.glob("docs/**/*.png"), *self.source.glob("docs/**/*.svg")]:
            to = self.out / picture.relative_to(self.source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, to)
        for where in sorted(self.shown):
            self.show(where)

    def show(self, where):
        """The page of a file, or of a folder, whose files then have pages too."""
        name = where.relative_to(self.source)
        to = self.out / self.shown_as(where)
        to.parent.mkdir(parents=True, exist_ok=True)
        out = [":orphan:", "", str(name), "=" * len(str(name)), ""]
        if where.is_dir():
            for inner in sorted(where.iterdir()):
                if inner.name.startswith(".") or inner.name == "__pycache__":
                    continue
                link = os.path.relpath(self.shown_as(inner).with_suffix(""), to.parent.relative_to(self.out))
                out += [f"* :doc:`{inner.name} <{link}>`"]
                self.show(inner)
        else:
            copy = to.parent / where.name
            shutil.copy(where, copy)
            out += [f".. literalinclude:: {where.name}", f"   :language: {LANGUAGES.get(where.suffix, 'text')}"]
        to.write_text("\n".join(out) + "\n")
