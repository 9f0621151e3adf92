#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""list_pages.py SOURCE: for CMake, the pages whose blocks are run: name of the test, path, "long" if it is."""
import sys

from blocks import SERVERS, Bad, Block, Needs, name_of, page, pages

for path in pages(sys.argv[1]):
    try:
        items = page(path, sys.argv[1])
    except Bad:
        continue  # docs.blocks says so
    if any(isinstance(i, Block) and i.is_used for i in items):
        words = {w for i in items if isinstance(i, Needs) for w in i.words}
        print(name_of(path), path, "long" if words & {"long", *SERVERS} else "")
