# SPDX-License-Identifier: MIT
"""Pages of the Python reference: one a module of the package, in the order of the work."""
# module: title
MODULES = {
    "simulation": "Simulate", "learning": "Learn", "prediction": "Predict", "estimators": "scikit-learn estimators",
    "storage": "Store", "streams": "Sources, sinks, pumps", "serving": "Serve", "tracking": "Track", "_table": "Tables",
    "_base": "Time", "errors": "Errors",
}


def names_of(package):
    """The public names of each module, by where they are defined: evtwin.Fleet lies in simulation."""
    import importlib

    modules = {}
    for name in [*package.__all__, *package._ESTIMATORS]:
        thing = getattr(package, name)
        home = getattr(thing, "__module__", None)
        if home is not None and home.startswith("evtwin."):
            modules.setdefault(home.removeprefix("evtwin."), []).append(name)
    unknown = set(modules) - set(MODULES)
    if unknown:
        raise SystemExit(f"docs/site/python_reference.py has no title for {', '.join(sorted(unknown))}")
    for home in modules:
        importlib.import_module(f"evtwin.{home}")
    return modules


def write(package, out):
    """Write out/*.rst, and out/index.rst that lists them."""
    import inspect

    out.mkdir(parents=True, exist_ok=True)
    modules = names_of(package)
    pages, rows = [], []
    for module, title in MODULES.items():
        if module not in modules:
            continue
        stem = module.lstrip("_")
        pages.append(stem)
        rows.append(f"* :doc:`{title} <{stem}>`: " + ", ".join(f":py:obj:`~evtwin.{name}`" for name in sorted(modules[module])))
        home = inspect.getmodule(__import__(f"evtwin.{module}", fromlist=["_"]))
        lines = [title, "=" * len(title), "", *((home.__doc__ or "").split("\n")), ""]
        for name in sorted(modules[module], key=lambda n: inspect.getsourcelines(getattr(package, n))[1]):
            thing = getattr(package, name)
            if inspect.isclass(thing):
                lines += [f".. autoclass:: evtwin.{name}", "   :members:", "   :inherited-members: object, Exception, tuple", ""]
            else:
                lines += [f".. autofunction:: evtwin.{name}", ""]
        (out / f"{stem}.rst").write_text("\n".join(lines))
    index = ["Python reference", "================", "", "Made from the docstrings of the package. :doc:`The Python page "
             "</docs/python>` says how to install it and how names and values of C become Python's.", "",
             ".. automodule:: evtwin", "", *rows, "", ".. toctree::", "   :hidden:", "", *[f"   {stem}" for stem in pages], ""]
    (out / "index.rst").write_text("\n".join(index))
