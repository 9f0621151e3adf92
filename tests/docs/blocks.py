# SPDX-License-Identifier: MIT
"""The code blocks of the documents, and the marks above them (docs/testing.md#documents).

    for item in page(path): ...     # Block and Step in the order of the page
    pages(root)                     # every document that may have a block
"""
import glob
import os
import re

FENCE = re.compile(r"( *)(```+|~~~+) *(\S*) *$")
QUOTED = re.compile(r" *(?:> *)+(?:```|~~~)")
INDENTED = re.compile(r"(?: {4}|\t) *\S")
LIST_ITEM = re.compile(r" *(?:[-*+]|\d+[.)]) ")
MARK = re.compile(r"<!-- test\b(.*?)-->", re.S)
PLACES = ("*.md", "docs/**/*.md", "deploy/**/*.md", "models/**/*.md", "examples/**/*.md", "bindings/**/*.md")
TYPED_IN = ("sh", "console")
DATA = ("json", "yaml", "toml", "ini", "promql")
RUN = TYPED_IN + ("c", "python", "sql")  # a page with one of these is a test of its own


SERVERS = ("postgres", "mosquitto", "kafka", "mlflow", "frames")  # a page that needs one of these is long


class Bad(Exception):
    """A page that cannot be read as it is: the text has path and line."""


class Block:
    """A fenced block. by, not_run, file: what its mark says, or None; is_output: it is what the block before it prints."""

    def __init__(self, path, line, language):
        self.path, self.line, self.language = path, line, language
        self.text = ""
        self.by = self.not_run = self.file = None
        self.is_output = False

    @property
    def is_used(self):
        """By the test of its page."""
        return self.by is None and self.not_run is None and bool(self.language in RUN or self.is_output or self.file)

    @property
    def place(self):
        return f"{self.path}:{self.line}"


class Step:
    """A hidden step: `<!-- test run LANGUAGE: TEXT -->`."""

    def __init__(self, path, line, language, text):
        self.path, self.line, self.language, self.text = path, line, language, text

    @property
    def place(self):
        return f"{self.path}:{self.line}"


class Needs:
    """`<!-- test page: WORDS -->`: what lies in the folder of the page and which servers run."""

    def __init__(self, path, line, words):
        self.path, self.line, self.words = path, line, words


def pages(root):
    """Paths from root, sorted."""
    found = {os.path.relpath(p, root) for place in PLACES for p in glob.glob(os.path.join(root, place), recursive=True)}
    return sorted(found)


def name_of(path):
    """The name of the test of a page."""
    return "docs." + re.sub(r"^docs/", "", path)[:-len(".md")].replace("/", "_")


def _mark(path, line, text, pending):
    """What `<!-- test TEXT -->` says: a Step, Needs, or None after setting what the next block gets."""
    word, colon, rest = text.partition(":")
    word, rest = word.strip(), rest.strip("\n") if "\n" in rest.strip() else rest.strip()
    if word == "output" and not colon:
        pending["is_output"] = True
    elif word in ("by", "page by") and rest:
        pending[word] = rest
    elif word == "file" and re.fullmatch(r"[\w.-]+", rest):
        pending["file"] = rest
    elif word == "not run" and len(rest.split()) >= 2:
        pending["not_run"] = rest
    elif word == "page" and rest:
        return Needs(path, line, rest.split())
    elif word.split()[:1] == ["run"] and rest and len(word.split()) <= 2:
        return Step(path, line, (word.split() + ["sh"])[1], rest + "\n")
    else:
        raise Bad(f"{path}:{line}: the mark 'test{text}' is none of those in docs/testing.md")
    return None


def _fenced(path, lines, at, opened, pending):
    """The block that begins at index at, and the index behind it."""
    indent, fence, language = opened.groups()
    block = Block(path, at + 1, language)
    for key, value in pending.items():
        setattr(block, key, value)
    end = at + 1
    while end < len(lines) and not re.fullmatch(rf" *{re.escape(fence[0])}{{{len(fence)},}} *", lines[end]):
        end += 1
    if end == len(lines):
        raise Bad(f"{path}:{at + 1}: a block that does not end")
    block.text = "".join(re.sub(rf"^ {{0,{len(indent)}}}", "", line) + "\n" for line in lines[at + 1:end])
    return block, end + 1


def page(path, root="."):
    """Blocks, Steps and Needs of a page in their order."""
    with open(os.path.join(root, path), encoding="utf-8") as f:
        lines = f.read().split("\n")
    items, pending, at, in_list, marked_at, by_page = [], {}, 0, False, 0, None
    while at < len(lines):
        line = lines[at]
        if pending and line.strip() and not line.lstrip().startswith("<!--") and not FENCE.match(line):
            raise Bad(f"{path}:{marked_at}: there is no block below this mark")
        if line.lstrip().startswith("<!--"):
            first = at
            while at < len(lines) and "-->" not in lines[at]:
                at += 1
            text = "\n".join(lines[first:at + 1])
            found = MARK.search(text)
            if found:
                marked_at = first + 1
                item = _mark(path, first + 1, found[1], pending)
                by_page = pending.pop("page by", by_page)
                items += [item] if item else []
            at += 1
        elif FENCE.match(line):
            block, at = _fenced(path, lines, at, FENCE.match(line), pending)
            items.append(block)
            pending = {}
        else:
            in_list = bool(LIST_ITEM.match(line)) or in_list and (not line.strip() or line.startswith(" "))
            if QUOTED.match(line):
                raise Bad(f"{path}:{at + 1}: a block in a quotation, which no test sees")
            if INDENTED.match(line) and not in_list and (at == 0 or not lines[at - 1].strip()):
                raise Bad(f"{path}:{at + 1}: an indented block: fence it and name its language")
            at += 1
    if pending:
        raise Bad(f"{path}:{marked_at}: there is no block below this mark")
    for block in items:
        if isinstance(block, Block) and by_page and not (block.by or block.not_run):
            block.by = by_page
    return items


def blocks(path, root=".", language=None):
    """The blocks of a page, those of one language only if it is named."""
    return [i for i in page(path, root) if isinstance(i, Block) and language in (None, i.language)]
