#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""account.py SOURCE BUILD: every code block of the documents is accounted for: it is run by the test of its page, or by
another test that reads that page, or it is data that its parser takes, or the page says why it is not run. The options of our
tools in blocks that are not run exist.
"""
import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

import yaml

from blocks import DATA, Bad, Block, name_of, page, pages

TOOLS = ("evtwin-train", "evtwin-sim", "evtwin-ingest", "evtwin-predict", "evtwin-serve")
SOURCE, BUILD = map(os.path.abspath, sys.argv[1:3])


def tests():
    """{name: command} of ctest."""
    done = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return {t["name"]: t.get("command", []) for t in json.loads(done.stdout)["tests"]}


def names(text, name, is_python):
    """Does code name it? What only a comment or a docstring says is not read by a test."""
    if not is_python:
        return any(name in line for line in text.splitlines() if not line.lstrip().startswith(("#", "//", "/*", "*")))
    tree = ast.parse(text)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return any(isinstance(node, ast.Constant) and isinstance(node.value, str) and name in node.value and id(node) not in told
               for node in ast.walk(tree))


def reads_page(command, path):
    """Does the test read the page, in its script or in what stands beside it?"""
    name = os.path.basename(path)
    for word in command:
        files = [word] if os.path.isfile(word) else []
        if os.path.isdir(word) and word.startswith(SOURCE) and word != SOURCE:
            files += [os.path.join(word, f) for f in os.listdir(word)]
        for file in files:
            if file.startswith(SOURCE) and os.path.isfile(file):
                with open(file, errors="replace") as f:
                    text = f.read()
                if names(text, name, file.endswith(".py") or text.startswith("#!/usr/bin/env python3")):
                    return True
    return False


def parse_json(text):
    json.loads("{" + text + "}" if text.lstrip().startswith('"') else text)  # members of an object


def parse_promql(text):
    """By promtool, as the expression of a rule; each line is one."""
    if not shutil.which("promtool"):
        print("skipped: blocks of promql are not parsed: there is no promtool (Debian: prometheus)")
        return
    rules = [{"record": f"of_a_page:{i}", "expr": line} for i, line in enumerate(text.splitlines()) if line.strip()]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
        json.dump({"groups": [{"name": "page", "rules": rules}]}, f)
        f.flush()
        done = subprocess.run(["promtool", "check", "rules", f.name], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(done.stdout + done.stderr)


PARSERS = {"json": parse_json, "yaml": lambda text: list(yaml.safe_load_all(text)), "toml": tomllib.loads,
           "ini": lambda text: configparser.RawConfigParser(strict=False).read_string(text), "promql": parse_promql}
assert set(PARSERS) == set(DATA)


def options_of():
    """{tool: the options that its --help names}."""
    found = {}
    for tool in TOOLS:
        done = subprocess.run([os.path.join(BUILD, "tools", tool), "--help"], capture_output=True, text=True, check=True)
        found[tool] = set(re.findall(r"--[a-z][a-z0-9-]*", done.stdout)) | {"--help", "--version"}
    return found


def wrong_options(text, known):
    """Options of our tools that do not exist."""
    for command in re.split(r"[|;&\n]", text.replace("\\\n", " ")):
        words = command.split()
        tool = next((i for i, w in enumerate(words) if os.path.basename(w) in TOOLS), None)
        if tool is not None:
            name = os.path.basename(words[tool])
            for word in words[tool + 1:]:
                if word.startswith("#"):
                    break
                option = word.partition("=")[0]
                if re.fullmatch(r"--[a-z][a-z0-9-]*", option) and option not in known[name]:
                    yield f"{name} has no option {option}"


def check_unrun(block, known):
    """What can be said of shell lines that are not run."""
    if block.language == "sh":
        done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        if done.stderr:
            yield done.stderr.strip()
        yield from wrong_options(block.text, known)


def account(block, known, of_ctest):
    """What is wrong with a block; its fate."""
    if not block.language:
        return "has no language", None
    if block.not_run is not None:
        absent = [name for name in re.findall(r"`([a-z]+\.[a-z]\w+)`", block.not_run) if name not in of_ctest]
        return "; ".join([*check_unrun(block, known), *(f"there is no test {name}" for name in absent)]), "not run: " + block.not_run
    if block.by is not None:
        if block.by not in of_ctest:
            return f"there is no test {block.by}", None
        if not reads_page(of_ctest[block.by], block.path):
            return f"{block.by} does not read this page", None
        return "; ".join(check_unrun(block, known)), block.by
    if block.language == "console" and not block.text.startswith("$ "):
        return "a console begins with '$ ' and a command: what stands above it would not be run", None
    if block.language in DATA:
        try:
            PARSERS[block.language](block.text)
        except (ValueError, yaml.YAMLError, configparser.Error) as e:
            return f"is not {block.language}: {e}", None
        if not block.is_used:
            return "", "parsed"
    if block.is_used:
        test = name_of(block.path)
        return ("" if test in of_ctest else f"there is no test {test}; configure the build again"), test
    return f"'{block.language}' is not known: mark it as `not run: REASON`, or see docs/testing.md", None


def is_bad(text):
    """Is a page with this text refused?"""
    with tempfile.NamedTemporaryFile("w", suffix=".md") as f:
        f.write(text)
        f.flush()
        try:
            page(f.name)
        except Bad:
            return True
    return False


def check_itself(known):
    """It finds what it looks for."""
    assert list(wrong_options("evtwin-train a.csv --no-such-thing", known)) == ["evtwin-train has no option --no-such-thing"]
    assert not list(wrong_options("x evtwin-train a --cv 5 # --no\nother --such", known))
    block = Block("x.md", 1, "json")
    block.text = "{,}"
    assert account(block, known, {})[0]
    block.language = "sh"
    assert "no test docs.x" in account(block, known, {})[0]
    block.by = "docs.nothing"
    assert "no test" in account(block, known, {})[0]
    block = Block("x.md", 1, "console")
    block.text = "evtwin-train --version\n"
    assert "begins with" in account(block, known, {"docs.x": []})[0]
    assert names('"""a"""\nopen(f"docs/x.md")\n', "x.md", True) and names("cat x.md # y\n", "x.md", False)
    assert not names('"""x.md"""\ndef f():\n    "x.md"\n    return 1  # x.md\n', "x.md", True) and not names(" # x.md\n", "x.md", False)
    for text in ("> ```sh\n> ls\n> ```\n", "    ls\n", "```sh\nls\n", "<!-- test never -->\n"):
        assert is_bad(text), text
    assert not is_bad("> a quotation\n")


def main():
    known, of_ctest, wrong, fates = options_of(), tests(), [], {}
    check_itself(known)
    found = pages(SOURCE)
    for path in found:
        try:
            items = [i for i in page(path, SOURCE) if isinstance(i, Block)]
        except Bad as e:
            wrong.append(str(e))
            continue
        for block in items:
            problem, fate = account(block, known, of_ctest)
            if problem:
                wrong.append(f"{block.place}: {problem}")
            kind = "not run" if (fate or "").startswith("not run") else "parsed" if fate == "parsed" else \
                "compared" if block.is_output else "run" if fate == name_of(path) else "run by another test"
            fates[kind] = fates.get(kind, 0) + (not problem)
            if kind == "not run":
                print(f"{block.place}: {fate}")
    assert "README.md" in found and sum(fates.values()) + len(wrong) > 50, (found, fates)
    print(f"{len(found)} documents:", ", ".join(f"{n} {kind}" for kind, n in sorted(fates.items())))
    for text in wrong:
        print("FAILED:", text)
    return bool(wrong)


sys.exit(main())
