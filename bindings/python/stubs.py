#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stubs.py HEADERS CORE OUT: the types of the Python package, for type checkers. Names are those of SWIG's core.py, types
those of the public headers, and how the one becomes the other is _RULES, which says in types what the typemaps of *.i
say in C. Writes OUT/core.pyi, OUT/reports.pyi (report structs as named tuples) and OUT/_options.pyi (keywords of the
classes). What it does not understand is an error: a new kind of parameter needs a rule here as it needs a typemap."""
import ast
import os
import re
import sys

BINDINGS = os.path.dirname(os.path.abspath(__file__))

# ---- C: what the headers declare ----


def read_headers(folder):
    text = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text.append(file.read())
    return "\n".join(text)


def words(comment):
    """The sentences of a comment."""
    lines = [re.sub(r"^\s*\*? ?<?", "", line).rstrip() for line in re.sub(r"^/\*\*?<?|\*/$", "", comment.strip()).split("\n")]
    return " ".join(line for line in lines if line).strip()


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def split_declaration(text):
    """"const char *name[3]" -> ("const char *", "name", "[3]")."""
    found = re.fullmatch(r"(.*?[\s*])(\w+)((?:\[[^\]]*\])?)", " ".join(text.split()))
    if not found:
        sys.exit(f"stubs.py: not understood: {text}")
    return found[1].strip(), found[2], found[3]


def read_functions(headers):
    """name -> (type of the result, [(type, name)], documentation)."""
    found = {}
    pattern = re.compile(r"(?:(/\*\*(?:(?!\*/).)*\*/)\s*)?EVTWIN_API\s+([^;{]*?)\(([^;{]*)\)[^;)]*;", re.S)
    for comment, head, inside in pattern.findall(headers):
        result, name, _ = split_declaration(without_comments(head))
        inside = " ".join(without_comments(inside).split())
        parameters = [] if inside in ("", "void") else [split_declaration(part)[:2] for part in inside.split(",")]
        found[name] = (result, parameters, words(comment))
    return found


def read_structs(headers):
    """name -> {member: (type, documentation)}."""
    found = {}
    for name, inside in re.findall(r"typedef struct (evtwin_\w+) \{(.*?)\n\} \1;", headers, re.S):
        members = found[name] = {}
        for before, declaration, after in re.findall(
                r"((?:/\*\*(?:(?!\*/).)*\*/\s*)?)([^;/]+?);[ \t]*((?:/\*\*<(?:(?!\*/).)*\*/)?)", inside, re.S):
            if "(" in declaration:
                continue  # functions: callbacks, which core takes as objects
            first, *others = declaration.split(",")
            kind, member, size = split_declaration(first)
            for each in [member + size, *(other.strip() for other in others)]:
                each, is_pointer = re.sub(r"^\*(const \*)?", "", each), each.startswith("*")
                parts = re.fullmatch(r"(\w+)\s*((?:\[.*\])?)", each)
                if parts is None:
                    sys.exit(f"stubs.py: {name}: not understood: {declaration}")
                member, size = parts.groups()
                base = kind.rstrip("* ") if is_pointer else kind
                members[member] = (base + (" *" if is_pointer else "") + ("[]" if size else ""), words(after or before))
    return found


def read_enums(headers):
    """name -> [value]."""
    return {name: re.findall(r"\b(EVTWIN_\w+)\b", without_comments(inside)) for name, inside in
            re.findall(r"typedef enum (evtwin_\w+) \{(.*?)\} \1;", headers, re.S)} | {"evtwin_status": []}


def read_strings(headers):
    """Macros that are text, without their prefix."""
    return set(re.findall(r'^#define EVTWIN_(\w+)[ \t]+(?:\\\n[ \t]*)?"', headers, re.M))


# ---- Python: what the typemaps make of it ----

ARRAY, TEXT, BYTES = "_Array", "Optional[str]", "Union[str, bytes, bytearray, memoryview]"
CALLBACKS = {"evtwin_progress_fn": "Callable[[str, float], Optional[bool]]", "evtwin_log_fn": "Callable[[int, str], object]",
             "evtwin_pump_event_fn": "Callable[[reports.PumpEvent], object]",
             "evtwin_follower_check_fn": "Callable[[predictor], object]"}

# declarations that stand together -> what is given (None: nothing), what comes out. {} is the name after evtwin_
_RULES = [(tuple(part.strip() for part in pattern.split(",")), given, out) for pattern, given, out in (
    (r"const (float|double) \*x, size_t rows, size_t cols", ARRAY, []),
    (r"const double \*x, size_t cols", ARRAY, []),
    (r"const size_t \*row_index, size_t n", ARRAY, []),
    (r"const int32_t \*group_of_row, size_t rows", ARRAY, []),
    (r"const double \*current_A, size_t n_packs", f"Optional[{ARRAY}]", []),
    (r"double \*out, size_t n_packs", ARRAY, []),
    (r"const float \*y", ARRAY, []),
    (r"(float|double) \*(y|phi|x)", ARRAY, []),
    (r"const char \*const \*sinks, size_t n", "List[str]", []),
    (r"const char \*const \*keys, const char \*const \*values, size_t n", "Dict[str, str]", []),
    (r"const char \*const \*keys, const double \*values, const int64_t \*steps, const int64_t \*times_us, size_t n",
     f"Tuple[List[str], {ARRAY}, Optional[{ARRAY}], Optional[{ARRAY}]]", []),
    (r"const evtwin_(\w+) \*(targets|letters), size_t (n_targets|n)", "Optional[List[{}]]", []),
    (r"(evtwin_log_fn|evtwin_pump_event_fn) fn, void \*ctx", "Optional[CALLBACK]", []),
    (r"const evtwin_(source|sink)_callbacks \*callbacks, void \*ctx", "object", []),
    (r"const char \*(data|text), size_t (size|length)", BYTES, []),
    (r"char \*text, size_t text_size, size_t \*length_out", None, ["str"]),
    (r"char \*(text|hex), size_t (text_size|hex_size|size)", None, ["str"]),
    (r"char \*id", None, ["str"]),
    (r"char \*\*text_out", None, ["str"]),
    (r"const char \*\*(unit_out|option_out)", None, ["Optional[str]"]),
    (r"const int32_t \*\*offsets_out, const char \*\*bytes_out", None, ["_View", "_View"]),
    (r"evtwin_reason \*out, size_t size, size_t k, size_t \*n_out", "SupportsIndex", ["List[reports.Reason]"]),
    (r"size_t \*broken, size_t max", "SupportsIndex", ["List[int]"]),
    (r"evtwin_(target|threshold) \*out, size_t size", None, ["{}"]),
    (r"evtwin_(\w+) \*(out|report), size_t (size|out_size|report_size)", None, ["REPORT"]),
    (r"evtwin_(\w+) \*\*(out|rows_out|current_out)", None, ["{}"]),
    (r"size_t \*size_out", None, []),
    (r"(size_t|int64_t|int32_t) \*(\w+_out|n_processes)", None, ["int"]),
    (r"double \*factor_out", None, ["float"]),
    (r"struct Arrow(ArrayStream|Schema) \*out", None, ["Any"]),
    (r"struct ArrowArrayStream \*stream", "Any", []),
    (r"const char \*\w+", TEXT, []),
    (r"(size_t|int|int64_t|int32_t|uint64_t) \w+", "SupportsIndex", []),
    (r"(double|float) \w+", "Union[SupportsFloat, SupportsIndex]", []),
    (r"(?:const )?evtwin_(\w+) \*\w+", "Optional[{}]", []),
    (r"evtwin_(\w+) \w+", "SupportsIndex", []),
)]
VIEWS = ("table_f64", "table_i64", "table_bits", "table_codes", "table_validity")
OWN = {  # of evtwin.i and arrow.i, not of a header
    "py_stream": ("columns: Iterable[Tuple[Any, ...]], rows: SupportsIndex", "Any"),
    "fill_f64": (f"table: Optional[table], col: SupportsIndex, values: {ARRAY}", "None"),
    "fill_i64": (f"table: Optional[table], col: SupportsIndex, values: {ARRAY}", "None")}
METHODS = {"set_tags": "def set_tags(self, tags: Dict[str, str]) -> None: ...",
           "set_allow_hosts": "def set_allow_hosts(self, names: Union[str, Sequence[str]]) -> None: ...",
           "_use_tags": "def _use_tags(self, keys: List[str], values: List[str]) -> Any: ...",
           "_use_allow_hosts": "def _use_allow_hosts(self, names: List[str]) -> Any: ...",
           "__setattr__": "def __setattr__(self, name: str, value: Any) -> None: ..."}


def report_name(struct):
    return "".join(word.capitalize() for word in struct.split("_"))


def convert(parameters, where):
    """The types of what is given and of what comes out."""
    given, out, i = [], [], 0
    while i < len(parameters):
        for patterns, takes, gives in _RULES:
            those = [f"{kind} {name}".replace("* ", "*") for kind, name in parameters[i:i + len(patterns)]]
            found = [re.fullmatch(p, t) for p, t in zip(patterns, those)]
            if len(those) == len(patterns) and all(found):
                name = next((m[1] for m in found if m.groups()), "")
                swap = {"{}": name, "REPORT": f"reports.{report_name(name)}", "CALLBACK": CALLBACKS.get(name, "")}
                for old, new in swap.items():
                    takes = takes.replace(old, new) if takes else takes
                    gives = [part.replace(old, new) for part in gives]
                given += [takes] if takes else []
                out += gives
                i += len(patterns)
                break
        else:
            sys.exit(f"stubs.py: {where}: no rule for {parameters[i]}: add one to _RULES, and a typemap to *.i")
    return given, out


def listed(macro):
    """What outputs.i names with a macro of its own."""
    with open(os.path.join(BINDINGS, "outputs.i"), encoding="utf-8") as file:
        return set(re.findall(rf"^%{macro}\((?:evtwin_)?(\w+)\)", file.read(), re.M))


def may_be_none(part, optional_reports):
    """Whether an output is None where there is none (EVTWIN_DONE): numbers and most reports are not."""
    if part.startswith("reports."):
        return part in {f"reports.{report_name(name)}" for name in optional_reports}
    return part not in ("int", "float") and not part.startswith(("Optional", "List"))


def result_of(name, kind, out, doc, has_outcome, optional_reports):
    """The type of what a call answers."""
    if kind == "evtwin_status":
        first = ["int"] if has_outcome else []
        if "EVTWIN_DONE" in doc:
            out = [f"Optional[{part}]" if may_be_none(part, optional_reports) else part for part in out]
    elif name == "thresholds_reason" or kind == "void":
        first = []
    elif name in VIEWS:
        first = ["Optional[_View]"]
    elif kind == "const char *":
        first = [TEXT if "NULL" in doc else "str"]
    elif kind.endswith("*"):
        handle = re.fullmatch(r"(?:const )?evtwin_(\w+) \*", kind)[1]
        first = [f"Optional[{handle}]" if "NULL" in doc else handle]
    else:
        first = ["float" if kind in ("double", "float") else "int"]
    every = first + out
    return "None" if not every else every[0] if len(every) == 1 else f"Tuple[{', '.join(every)}]"


def member_type(kind, member, struct, reports):
    """The type of a member of a struct; of a report that is a copy."""
    if member == "raw":
        return "bytes"
    if kind == "const char *":
        return TEXT if not reports or member not in ("text",) else "str"
    if kind in CALLBACKS:
        return f"Optional[{CALLBACKS[kind]}]"
    if kind in ("const char *[]", "char[]", "char"):
        return "str"
    handle = re.fullmatch(r"(?:const )?evtwin_(\w+) \*", kind)
    if handle:
        is_report = reports and handle[1] == "refusal"
        return f"Optional[{'Refusal' if is_report else ('core.' if reports else '') + handle[1]}]"
    if kind.endswith("*") or kind.endswith("[]"):
        sys.exit(f"stubs.py: {struct}.{member}: a member of type {kind} needs a type in Python")
    return "float" if kind in ("double", "float") else "int"


# ---- what is written ----

HEAD = '''# SPDX-License-Identifier: MIT
# Made by bindings/python/stubs.py from the public headers. Do not edit.
'''


def docstring(text, indent):
    text = text.replace("\\", "").replace('"""', "'''")
    return f'{indent}"""{text}{" " if text.endswith(chr(34)) else ""}"""\n' if text else ""


