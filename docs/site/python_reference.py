# SPDX-License-Identifier: MIT
"""Pages of the Python reference: one a module of the package, in the order of the work."""
import importlib
import inspect

import docstrings

# module: title
MODULES = {
    "simulation": "Simulate", "learning": "Learn", "prediction": "Predict", "estimators": "scikit-learn estimators",
    "storage": "Store", "streams": "Sources, sinks, pumps", "serving": "Serve", "tracking": "Track", "_table": "Tables",
    "_base": "Time", "errors": "Errors",
}


def names_of(package):
    """The public names of each module, by where they are defined: evtwin.Fleet lies in simulation."""
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


def page(package, module, title, names):
    """A module of classes and functions, in the order in which they are defined."""
    home = importlib.import_module(f"evtwin.{module}")
    lines = [title, "=" * len(title), ""]
    if not module.startswith("_"):
        lines += [f".. py:module:: evtwin.{module}", ""]
    lines += [*docstrings.converted((home.__doc__ or "").split("\n")), ""]
    for name in sorted(names, key=lambda n: inspect.getsourcelines(getattr(package, n))[1]):
        if inspect.isclass(getattr(package, name)):
            lines += [f".. autoclass:: evtwin.{name}", "   :members:", "   :inherited-members: object, Exception, tuple", ""]
        else:
            lines += [f".. autofunction:: evtwin.{name}", ""]
    return "\n".join(lines)


def reports_page(package):
    """The named tuples that stand for C's report structs: what their members mean stands with the structs."""
    structs = [struct for struct in vars(package.core).values() if inspect.isclass(struct) and not struct.__name__.endswith("_options")
               and any(isinstance(member, property) for name, member in vars(struct).items() if name != "thisown")]
    lines = ["Reports", "=======", "", ".. py:module:: evtwin.reports", "", package.reports.__doc__, ""]
    for struct in sorted(structs, key=lambda struct: struct.__name__):
        kind = getattr(package.reports, "".join(word.capitalize() for word in struct.__name__.split("_")))
        lines += [f".. py:class:: evtwin.reports.{kind.__name__}({', '.join(kind._fields)})", "",
                  f"   As :c:struct:`evtwin_{struct.__name__}`.", ""]
    return "\n".join(lines)


CORE_PAGE = """All of C
========

.. py:module:: evtwin.core

Every call of the :doc:`C reference </reference/c/index>` by its name without ``evtwin_``, made by SWIG from the headers. Outputs are results,
failures are exceptions, options are objects (``core.sim_options()``), handles free themselves. :doc:`/docs/python` says more.
"""


def write(package, out):
    """Write out/*.rst, and out/index.rst that lists them."""
    out.mkdir(parents=True, exist_ok=True)
    modules = names_of(package)
    pages, rows = [], []
    for module, title in MODULES.items():
        if module in modules:
            stem = module.lstrip("_")
            pages.append(stem)
            rows.append(f"* :doc:`{title} <{stem}>`: " + ", ".join(f":py:obj:`~evtwin.{name}`" for name in sorted(modules[module])))
            (out / f"{stem}.rst").write_text(page(package, module, title, modules[module]))
    (out / "reports.rst").write_text(reports_page(package))
    (out / "core.rst").write_text(CORE_PAGE)
    rows += ["* :doc:`Reports <reports>`: the named tuples that calls return", "* :doc:`All of C <core>`: ``evtwin.core``"]
    index = ["Python reference", "================", "", "Made from the docstrings of the package. :doc:`The Python page "
             "</docs/python>` says how to install it and how names and values of C become Python's.", "",
             ".. automodule:: evtwin", "", *rows, "", ".. toctree::", "   :hidden:", "", *[f"   {stem}" for stem in [*pages, "reports", "core"]], ""]
    (out / "index.rst").write_text("\n".join(index))
