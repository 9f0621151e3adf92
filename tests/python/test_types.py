# SPDX-License-Identifier: MIT
"""The types of the package: made of the headers anew, true of the module that was built, and mypy --strict sees with them
what is wrong in a program and nothing in the examples."""
import ast
import glob
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import evtwin
from evtwin import core

LABEL = "long"
SOURCE = os.environ["EVTWIN_SOURCE"]
PACKAGE = os.path.dirname(core.__file__)
PYTHON = os.path.join(SOURCE, "examples", "python")
EXAMPLES = sorted(glob.glob(os.path.join(PYTHON, "**", "*.py"), recursive=True))
# what draws and what else examples use has no types where mypy runs
CONFIG = """[mypy]
strict = True
enable_incomplete_feature = Unpack
[mypy-matplotlib.*,pandas.*,polars.*,sklearn.*]
ignore_missing_imports = True
"""
WITH_MYPY = unittest.skipIf(shutil.which("mypy") is None, "mypy is not installed")


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


class Made(unittest.TestCase):
    def test_they_are_those_of_the_headers(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-B", os.path.join(SOURCE, "bindings", "python", "stubs.py"),
                            os.path.join(SOURCE, "include", "evtwin"), core.__file__, folder], check=True)
            for name in ("core.pyi", "reports.pyi", "_options.pyi"):
                self.assertEqual(text_of(folder, name), text_of(PACKAGE, name), name)

    def test_every_call_gives_as_many_outputs_as_its_type_says(self):
        """Of what SWIG made: each output of C is appended to the result."""
        path = os.path.join(os.environ["EVTWIN_BUILD"], "bindings", "python", "core_wrap.c")
        if not os.path.exists(path):
            self.skipTest("the package is not of this build folder")
        wrappers = dict(re.findall(r"^SWIGINTERN PyObject \*_wrap_(\w+)\(.*?\) \{(.*?)^\}", text_of(path), re.M | re.S))
        n_seen = 0
        for node in ast.parse(text_of(PACKAGE, "core.pyi")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            said = ast.unparse(node.returns)
            n_said = len(node.returns.slice.elts) if said.startswith("Tuple[") else int(said != "None")
            body = wrappers[node.name]
            n_appended = len(re.findall(r"evtwin_py_append\(", body))
            if re.search(r"^  evtwin_status result;", body, re.M):
                has_own = "PyLong_FromLong((long)result)" in body
            else:
                has_own = "SWIG_Py_Void()" not in body and "Py_Ellipsis" not in body
            self.assertEqual(n_said, n_appended + has_own, f"{node.name} -> {said}")
            n_seen += n_appended
        self.assertGreater(n_seen, 100)

    def test_keywords_are_members_of_the_structs(self):
        keywords = {node.name: [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
                    for node in ast.parse(text_of(PACKAGE, "_options.pyi")).body if isinstance(node, ast.ClassDef)}
        self.assertIn("start_time", keywords["FleetOptions"])
        self.assertEqual(keywords["SimOptions"], ["n_packs"])
        for kind, names in keywords.items():
            struct = {"FleetOptions": "sim_options"}.get(kind, re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower())
            for name in names:
                try:
                    evtwin._base.options(getattr(core, struct), {name: object()})
                except (TypeError, ValueError, AttributeError) as error:
                    self.assertNotIn("unexpected option", str(error), f"{kind}.{name}")


class Answers(unittest.TestCase):
    """Of what calls answer, and members hold."""

    def is_of(self, value, kind):
        if kind.startswith("Optional["):
            return value is None or self.is_of(value, kind[len("Optional["):-1])
        if kind.startswith("Tuple["):
            kinds = [ast.unparse(part) for part in ast.parse(kind).body[0].value.slice.elts]
            return isinstance(value, tuple) and len(value) == len(kinds) and all(map(self.is_of, value, kinds))
        if kind in ("Any", "object") or kind.startswith("Callable["):
            return True
        return value is None if kind == "None" else type(value).__name__ == re.sub(r"^reports\.|^_(?=View)|\[.*", "", kind).replace("List", "list")

    def test_calls(self):
        records, _ = evtwin.Fleet(4, seed=1).run_to_failure(record_every_days=90)
        trainer = evtwin.train(records, targets={"rul": {"trees": 3}}, allow_single_rows=True)
        predictor = trainer.predictor()
        with tempfile.TemporaryDirectory() as folder:
            self.addCleanup(os.chdir, os.getcwd())
            os.chdir(folder)  # some of them write files
            store = evtwin.Store(f"sqlite:{folder}/a.db")
            there = {"table": records._handle, "trainer": trainer._core, "predictor": predictor._core, "store": store._core,
                     "features": core.predictor_features(predictor._core), "cell": evtwin.Cell()._core, "sim": evtwin.Simulator()._core,
                     "thresholds": core.thresholds_create(), "screen": evtwin.Screen()._core, "source": evtwin.source("sim:?rows=1")._core,
                     "sink": evtwin.sink("null:")._core, "session": evtwin.Session(predictor)._core,
                     "pump": evtwin.Pump("sim:?rows=1", "null:")._core, "metrics": evtwin.Metrics()._core}
            n_seen = 0
            for node in ast.parse(text_of(PACKAGE, "core.pyi")).body:
                if not isinstance(node, ast.FunctionDef) or re.search("free|close|take|read|run|wait|interrupt|deadline|set_log", node.name):
                    continue
                kinds = [re.sub(r"^Optional\[(.*)\]$", r"\1", ast.unparse(argument.annotation)) for argument in node.args.args]
                choices = [[there[kind]] if kind in there else {"str": ["rul", "soc", "BATTERY_001"], "SupportsIndex": [0, 2, 99]}.get(kind, [])
                           for kind in kinds]
                for arguments in itertools.islice(itertools.product(*choices), 20):
                    try:
                        answer = getattr(core, node.name)(*arguments)
                    except (evtwin.Error, TypeError, OverflowError):
                        continue
                    said = ast.unparse(node.returns)
                    self.assertTrue(self.is_of(answer, said), f"{node.name}{arguments[1:]} is {answer!r}, not {said}")
                    n_seen += 1
            store.close()
        self.assertGreater(n_seen, 200)

    def test_members(self):
        n_seen = 0
        for node in ast.parse(text_of(PACKAGE, "core.pyi")).body:
            kind = getattr(core, node.name) if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else None
            if kind is None or not any(isinstance(item, ast.FunctionDef) and ast.unparse(item.args) == "self" for item in node.body):
                continue
            made = kind()
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and item.target.id not in ("this", "thisown") and not item.target.id.startswith("_"):
                    value, said = getattr(made, item.target.id), ast.unparse(item.annotation)
                    self.assertTrue(self.is_of(value, said), f"{node.name}.{item.target.id} is {value!r}, not {said}")
                    n_seen += 1
        self.assertGreater(n_seen, 100)
        self.assertIn("raw: bytes", text_of(PACKAGE, "reports.pyi"))


@WITH_MYPY
class Checked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.config = os.path.join(cls.folder.name, "mypy.ini")
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def mypy(self, *files):
        return subprocess.run(["mypy", "--config-file", self.config, "--cache-dir", os.path.join(self.folder.name, "cache"), *files],
                              capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": os.pathsep.join([os.path.dirname(PACKAGE), os.path.join(PYTHON, "pictures")])})

    def test_examples_and_the_package_are_strict(self):
        self.assertGreater(len(EXAMPLES), 0)
        done = self.mypy(*EXAMPLES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_right_is_taken(self):
        """Lines of users that no example has."""
        right = os.path.join(self.folder.name, "right.py")
        lines = ["import numpy as np", "import evtwin", "from evtwin import FailureClassifier, NotFoundError",
                 "model: FailureClassifier = evtwin.FailureClassifier(trees=5)",
                 "status: int = NotFoundError.status + evtwin.RangeError.status",
                 "table = evtwin.Table.read_csv('x', delimiter=';', decimal=',', units={'soc': 'fraction'})",
                 "evtwin.train(table, features=['soc'], cv_folds=np.int64(5)).predictor().reasons('rul', [1.0], np.int64(3))"]
        with open(right, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        done = self.mypy(right)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_wrong_is_seen(self):
        wrong = os.path.join(self.folder.name, "wrong.py")
        lines = {  # a line, what mypy says of it
            "length: str = evtwin.Simulator().time_s": 'expression has type "float"',
            "evtwin.Simulator(sede=1)": 'Unexpected keyword argument "sede"',
            "evtwin.Simulator(seed='1')": 'has incompatible type "str"',
            "evtwin.Simulator(use='dayly')": "dayly",
            "evtwin.Fleet(3, n_packs=4)": "n_packs",
            "error: int = evtwin.Trainer.train({}).score('rul').rmse": 'expression has type "float"',
            "evtwin.Trainer.train({}).score('rul').rsme": '"Score" has no attribute "rsme"',
            "evtwin.Tabel({})": 'has no attribute "Tabel"',
            "evtwin.RULRegressor(treez=5)": 'Unexpected keyword argument "treez"',
            "evtwin.Table.read_csv('x', delimiter=2.5)": 'incompatible type "float"',
            "core.table_rows(core.sim_options())": 'expected "table"',
            "core.table_rowz(core.table_create())": 'has no attribute "table_rowz"',
            "core.sim_options().seed = 'x'": 'variable has type "int"',
            "rows, report = evtwin.Fleet(1).run_to_failure(); report.x": '"RunToFailureReport" has no attribute "x"'}
        with open(wrong, "w", encoding="utf-8") as file:
            file.write("\n".join(["import evtwin", "from evtwin import core", *lines]) + "\n")
        said = self.mypy(wrong).stdout
        for i, (line, words) in enumerate(lines.items(), 3):
            with self.subTest(line):
                self.assertIn(words, "".join(part for part in said.splitlines(True) if f"wrong.py:{i}:" in part), said)

    def test_stubs_are_true_of_the_module(self):
        python = shutil.which("mypy") and re.match(r"#!(\S+)", text_of(shutil.which("mypy")))
        if python is None or importlib.util.find_spec("mypy") is None and python[1] == sys.executable:
            self.skipTest("mypy.stubtest is not there")
        done = subprocess.run([python[1], "-m", "mypy.stubtest", "--concise", "--mypy-config-file", self.config, "evtwin.core",
                               "evtwin.reports"], capture_output=True, text=True, check=False, cwd=self.folder.name,
                              env={**os.environ, "MYPYPATH": os.path.dirname(PACKAGE)})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
