# SPDX-License-Identifier: MIT
"""The captions of pictures in the pages: a line in italics under the picture, made of what was drawn."""
import json
import pathlib
import re
import tempfile

SHOWN = r"!\[[^\]]*\]\(pictures/{name}\.svg\)\n\n\*(?P<caption>[^*\n]*)\*\n"


def pages(docs):
    """The Markdown pages of a folder: path -> text."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(pathlib.Path(docs).glob("*.md"))}


def shown(docs, name):
    """The captions under a picture, in all pages that show it."""
    pattern = SHOWN.format(name=re.escape(name))
    return [m["caption"] for text in pages(docs).values() for m in re.finditer(pattern, text)]


def write(docs, name, caption):
    """Put the caption under the picture wherever it is shown."""
    pattern = SHOWN.format(name=re.escape(name))
    for path, text in pages(docs).items():
        new = re.sub(pattern, lambda m: m[0].replace(f"*{m['caption']}*", f"*{caption}*"), text)
        if new != text:
            path.write_text(new, encoding="utf-8")


def xgboost():
    """The XGBoost that trains here, by a bundle that it made."""
    import evtwin

    records, _ = evtwin.Fleet(10, seed=1).run_to_failure(record_every_days=60)
    with tempfile.TemporaryDirectory() as folder:
        evtwin.train(records, targets="rul", seed=1).save(folder)
        return json.loads(pathlib.Path(folder, "manifest.json").read_text(encoding="utf-8"))["xgboost"]


def made_with(docs):
    """The XGBoost with which the pictures were made that docs/ holds."""
    return json.loads(pathlib.Path(docs, "pictures", "made-with.json").read_text(encoding="utf-8"))["xgboost"]


def write_made_with(docs):
    """Say so: what is learned by another one may differ a little."""
    pathlib.Path(docs, "pictures", "made-with.json").write_text(json.dumps({"xgboost": xgboost()}) + "\n", encoding="utf-8")
