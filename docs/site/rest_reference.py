# SPDX-License-Identifier: MIT
"""The page of the REST API, in Markdown, from docs/openapi.yaml."""
import json

import yaml


class Description:
    def __init__(self, text):
        self.document = yaml.safe_load(text)

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node


def cell(text):
    """Text that stays within the cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def type_of(schema):
    """A schema in one phrase: its type with what bounds it, or a link to the schema that it names."""
    if not schema:
        return "any"
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})"
    for key, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        if key in schema:
            return word.join(type_of(part) for part in schema[key])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kind = schema.get("type", "object" if "properties" in schema else "any")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "items" in schema:
        words = words.replace("array", f"array of {type_of(schema['items'])}")
    elif isinstance(schema.get("additionalProperties"), dict):
        words += f" of {type_of(schema['additionalProperties'])}"
    if "format" in schema:
        words += f" ({schema['format']})"
    bounds = [f"{sign} {schema[key]}" for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"),
                                                        ("exclusiveMaximum", "<"), ("default", "default")) if key in schema]
    return words + (", " + ", ".join(bounds) if bounds else "")


def members(api, schema, depth=0):
    """(name, type, description) of a schema's members, those of objects within it behind them as a.b."""
    schema = api.resolve(schema)
    for part in schema.get("allOf", []):
        if "$ref" not in part:
            yield from members(api, part, depth)
    if schema.get("type") == "array" and "$ref" not in schema.get("items", {}):
        yield from members(api, schema.get("items", {}), depth)
    required = schema.get("required", [])
    for name, of in schema.get("properties", {}).items():
        words = of.get("description", "")
        if name not in required and required:
            words = f"{words} (may be absent)".strip()
        yield name, type_of(of), words
        if depth < 3 and "$ref" not in of:
            for inner, kind, said in members(api, of, depth + 1):
                yield f"{name}.{inner}", kind, said


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows] + [""]


def operation(api, path, method, what, shared):
    out = [f"### {method.upper()} {path}", "", what.get("summary", ""), "", what.get("description", ""), ""]
    parameters = [api.resolve(parameter) for parameter in shared + what.get("parameters", [])]
    if parameters:
        out += table(("parameter", "in", "type", "what it is"),
                     [(f"`{p['name']}`" + (" (required)" if p.get("required") else ""), p["in"],
                       type_of(p.get("schema", {})), p.get("description", "")) for p in parameters])
    for kind, body in api.resolve(what.get("requestBody", {})).get("content", {}).items():
        out += [f"The body is `{kind}`:", ""]
        out += table(("member", "type", "what it is"), [(f"`{n}`", t, d) for n, t, d in members(api, body["schema"])])
    rows, shapes = [], []
    for code, answer in what["responses"].items():
        answer = api.resolve(answer)
        kinds = answer.get("content", {})
        rows.append((code, answer.get("description", ""),
                     ", ".join(f"`{kind}`" + (f" {type_of(body['schema'])}" if "$ref" in body.get("schema", {}) else "")
                               for kind, body in kinds.items())))
        for body in kinds.values():
            found = list(members(api, body.get("schema", {}))) if "$ref" not in body.get("schema", {}) else []
            if code.startswith("2") and found:
                shapes += [f"Members of the answer ({code}):", ""]
                shapes += table(("member", "type", "what it is"), [(f"`{n}`", t, d) for n, t, d in found])
    return out + table(("code", "when", "content"), rows) + shapes


def page(text):
    api = Description(text)
    info = api.document["info"]
    out = ["# REST reference", "", f"Made from [openapi.yaml](../docs/openapi.yaml), version {info['version']}. "
           "[The HTTP server](../docs/rest.md) says how to run it.", "", info["description"], ""]
    tags = {tag["name"]: tag["description"] for tag in api.document["tags"]}
    for tag, title in tags.items():
        out += [f"## {title}", ""]
        for path, operations in api.document["paths"].items():
            for method, what in operations.items():
                if method in ("get", "post", "put", "delete") and tag in what.get("tags", []):
                    out += operation(api, path, method, what, operations.get("parameters", []))
    out += ["## Schemas", ""]
    for name, schema in api.document["components"]["schemas"].items():
        out += [f"### {name}", "", schema.get("description", ""), ""]
        bases = [type_of(part) for part in schema.get("allOf", []) if "$ref" in part]
        if bases:
            out += [f"All of {', '.join(bases)}, and:", ""]
        rows = [(f"`{n}`", t, d) for n, t, d in members(api, schema)]
        out += table(("member", "type", "what it is"), rows) if rows else [type_of(schema), ""]
    return "\n".join(out)
