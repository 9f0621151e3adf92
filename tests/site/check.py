# SPDX-License-Identifier: MIT
"""The documentation site is whole: check.py SOURCE_DIR BUILD_DIR

It is built (a warning is an error), every link within it leads to a page and a place that are there, nothing is
loaded from elsewhere, every public symbol of C and every public name of the Python package has its entry, every
endpoint its heading, and the search finds words in a browser that has the files alone.
"""
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
         "object": "data"}
LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}


class Page(html.parser.HTMLParser):
    """What a page names: its places, where it links to, what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        have = {name: value or "" for name, value in attributes}
        if "id" in have:
            self.ids.add(have["id"])
        if tag == "a" and "name" in have:
            self.ids.add(have["name"])
        if tag == "a" and "href" in have:
            self.links.append(have["href"])
        if tag in LOADS and have.get(LOADS[tag]):
            self.loads.append(have[LOADS[tag]])
        if tag == "link" and LOADING_LINKS & set(have.get("rel", "").split()):
            self.loads.append(have.get("href", ""))
        self.loads += re.findall(r"url\(['\"]?([^'\")]+)", have.get("style", ""))

    def error(self, message):  # abstract in old versions
        raise AssertionError(message)


def is_elsewhere(url):
    return bool(re.match(r"(?!data:)([a-z][a-z0-9+.-]*:|//)", url, re.I))


def faults_of(site):
    """Dead links, missing places, missing files and what is loaded from elsewhere."""
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in sorted(pages.items()):
        here = path.relative_to(site)
        for url in page.loads:
            if is_elsewhere(url):
                yield f"{here} loads {url}"
            elif not url.startswith("data:") and not (path.parent / urllib.parse.unquote(url.split("?")[0])).exists():
                yield f"{here} loads {url}, which is absent"
        for url in page.links:
            if is_elsewhere(url) or url.startswith("data:"):
                continue
            name, _, place = urllib.parse.unquote(url).partition("#")
            where = (path.parent / name).resolve() if name else path
            if not where.is_file():
                yield f"{here} links to {url}, which is absent"
            elif place and where in pages and place not in pages[where].ids:
                yield f"{here} links to {url}, which has no such place"
    for path in site.rglob("*.css"):
        for url in re.findall(r"(?:@import\s+['\"]|url\(['\"]?)([^'\")]+)", path.read_text()):
            if is_elsewhere(url):
                yield f"{path.relative_to(site)} loads {url}"


def missing_entries(site, source, names):
    """Public symbols, Python names and endpoints that have no place in the reference."""
    ids = {path: Page(path.read_text()).ids for path in (site / "reference").rglob("*.html")}
    places = set().union(*ids.values())
    symbols = re.findall(r"^\s+(evtwin_\w+);", (source / "lib/evtwin.map").read_text(), re.M)
    assert len(symbols) > 200, symbols
    yield from (f"C's {name} has no entry" for name in symbols if f"c.{name}" not in places)
    headers = "".join(re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) for path in source.glob("include/evtwin/*.h"))
    types = set(re.findall(r"^\}\s*(evtwin_\w+);|^typedef struct (evtwin_\w+) ", headers, re.M))
    types = {name for pair in types for name in pair if name}
    assert len(types) > 50, types
    yield from (f"C's {name} has no entry" for name in sorted(types) if f"c.{name}" not in places)
    statuses = re.findall(r"^    X\((\w+),", (source / "include/evtwin/base.h").read_text(), re.M)
    assert len(statuses) > 15, statuses
    yield from (f"EVTWIN_{name} has no entry" for name in statuses if f"c.evtwin_status.EVTWIN_{name}" not in places)
    yield from (f"Python's {name} has no entry" for name in names if not {f"evtwin.{name}", f"module-evtwin.{name}"} & places)
    rest = (site / "reference/rest.html").read_text()
    paths = re.findall(r"^  (/\S*):$", (source / "docs/openapi.yaml").read_text(), re.M)
    assert len(paths) > 20, paths
    yield from (f"{path} has no heading" for path in paths if not re.search(rf"<h3>(GET|POST) {re.escape(path)}<", rest))


def public_names(package):
    """The names of the Python package, in a process of its own."""
    code = "import evtwin; print(*evtwin.__all__, *evtwin._ESTIMATORS)"
    return subprocess.run([sys.executable, "-B", "-c", code], check=True, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(package)}).stdout.split()


def finds(browser, site, word, page):
    """The search page, opened as a file, lists a page for a word."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                               "--virtual-time-budget=20000", "--dump-dom", f"{(site / 'search.html').as_uri()}?q={word}"],
                              check=True, capture_output=True, text=True, timeout=300)
    return re.search(rf'href="{re.escape(page)}[^"]*"', done.stdout.split('id="search-results"')[-1]) is not None


def judge_the_judge():
    """Each fault that is looked for is found in a site that has it."""
    with tempfile.TemporaryDirectory() as folder:
        site = pathlib.Path(folder)
        (site / "a.html").write_text('<a id="x" href="b.html#y">b</a><a href="b.html#z">b</a><a href="c.html">c</a>'
                                     '<a href="https://example.org">out</a><script src="//cdn.example.org/x.js"></script>'
                                     '<img src="gone.png"><link rel="stylesheet" href="https://fonts.example.org/f.css">')
        (site / "b.html").write_text('<p id="y">here</p><a href="a.html#x">back</a>')
        (site / "s.css").write_text('@import "https://example.org/s.css"; p { background: url(data:image/png;base64,) }')
        found = sorted(faults_of(site))
        assert len(found) == 6, found


def main(source, build):
    judge_the_judge()
    missing = [module for module in ("sphinx", "breathe", "myst_parser", "furo", "yaml")
               if subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False).returncode]
    missing += [program for program in ("doxygen", "katex") if not shutil.which(program)]
    if missing:
        print(f"skipped: {', '.join(missing)} is absent (scripts/install-deps.sh site)")
        return 77
    site = build / "site"
    if subprocess.run([sys.executable, "-B", source / "docs/site/build", build / "python", site], check=False).returncode:
        print("the site was not built")
        return 1
    faults = [*faults_of(site), *missing_entries(site, source, public_names(build / "python"))]
    browser = os.environ.get("EVTWIN_CHROMIUM") or shutil.which("chromium")
    if browser:
        for word, page in (("evtwin_sim_advance", "reference/c/sim.html"), ("hypertable", "docs/postgresql.html")):
            if not finds(browser, site, word, page):
                faults.append(f"the search for {word} does not list {page}")
        if finds(browser, site, "xyzzyplugh", "docs/"):
            faults.append("the search lists pages for a word that none has")
    else:
        print("no Chromium: the search was not tried")
    print("\n".join(faults[:100]))
    print(f"{len(list(site.rglob('*.html')))} pages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()))
