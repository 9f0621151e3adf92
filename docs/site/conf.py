# SPDX-License-Identifier: MIT
"""Sphinx's settings. docs/site/build lays out the pages, and names the folders here by the environment."""
import os
import sys

sys.path[:0] = [os.environ["EVTWIN_SITE"], os.environ["EVTWIN_PYTHON_PACKAGE"]]

project = "libevtwin"
author = "the libevtwin authors"
copyright = "the libevtwin authors; MIT licence"  # noqa: A001 # Sphinx's name for it
version = release = os.environ["EVTWIN_VERSION"]
root_doc = "index"
language = "en"

extensions = ["myst_parser", "breathe", "sphinx.ext.autodoc", "docstrings", "formulas"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
suppress_warnings = ["myst.header"]  # a page may leave out a level of headings
breathe_projects = {"evtwin": os.environ["EVTWIN_DOXYGEN_XML"]}
breathe_default_project = "evtwin"
breathe_domain_by_extension = {"h": "c"}
breathe_show_include = False
autodoc_mock_imports = [] if os.environ.get("EVTWIN_SKLEARN") else ["sklearn"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"libevtwin {version}"
html_math_renderer = "katex_mathml"
html_static_path = [os.path.join(os.environ["EVTWIN_SITE"], "site.css")]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
