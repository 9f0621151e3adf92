# SPDX-License-Identifier: MIT
"""No two source files use each other in a circle: check_circles.py NM OBJECT...

An object uses another one if it leaves a symbol undefined that the other defines. Every circle is
printed with its files and the symbols that close it.
"""
import os
import subprocess
import sys
from collections import defaultdict


def source_of(path):
    """build/dev/CMakeFiles/evtwin_objects.dir/lib/core/mem.c.o -> lib/core/mem.c"""
    return os.path.splitext(path.rpartition(".dir/")[2])[0]


def target_of(path):
    return path.rpartition(".dir/")[0]


def symbols(nm, objects):
    """Of each object the names that it defines for others, and those that it needs."""
    tables = {path: (set(), set()) for path in objects}
    for start in range(0, len(objects), 200):
        some = objects[start:start + 200]
        listing = subprocess.run([nm, "-P", "-g", *some], check=True, capture_output=True, text=True)
        table = tables[some[0]]  # of one file alone nm does not say the name
        for line in listing.stdout.splitlines():
            if line.endswith(":"):
                table = tables[line[:-1]]
                continue
            name, kind = line.split()[:2]
            table[kind in "Uwv"].add(name)
    return tables


def uses(nm, objects):
    """{object: {object it uses: names}}"""
    tables = symbols(nm, objects)
    definers = defaultdict(list)
    for path, (defined, _) in tables.items():
        for name in defined:
            definers[name].append(path)
    graph = {path: defaultdict(set) for path in objects}
    for path, (_, needed) in tables.items():
        for name in needed:
            # a name that two tools define is meant as the tool's own
            own = [d for d in definers[name] if target_of(d) == target_of(path)]
            for definer in own or definers[name]:
                graph[path][definer].add(name)
    return graph


def reached(graph, start):
    seen, waiting = set(), list(graph[start])
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(graph[path])
    return seen


def circles(graph):
    reach = {path: reached(graph, path) for path in graph}
    found = {frozenset(b for b in reach[a] if a in reach[b]) for a in graph if a in reach[a]}
    return sorted(sorted(circle) for circle in found)


def main(nm, objects):
    graph = uses(nm, objects)
    found = circles(graph)
    for circle in found:
        print("circle:", " ".join(map(source_of, circle)))
        for path in circle:
            for used in sorted(set(graph[path]) & set(circle)):
                names = ", ".join(sorted(graph[path][used]))
                print(f"  {source_of(path)} uses {source_of(used)}: {names}")
    if not any(graph.values()):
        sys.exit("no object uses another one: are these the objects of one program?")
    if found:
        sys.exit(1)
    print(f"{len(objects)} objects: no circles")


main(sys.argv[1], sys.argv[2:])
