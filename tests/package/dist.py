#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dist.py SOURCE_DIR BUILD_DIR: the source archive is the same bytes each time, and can be built without a network: it has
what the pages use. The bill of materials says what the build links, in the versions that are here."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request

SOURCE, BUILD = sys.argv[1:3]


def fail(text):
    sys.exit("FAILED: " + text)


def require(what, holds):
    if not holds:
        fail(what)


def bill_of_materials():
    with open(BUILD + "/evtwin.cdx.json", encoding="utf-8") as f:
        bill = json.load(f)
    require("format", (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1))
    components = {c["name"]: c for c in bill["components"]}
    refs = [c["bom-ref"] for c in bill["components"]]
    require("every component once", len(set(refs)) == len(refs) == len(components))
    require("what it depends on", bill["dependencies"][0]["dependsOn"] == refs)
    for c in components.values():
        require(f"{c['name']} has a licence", c["licenses"][0]["expression"] and c["version"] in c["purl"])

    # what the library itself says, and what it is linked with
    with open(SOURCE + "/web/package-lock.json", encoding="utf-8") as f:
        npm = {k[len("node_modules/"):]: v["version"] for k, v in json.load(f)["packages"].items() if k}
    linked = {n: c["version"] for n, c in components.items() if n not in npm}
    said = subprocess.run([BUILD + "/tools/evtwin-sim", "--version"], capture_output=True, text=True, check=True).stdout
    info = said[said.index("(") + 1:said.rindex(")")].split(", ")
    require(f"it is what evtwin_build_info says: {info}", dict(word.split(" ") for word in info) == linked)
    require("npm's packages", npm.items() <= {n: c["version"] for n, c in components.items()}.items())
    needed = subprocess.run(["readelf", "-d", BUILD + "/libevtwin.so"], capture_output=True, text=True, check=True).stdout
    needed = [line.split("[")[1] for line in needed.splitlines() if "(NEEDED)" in line]
    libraries = [n.split(".so")[0] for n in needed if not n.startswith(("libc.", "libm.", "ld-linux"))]
    names = {"lib" + n.replace("lib", "", 1) if n.startswith("lib") else "lib" + n for n in linked}
    names = {"libz" if n == "libzlib" else n for n in names}
    require(f"each library that is linked is in it: {libraries}", set(libraries) <= names)
    print(f"{len(components)} components in the bill of materials")


def is_reachable(url):
    try:
        urllib.request.urlopen(url, timeout=30).close()
    except urllib.error.HTTPError:
        pass  # it answers
    except OSError:
        return False
    return True


def make(folder):
    done = subprocess.run([SOURCE + "/scripts/dist", folder], stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        registry = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=True).stdout.strip()
        if not is_reachable(registry):
            print(f"skipped: {registry} is not reachable, from where npm fetches what the pages use")
            sys.exit(77)
        fail("scripts/dist")
    (name,) = os.listdir(folder)
    return os.path.join(folder, name)


def archive(work):
    first = make(work + "/1")
    os.umask(0o077)  # another user's
    second = make(work + "/2")
    hashes = []
    for path in (first, second):
        with open(path, "rb") as f:
            hashes.append(hashlib.sha256(f.read()).hexdigest())
    require(f"the same bytes twice: {hashes}", hashes[0] == hashes[1])
    with tarfile.open(first) as tar:
        names = tar.getnames()
        tar.extractall(work)
    top = work + "/" + names[0]
    require("it has the pages' libraries", os.path.exists(top + "/web/vendor/three/three.module.min.js"))
    require("it has no .git and no build", not any("/.git/" in n or "/build/" in n for n in names))
    print(f"{len(names)} files, {os.path.getsize(first) // 1024} KiB, sha256 {hashes[0]}")

    # configured without npm the pages have them
    out = work + "/vendor.c"
    subprocess.run(["cmake", "-DNAME=table", "-DOUT=" + out, "-DFOLDER=" + work + "/npm", "-DNPM=", "-DIS_WANTED=OFF",
                    "-DWEB=" + top + "/web", "-P", top + "/cmake/EvtwinVendorRun.cmake"], check=True)
    with open(out, encoding="utf-8") as f:
        text = f.read()
    require("without npm they are embedded", all(f'"{n}"' in text for n in ("three/three.module.min.js", "uplot/uPlot.esm.js")))
    return top


def main():
    bill_of_materials()
    if not os.path.exists(SOURCE + "/.git"):
        print("skipped: this is no checkout of git, so no archive is made")
        return 77
    if shutil.which("npm") is None:
        print("skipped: there is no npm, and no archive without what the pages use")
        return 77
    with tempfile.TemporaryDirectory() as work:
        archive(work)
    return 0


sys.exit(main())