def core_classes(tree):
    """name -> (properties, methods, whether it can be made)."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            properties = [item.targets[0].id for item in node.body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call)
                          and getattr(item.value.func, "id", "") == "property" and item.targets[0].id != "thisown"]
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            found[node.name] = (properties, [m.name for m in methods], any(m.name == "__init__" and not m.args.vararg for m in methods))
    return found


def write_core(tree, functions, structs, strings):
    text = [HEAD, '"""All of the C library under its names without prefix: outputs are results, options are objects."""\n',
            "from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, SupportsFloat, SupportsIndex, "
            "Tuple, Union\n\n", "from . import reports\n\n", "_Array = Any  # the buffer protocol, of the type that C takes\n\n",
            "class _View:\n    \"\"\"Read-only memory of a table, by the buffer protocol: numpy.asarray(view).\"\"\"\n\n"
            "    def __buffer__(self, flags: int) -> memoryview: ...\n\n"]
    for name, (properties, methods, can_be_made) in core_classes(tree).items():
        text.append(f"class {name}:\n    this: Any\n    thisown: bool\n    __swig_destroy__: Any\n")
        members = structs.get(f"evtwin_{name}", {})
        for member in properties:
            kind, doc = members[member]
            text.append(f"    {member}: {member_type(kind, member, name, False)}\n{docstring(doc, '    ')}")
        text.append("    def __init__(self) -> None: ...\n" if can_be_made else
                    "    def __init__(self, *args: Any, **kwargs: Any) -> None: ...\n")
        text += [f"    {METHODS[method]}\n" for method in methods if method not in ("__init__", "__repr__")]
        text.append("\n")
    having_outcome, optional_reports = listed("evtwin_outcome"), listed("evtwin_optional_report")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name != "close":
            text.append(function_stub(node, functions, having_outcome, optional_reports))
        elif isinstance(node, ast.Assign) and re.fullmatch(r"[A-Z][A-Z0-9_]*", node.targets[0].id):
            text.append(f"{node.targets[0].id}: {'str' if node.targets[0].id in strings else 'int'}\n")
    return "".join(text)


def function_stub(node, functions, having_outcome, optional_reports):
    names = [argument.arg for argument in node.args.args]
    if node.name in OWN:
        given, result = OWN[node.name]
        return f"def {node.name}({given}) -> {result}: ...\n"
    kind, parameters, doc = functions[f"evtwin_{node.name}"]
    given, out = convert(parameters, node.name)
    if len(given) != len(names):
        sys.exit(f"stubs.py: {node.name} takes {names} in core.py, and by _RULES {given}")
    if given and given[0].startswith("Optional[") and node.name.startswith(given[0][9:-1] + "_"):
        given[0] = given[0][9:-1]  # the object that the call is of
    result = result_of(node.name, kind, out, doc, node.name in having_outcome, optional_reports)
    head = f"def {node.name}({', '.join(f'{n}: {t}' for n, t in zip(names, given))}) -> {result}:"
    return f"{head}\n{docstring(doc, '    ')}    ...\n" if doc else f"{head} ...\n"


def write_reports(tree, structs):
    text = [HEAD, '"""Report structs of the C library as named tuples: copies, so that nothing in them is borrowed."""\n',
            "from typing import Any, NamedTuple, Optional, Union\n\nfrom . import core\nfrom ._table import Table\n\n"]
    for name, (properties, _methods, can_be_made) in core_classes(tree).items():
        if not properties or can_be_made:
            continue
        text.append(f"class {report_name(name)}(NamedTuple):\n")
        for member in properties:
            kind, doc = structs[f"evtwin_{name}"][member]
            of = member_type(kind, member, name, True)
            if (name, member) == ("pump_event", "kind"):  # streams._event makes it a word and a Table
                of = "Union[str, int]"
            elif (name, member) == ("pump_event", "batch"):
                of = "Optional[Table]"
            text.append(f"    {member}: {of}\n{docstring(doc, '    ')}")
        text.append("    text: str\n\n" if name == "reason" else "\n")
    return "".join(text) + "def copy(struct: Any) -> Any: ...\n"


# ---- keywords of the classes: what _base.options takes for each member ----

EXPLICIT = {"train_options.progress", "run_to_failure_options.progress", "follower_options.cache_dir", "alerts_options.store",
            "server_options.store", "alert_history_options.states"}  # parameters of their own
HANDLES = {"cell": "Cell", "metrics": "Metrics", "alerts": "Alerts"}
BASES = {"sim_options": ("FleetOptions", {"n_packs"})}  # Fleet takes all but these


def base_names():
    """_ENUMS and _OTHER_NAMES of _base.py."""
    with open(os.path.join(BINDINGS, "evtwin", "_base.py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return [ast.literal_eval(next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name))
            for name in ("_ENUMS", "_OTHER_NAMES")]


def keyword_type(kind, member, struct, enums, prefixes):
    prefix = prefixes.get(f"{struct}.{member}", prefixes.get(member))
    if kind in enums and prefix is not None:
        known = [value[len(f"EVTWIN_{prefix}_"):].lower() for value in enums[kind]]
        return f"Union[Literal[{', '.join(map(repr, known))}], int]"
    if kind == "const char *":
        return 'Union[str, "os.PathLike[str]", Sequence[str]' + (", Mapping[str, str]]" if member == "units" else "]")
    if kind in CALLBACKS:
        return CALLBACKS[kind].replace("predictor", "core.predictor")
    handle = re.fullmatch(r"(?:const )?evtwin_(\w+) \*", kind)
    if handle:
        return HANDLES.get(handle[1], f"core.{handle[1]}")
    if member.endswith("_us"):
        return "Time"
    if kind == "char":
        return "str"
    return "Union[SupportsFloat, SupportsIndex]" if kind in ("double", "float") else "SupportsIndex"


def write_options(tree, structs, enums):
    prefixes, others = base_names()
    text = [HEAD, '"""Keywords of the classes: the members of the option structs as _base.options takes them."""\n',
            "import os\nfrom typing import Callable, Literal, Mapping, Optional, Sequence, SupportsFloat, SupportsIndex, TypedDict, Union\n\n",
            "from . import core\nfrom ._base import Time\nfrom .serving import Alerts, Metrics\nfrom .simulation import Cell\n\n"]
    for name, (properties, methods, can_be_made) in core_classes(tree).items():
        if not can_be_made or not (name.endswith("_options") or name == "run_dataset"):
            continue
        lines = {}
        for member in properties:
            if f"{name}.{member}" in EXPLICIT:
                continue
            kind, doc = structs[f"evtwin_{name}"][member]
            of = keyword_type(kind, member, name, enums, prefixes)
            short = [word for word, target in others.items() if target == member] or (
                [member[:-3]] if member.endswith("_us") else [])
            for keyword in [member, *short]:
                lines[keyword] = f"    {keyword}: Optional[{of}]\n{docstring(doc, '    ')}"
        if "set_tags" in methods:
            lines["tags"] = "    tags: Optional[Mapping[str, str]]\n"
        if "set_allow_hosts" in methods:
            lines["allow_hosts"] = "    allow_hosts: Union[str, Sequence[str], None]\n"
        base, apart = BASES.get(name, ("TypedDict", set()))
        if apart:
            text.append(f"class {base}(TypedDict, total=False):\n" + "".join(v for k, v in lines.items() if k not in apart) + "\n")
            lines = {k: v for k, v in lines.items() if k in apart}
        text.append(f"class {report_name(name)}({base}, total=False):\n{''.join(lines.values()) or '    pass' + chr(10)}\n")
    return "".join(text)


def main():
    folder, core, out = sys.argv[1:]
    headers = read_headers(folder)
    with open(core, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    structs, enums = read_structs(headers), read_enums(headers)
    for name, text in (("core", write_core(tree, read_functions(headers), structs, read_strings(headers))), ("reports", write_reports(tree, structs)),
                       ("_options", write_options(tree, structs, enums))):
        path = os.path.join(out, f"{name}.pyi")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)  # whole, and in place of a link that an earlier build made


if __name__ == "__main__":
    main()
