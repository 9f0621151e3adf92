#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""openapi_contract.py BIN: what evtwin-serve answers is what its own /openapi.json says: every endpoint with every
parameter, right and wrong, each code, content type and member, on SQLite and PostgreSQL; a member that is not
described is an error, too. On a server with a token as well, and on one whose store is not there."""
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

from servers import Postgres, Skip, die_with_parent, run_test

try:
    import jsonschema
except ImportError:
    print("skipped: there is no python3-jsonschema")
    sys.exit(77)
try:
    import yaml
except ImportError:
    yaml = None

BIN = sys.argv[1]
DEADLINE_S = 100
TOKEN = "0123456789abcdef0123456789abcdef"
BATTERIES = ["BATTERY_001", "BATTERY_002", "BATTERY_003"]
CHILDREN = []
WRONG = {"integer": ["", "x", "1.5", "-1", "99999999999999999999", "nan"],
         "number": ["", "x", "-1", "nan", "inf", "1e999"],
         "boolean": ["", "x", "2"],
         "string": ["", "\t", "%00", "<script>", "x" * 300]}
EXAMPLES = {"battery_id": BATTERIES[:2], "until": ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00"],
            "from": ["2020-01-01T00:00:00Z"], "quantities": ["soc", "soc,soh,rul_low"], "ids": [",".join(BATTERIES)],
            "hours": ["1", "0.5", "8784"], "points": ["2", "500", "5000"]}
NEEDS = {"quantities": "points=100"}  # a parameter that makes sense beside another only
# What a stream answers is read as far as its first event.
STREAM = "text/event-stream"


FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time")
def is_time(value):
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    return not isinstance(value, str) or re.fullmatch(form, value) is not None


def path_of(ref):
    return ref[2:].split("/")


class Description:
    def __init__(self, root):
        self.root = root

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            own = {k: v for k, v in node.items() if k != "$ref"}
            target = self.root
            for key in path_of(node["$ref"]):
                target = target[key]
            node = {**target, **own}
        return node

    def closed(self, schema, is_part=False):
        """The schema without references, in which an object has no members but those described."""
        schema = dict(self.resolve(schema))
        for key in ("allOf", "oneOf", "anyOf"):
            if key in schema:
                schema[key] = [self.closed(one, key == "allOf") for one in schema[key]]
        for key in ("properties", "patternProperties"):
            if key in schema:
                schema[key] = {name: self.closed(one) for name, one in schema[key].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                schema[key] = self.closed(schema[key])
        if not is_part and ("properties" in schema or "allOf" in schema) and "additionalProperties" not in schema:
            schema["unevaluatedProperties"] = False
        return schema

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in ("get", "post", "put", "delete"):
                if method in item:
                    yield path, method.upper(), item[method]

    def validator(self, schema):
        return jsonschema.Draft202012Validator(self.closed(schema), format_checker=FORMATS)


class Server:
    """evtwin-serve on a free port of its own."""

    def __init__(self, store, *options):
        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen([os.path.join(BIN, "evtwin-serve"), "--store", store, "--port", "0", *options],
                                      stderr=self.log, preexec_fn=die_with_parent)
        CHILDREN.append(self.child)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            self.log.seek(0)
            found = re.search(r"at http://localhost:(\d+)", self.log.read())
            if found:
                break
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit(f"evtwin-serve does not say where it serves: {self.log.read()}")
            time.sleep(0.05)
        self.port = int(found[1])

    def ask(self, method, target, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            kind = answer.getheader("Content-Type", "")
            text = answer.read1(65536) if kind.startswith(STREAM) and answer.status == 200 else answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text
        finally:
            connection.close()

    def stop(self):
        self.child.terminate()
        if self.child.wait(DEADLINE_S) != 0:
            sys.exit(f"evtwin-serve ended with {self.child.returncode}")


class Contract:
    def __init__(self, description):
        self.description = description
        self.validators = {}
        self.failed = []
        self.n = 0
        self.seen = set()

    def fail(self, request, text):
        self.failed.append(f"{request}: {text}")
        print(f"FAILED: {request}: {text}"[:2000], flush=True)

    def check(self, path, method, operation, request, answer, codes=None):
        """An answer as described; with codes, one of these."""
        self.n += 1
        code, headers, body = answer
        self.seen.add((path, method, code))
        response = operation["responses"].get(str(code))
        if response is None or (codes is not None and code not in codes):
            expected = sorted(codes) if codes else sorted(operation["responses"])
            return self.fail(request, f"{code}, not {expected}: {body[:300]}")
        content = self.description.resolve(response).get("content", {})
        content = {key.replace(" ", "").lower(): value for key, value in content.items()}
        kind = headers.get("content-type", "").replace(" ", "").lower()
        if method == "HEAD" or not content:
            return None
        found = next((key for key in content if key in (kind, kind.split(";")[0])), None)
        if found is None:
            return self.fail(request, f"{code} is of type {kind}, not {list(content)}")
        if "json" in found and "ndjson" not in found:
            self.check_json(request, (path, method, code), content[found]["schema"], body)
        elif "csv" in found and not body.startswith(b"time,battery_id,"):
            self.fail(request, f"a CSV that begins with {body[:60]}")
        elif "ndjson" in found:
            for line in body.splitlines():
                self.check_json(request, "Row", {"$ref": "#/components/schemas/Row"}, line)
        return None

    def check_json(self, request, key, schema, text):
        try:
            value = json.loads(text, parse_constant=lambda word: self.fail(request, f"{word} in JSON"))
        except ValueError as e:
            return self.fail(request, f"{e}: {text[:200]}")
        if key not in self.validators:
            self.validators[key] = self.description.validator(schema)
        for error in itertools.islice(self.validators[key].iter_errors(value), 3):
            self.fail(request, f"{'.'.join(map(str, error.absolute_path))}: {error.message[:600]}")
        return None


def values_of(description, parameter):
    """Right ones, by the schema."""
    schema = description.resolve(parameter["schema"])
    values = [str(v) for v in EXAMPLES.get(parameter["name"], [])]
    values += [str(v) for v in schema.get("examples", []) + schema.get("enum", [])]
    values += [str(schema[key]) for key in ("default", "minimum", "maximum") if key in schema]
    if schema.get("type") == "boolean":
        values += ["true", "false"]
    return list(dict.fromkeys("true" if v == "True" else "false" if v == "False" else v for v in values))


def wrong_values_of(description, parameter):
    schema = description.resolve(parameter["schema"])
    kind = "string" if "enum" in schema else schema.get("type", "string")
    for value in WRONG.get(kind, []):
        if not (kind == "string" and parameter["name"] in ("q", "last_event_id")):  # any text is right
            yield value


def target_of(path, **query):
    text = urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})
    return f"{path}?{text}" if text else path


def check_get(contract, server, headers, path, operation):
    description = contract.description
    parameters = [description.resolve(p) for p in operation.get("parameters", [])]
    parameters = [p for p in parameters if p["in"] == "query"]
    required = {p["name"]: values_of(description, p)[0] for p in parameters if p.get("required")}

    def ask(query, codes=None, method="GET", more=None, body=None):
        target = target_of(path, **query)
        answer = server.ask(method, target, {**headers, **(more or {})}, body)
        contract.check(path, "HEAD" if method == "HEAD" else "GET", operation, f"{method} {target} {more or ''}", answer, codes)
        return answer

    plain = ask(required, {200})
    ask(required, {200}, "HEAD")
    for parameter in parameters:
        name = parameter["name"]
        beside = dict(required)
        beside.update(urllib.parse.parse_qsl(NEEDS.get(name, "")))
        for value in values_of(description, parameter):
            ask({**beside, name: value}, {200})
        for value in wrong_values_of(description, parameter):
            ask({**beside, name: value}, {400})
    takes_any = path in ("/health", "/livez", "/readyz", "/metrics", "/", "/api", "/login") or path == "/api/fleet/rows"
    if not takes_any:
        ask({**required, "no_such_parameter": "1"}, {400})
    if any(p["name"] == "battery_id" and "default" in p["schema"] for p in parameters):
        ask({"battery_id": "NOBODY"}, {404})
    if "304" in operation["responses"]:
        ask(required, {304}, more={"If-None-Match": plain[1]["etag"]})
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        ask(required, {405, 403}, method)
    ask(required, {413}, body="x")
    ask(required, {421} if not headers else {421, 200}, more={"Host": "example.org"})


def check_combinations(contract, server, headers):
    """What one parameter at a time does not reach."""
    item = contract.description.root["paths"]["/api/battery/history"]["get"]
    for query, codes in (("hours=1&from=2020-01-01T00:00:00Z", {400}), ("points=5&limit=5", {400}),
                         ("points=5&cursor=1.1", {400}), ("quantities=soc", {400}), ("points=5&quantities=nothing", {400}),
                         ("from=2020-01-02T00:00:00Z&until=2020-01-01T00:00:00Z", {400}),
                         ("from=2020-01-01T00:00:00Z&points=77", {200}), ("from=2020-01-01T00:00:00Z&limit=1000", {200}),
                         ("from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z", {200})):
        target = f"/api/battery/history?battery_id={BATTERIES[0]}&{query}"
        contract.check("/api/battery/history", "GET", item, target, server.ask("GET", target, headers), codes)
    # page on to the end
    target = "/api/battery/history?limit=3&from=2020-01-01T00:00:00Z"
    cursor = ""
    for _ in range(1000):
        answer = server.ask("GET", target + cursor, headers)
        contract.check("/api/battery/history", "GET", item, target + cursor, answer, {200})
        following = json.loads(answer[2])["next"]
        if following is None:
            return
        cursor = f"&cursor={following}"
    contract.fail(target, "its pages have no end")


def check_post(contract, server, headers, path, operation):
    is_json = {"Content-Type": "application/json"}
    for more, body in (({}, None), ({}, "{}"), ({"Content-Type": "text/plain"}, "{}"), (is_json, "{}"), (is_json, "[1]"),
                       (is_json, "not JSON"), (is_json, '{"x":' + "9" * 70000 + "}")):
        answer = server.ask("POST", path, {**headers, **more}, body)
        contract.check(path, "POST", operation, f"POST {path} {more} {str(body)[:30]}", answer)


def check_all(contract, server, headers):
    for path, method, operation in contract.description.operations():
        if method == "GET":
            check_get(contract, server, headers, path, operation)
        elif method == "POST":
            check_post(contract, server, headers, path, operation)
    check_combinations(contract, server, headers)


def check_refused(contract, server, code, paths_free=()):
    """Every endpoint answers so, where it says that it may."""
    for path, method, operation in contract.description.operations():
        if method == "GET" and str(code) in operation["responses"] and path not in paths_free:
            answer = server.ask("GET", path)
            codes = {code} if not any(p.get("required") for p in operation.get("parameters", [])) else {code, 400}
            codes |= {200} if path == "/api/stream" else set()
            contract.check(path, "GET", operation, f"GET {path}", answer, codes)


def fill(store):
    subprocess.run([os.path.join(BIN, "evtwin-sim"), "-q", "--fleet", str(len(BATTERIES)), "--interval", "0.05",
                    "--duration", "1.5", "--sink", store], check=True)


PREDICT = """UPDATE ev_telemetry SET rul_prediction = 321.5, failure_probability = 0.9, model_version = 'v1',
    prediction_timestamp = created_at WHERE battery_id = 'BATTERY_001'"""
UNKNOWN = """UPDATE ev_telemetry SET prediction_note = 'unknown, because soh is missing', prediction_timestamp = created_at
    WHERE battery_id = 'BATTERY_002'"""


def predict_sqlite(path):
    import sqlite3
    with sqlite3.connect(path, timeout=60) as db:
        db.execute(PREDICT)
        db.execute(UNKNOWN)


def predict_postgres(uri):
    import psycopg2
    with psycopg2.connect(uri) as db, db.cursor() as cursor:
        cursor.execute(PREDICT)
        cursor.execute(UNKNOWN)


def read_description(server):
    code, _, text = server.ask("GET", "/openapi.json")
    if code != 200:
        sys.exit(f"/openapi.json is {code}")
    root = json.loads(text)
    if yaml is not None and yaml.safe_load(server.ask("GET", "/openapi.yaml")[2]) != root:
        sys.exit("/openapi.yaml and /openapi.json differ")
    if not root["openapi"].startswith("3.1."):
        sys.exit(f"OpenAPI {root['openapi']}")
    for schema in root["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    return Description(root)


def try_store(name, store, folder):
    server = Server(store)
    contract = Contract(read_description(server))
    check_all(contract, server, {})
    server.stop()

    token = os.path.join(folder, "token")
    if any(m == "POST" for _, m, _ in contract.description.operations()):
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(TOKEN + "\n")
        server = Server(store, "--token-file", token)
        check_refused(contract, server, 401, paths_free=("/", "/health", "/livez", "/readyz", "/login"))
        check_all(contract, server, {"Authorization": f"Bearer {TOKEN}"})
        server.stop()
    print(f"{name}: {contract.n} answers, {len(contract.seen)} of an endpoint and a code, {len(contract.failed)} wrong",
          flush=True)
    return contract


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fleet.db")
        fill(f"sqlite:{path}")
        predict_sqlite(path)
        contracts = [try_store("SQLite", f"sqlite:{path}", folder)]

        server = Server(f"sqlite:{os.path.join(folder, 'absent.db')}")
        check_refused(contracts[0], server, 503, paths_free=("/",))
        server.stop()
        reason = None
        try:
            with Postgres() as pg:
                fill(pg.uri)
                predict_postgres(pg.uri)
                contracts.append(try_store("PostgreSQL", pg.uri, folder))
        except Skip as skip:
            reason = skip
        if any(c.failed for c in contracts):
            sys.exit(1)
        if reason is not None:
            raise Skip(f"PostgreSQL: {reason}")


if __name__ == "__main__":
    run_test(main, CHILDREN)
