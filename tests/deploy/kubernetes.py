#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kubernetes.py BIN: the manifests of deploy/kubernetes: what fits together within them, what the tools make of their
options, and the REST server started with the manifest's own arguments and asked its own probes.
"""
import glob
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

try:
    import yaml
except ImportError:
    print("skipped: there is no module yaml (Debian: python3-yaml)")
    sys.exit(77)

BIN = os.path.abspath(sys.argv[1])
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.path.join(ROOT, "deploy", "kubernetes")
DEADLINE_S = 90
failed = []
n_checks = 0


def check(what, holds, found=""):
    global n_checks
    n_checks += 1
    if not holds:
        failed.append(what)
        print(f"FAILED: {what}\n{found}")


def read(name):
    with open(os.path.join(ROOT, name)) as f:
        return f.read()


def load():
    found = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.yaml"))):
        with open(path) as f:
            found += [document for document in yaml.safe_load_all(f) if document]
    return found


objects = load()
CONFIG = [o for o in objects if o["kind"] == "ConfigMap"][0]["data"]
WORKLOADS = {o["metadata"]["name"]: o for o in objects if o["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job")}
README = read("deploy/kubernetes/README.md")


def pod_of(workload):
    return workload["spec"]["template"]


def container_of(workload):
    return pod_of(workload)["spec"]["containers"][0]


def expanded(container, more=None):
    """Its arguments as Kubernetes gives them to the program."""
    known = {**CONFIG, **{e["name"]: "evtwin-0" for e in container.get("env", [])}, **(more or {})}
    return [re.sub(r"\$\((\w+)\)", lambda m: known.get(m.group(1), m.group(0)), arg) for arg in container["args"]]


def selects(selector, workload):
    labels = pod_of(workload)["metadata"]["labels"]
    return all(labels.get(k) == v for k, v in selector.items())


# ---- the objects fit together ----

def check_labels():
    for o in objects:
        name = f"{o['kind']} {o['metadata']['name']}"
        if o["kind"] == "Namespace":
            check(f"{name}: restricted", o["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted")
            continue
        check(f"{name}: namespace", o["metadata"]["namespace"] == "evtwin")
        for label in ("name", "instance", "version", "component", "part-of", "managed-by"):
            check(f"{name}: label {label}", "app.kubernetes.io/" + label in o["metadata"]["labels"])
        check(f"{name}: is no Secret", o["kind"] != "Secret")
    version = re.search(r'#define EVTWIN_VERSION "([^"]+)"', read("include/evtwin/base.h")).group(1)
    for o in WORKLOADS.values():
        check("the version is ours", pod_of(o)["metadata"]["labels"]["app.kubernetes.io/version"] == version)
        check("the image too", container_of(o)["image"] == "evtwin:" + version)
        check("it selects itself", selects(o["spec"]["selector"]["matchLabels"], o))


def check_references():
    ports = {p["name"] for o in WORKLOADS.values() for p in container_of(o)["ports"]}
    for o in objects:
        kind, spec, name = o["kind"], o.get("spec", {}), f"{o['kind']} {o['metadata']['name']}"
        if kind == "Service":
            behind = [w for w in WORKLOADS.values() if selects(spec["selector"], w)]
            check(f"{name}: one workload behind it", len(behind) == 1)
            check(f"{name}: its port is there", all(p["targetPort"] in {q["name"] for q in container_of(behind[0])["ports"]}
                                                    for p in spec["ports"]))
        elif kind == "PodDisruptionBudget":
            check(f"{name}: is of one workload", sum(selects(spec["selector"]["matchLabels"], w) for w in WORKLOADS.values()) == 1)
        elif kind == "HorizontalPodAutoscaler":
            target = WORKLOADS.get(spec["scaleTargetRef"]["name"])
            check(f"{name}: its target", target is not None and target["kind"] == spec["scaleTargetRef"]["kind"])
            check(f"{name}: more than one", 1 < spec["minReplicas"] < spec["maxReplicas"])
            check(f"{name}: nobody else says how many", "replicas" not in target["spec"], target["spec"].get("replicas"))
        elif kind == "NetworkPolicy":
            check(f"{name}: is of pods that there are", any(selects(spec["podSelector"]["matchLabels"], w) for w in WORKLOADS.values()))
            check(f"{name}: ports that there are", all(p["port"] in ports for rule in spec["ingress"] for p in rule["ports"]))
        elif kind == "StatefulSet":
            check(f"{name}: its service", any(s["kind"] == "Service" and s["metadata"]["name"] == spec["serviceName"] for s in objects))


def check_volumes(o):
    name, pod, container = o["metadata"]["name"], pod_of(o)["spec"], container_of(o)
    templates = {t["metadata"]["name"] for t in o["spec"].get("volumeClaimTemplates", [])}
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounts = {m["name"]: m for m in container["volumeMounts"]}
    check(f"{name}: each mount has a volume, each volume a mount", set(mounts) == set(volumes) | templates, mounts)
    for v in volumes.values():
        if "secret" in v:
            check(f"{name}: the secret {v['secret']['secretName']} is made in README", f" {v['secret']['secretName']} " in README)
            check(f"{name}: others cannot read it", v["secret"]["defaultMode"] & 0o007 == 0)
        if "persistentVolumeClaim" in v:
            check(f"{name}: the claim is there", any(c["kind"] == "PersistentVolumeClaim" and
                                                     c["metadata"]["name"] == v["persistentVolumeClaim"]["claimName"] for c in objects))
    spools = [a.split("=", 1)[1] for a in container["args"] if a.startswith("--spool=")]
    check(f"{name}: who has a spool is a StatefulSet, and nobody else", bool(spools) == (o["kind"] == "StatefulSet"))
    for spool in spools:
        check(f"{name}: the spool is on its volume", any(spool.startswith(mounts[t]["mountPath"] + "/") for t in templates), spool)
    paths = [mounts[m]["mountPath"] for m in mounts]
    for path in re.findall(r"/(?:run|models|spool)/[\w./-]+", " ".join(expanded(container))):
        check(f"{name}: {path} is on a volume", any(path.startswith(p + "/") for p in paths))


def check_rights(o):
    name, pod, container = o["metadata"]["name"], pod_of(o)["spec"], container_of(o)
    user, rights = pod["securityContext"], container["securityContext"]
    dockerfile = read("deploy/Dockerfile")
    check(f"{name}: no root", user["runAsNonRoot"] and user["runAsUser"] == user["runAsGroup"] == user["fsGroup"] == 10001)
    check(f"{name}: the user of the image", f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile)
    check(f"{name}: seccomp", user["seccompProfile"]["type"] == "RuntimeDefault")
    check(f"{name}: no capability", rights["capabilities"]["drop"] == ["ALL"] and not rights["allowPrivilegeEscalation"])
    check(f"{name}: read-only root", rights["readOnlyRootFilesystem"])
    check(f"{name}: no service account", pod["automountServiceAccountToken"] is False)
    check(f"{name}: resources", {"cpu", "memory"} <= set(container["resources"]["requests"]) and "memory" in container["resources"]["limits"])
    for e in container.get("env", []):
        check(f"{name}: {e['name']} is no secret in words", "valueFrom" in e)
    for key, value in CONFIG.items():
        check(f"{key} is no secret", not re.search("PASSWORD|TOKEN|SECRET|KEY", key) or key.endswith("_FILE"), value)


def check_probes(o):
    name, container = o["metadata"]["name"], container_of(o)
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    for kind, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        get = container[kind]["httpGet"]
        check(f"{name}: {kind}", get["path"] == path and get["port"] in ports, get)
        check(f"{name}: {kind} by the scheme of the server", get.get("scheme", "HTTP") ==
              ("HTTPS" if any(a.startswith(("--tls-cert", "--metrics-tls-cert")) for a in container["args"]) else "HTTP"))
    patience = pod_of(o)["spec"]["terminationGracePeriodSeconds"]
    drain = [float(a.split("=")[1]) for a in container["args"] if a.startswith("--drain=")]
    check(f"{name}: time to stop", patience > sum(drain) + 30)


# ---- the tools read what is in them ----

def known_variables():
    """Environment names of the documentation, which a test of the tools compares with them."""
    table = read("docs/cli.md").split("| environment | option | default |")[1].split("\n\n")[0]
    return set(re.findall(r"`([A-Z][A-Z_]+)`", table))


def check_options(o):
    """The tool's own reading: every value from the command line, the ports where the probes ask."""
    name, container = o["metadata"]["name"], container_of(o)
    args = expanded(container)
    check(f"{name}: nothing is left to fill in", "$(" not in " ".join(args), args)
    check(f"{name}: a tool of ours", args[0] == o["metadata"]["name"])
    environment = {"PATH": os.environ["PATH"], **CONFIG}
    done = subprocess.run([os.path.join(BIN, args[0]), *args[1:], "--print-config"], capture_output=True, text=True,
                          timeout=DEADLINE_S, env=environment)
    check(f"{name}: the tool takes every option", done.returncode == 0, done.stderr)
    settings = dict(re.findall(r"^([\w-]+) = (.*?) +# (?:flag|environment|default)", done.stdout, re.M))
    check(f"{name}: logs are JSON", settings.get("log-format") == "json", done.stdout)
    where = settings["listen"] if "listen" in settings else f"{settings['metrics-listen']}:{settings['metrics-port']}"
    check(f"{name}: it listens where it is asked", where == f"0.0.0.0:{container['ports'][0]['containerPort']}", where)
    store = settings.get("store", "")
    check(f"{name}: the database", not store or store.startswith("postgresql://twin@timescaledb:5432/twin_data?password_file=") or
          name == "evtwin-predict", store)


def start_check(o, work, user):
    """--check with servers that are not there; it judges URIs, models, addresses and spool before it misses them."""
    more = {"DB_HOST": "127.0.0.1", "DB_PORT": "1", "MQTT_HOST": "127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "DB_PASSWORD_FILE": os.path.join(work, "password")}
    args = [a.replace("/models/current", os.path.join(work, "models")).replace("/spool/", work + "/spool-")
            for a in expanded(container_of(o), more)]
    return subprocess.Popen([os.path.join(BIN, args[0]), *args[1:], "--check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={"PATH": os.environ["PATH"], **CONFIG, **more}, **user)


def end_check(name, child, n_lines):
    out, err = child.communicate(timeout=DEADLINE_S)
    check(f"{name}: --check misses the servers alone", child.returncode == 69, out + err)
    check(f"{name}: a line for everything", len(out.splitlines()) == n_lines, out)
    for line in out.splitlines():
        check(f"{name}: {line}", line.endswith(": ok") or "127.0.0.1" in line)


# ---- the REST server as the manifest starts it ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def probe(port, probe_of):
    context = ssl._create_unverified_context()  # the kubelet does not verify either
    get = probe_of["httpGet"]
    url = f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{get['path']}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        return opener.open(urllib.request.Request(url, headers={"Host": f"10.0.0.7:{port}"}), timeout=DEADLINE_S).status
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0


def make_secrets(work):
    """As Kubernetes mounts them: of root, readable by the group of the pod."""
    with open(os.path.join(work, "token"), "w") as f:
        f.write("a-token-of-this-test\n")
    with open(os.path.join(work, "password"), "w") as f:
        f.write("a-password-of-this-test\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=evtwin-serve", "-addext", "subjectAltName=DNS:evtwin-serve", "-keyout",
                    os.path.join(work, "tls.key"), "-out", os.path.join(work, "tls.crt")], check=True, capture_output=True)
    is_root = os.geteuid() == 0
    for name in ("token", "password", "tls.key", "tls.crt"):
        path = os.path.join(work, name)
        os.chmod(path, 0o440 if is_root else 0o400)
        if is_root:
            os.chown(path, 0, 10001)
    if is_root:
        os.chmod(work, 0o777)
    return {"user": 10001, "group": 10001, "extra_groups": []} if is_root else {}


def run_server(o, work, user):
    container, port = container_of(o), free_port()
    args = [re.sub(r"/run/secrets/[\w-]+", work, a).replace(":5001", f":{port}") for a in expanded(container)]
    log = os.path.join(work, "serve.log")
    with open(log, "wb") as f:
        child = subprocess.Popen([os.path.join(BIN, args[0]), *args[1:], "--store=sqlite:" + os.path.join(work, "fleet.db"), "--drain=3"],
                                 env={"PATH": os.environ["PATH"], "EVTWIN_LOG_FORMAT": CONFIG["EVTWIN_LOG_FORMAT"]},
                                 stdout=f, stderr=f, cwd=work, **user)
    try:
        limit = time.monotonic() + DEADLINE_S
        while probe(port, container["startupProbe"]) != 200 and time.monotonic() < limit and child.poll() is None:
            time.sleep(0.05)
        with open(log) as f:
            said = f.read()
        check("the server as the manifest starts it", probe(port, container["livenessProbe"]) == 200, said)
        check("ready", probe(port, container["readinessProbe"]) == 200, said)
        check("the rest wants the token", probe(port, {"httpGet": {"scheme": "HTTPS", "path": "/api/batteries/list"}}) == 401)
        child.terminate()
        while probe(port, container["readinessProbe"]) == 200 and time.monotonic() < limit:
            time.sleep(0.02)
        check("not ready while it stops", probe(port, container["readinessProbe"]) in (503, 0))
        check("it ends well", child.wait(DEADLINE_S) == 0)
    finally:
        child.kill()
        child.wait()


def main():
    check_labels()
    check_references()
    check("every variable is one that the tools know", set(CONFIG) <= known_variables(), set(CONFIG) - known_variables())
    for o in WORKLOADS.values():
        check_volumes(o)
        check_rights(o)
        check_probes(o)
        check_options(o)
    with tempfile.TemporaryDirectory(prefix="evtwin-kubernetes.") as work:
        for command in (["sim", "-q", "--until-eol", "--fleet", "6", "--record-days", "60", "--csv", "fleet.csv"],
                        ["train", "-q", "fleet.csv", "--out", "models"],
                        ["sim", "-q", "--duration", "0.3", "--interval", "0.1", "--sink", "sqlite:fleet.db"]):
            subprocess.run([os.path.join(BIN, "evtwin-" + command[0]), *command[1:]], cwd=work, check=True, timeout=DEADLINE_S)
        for name in [".", *os.listdir(work)]:  # the user of the pods reads and writes all of it
            subprocess.run(["chmod", "-R", "a+rwX", os.path.join(work, name)], check=True)
        user = make_secrets(work)
        predict, ingest = (start_check(WORKLOADS["evtwin-" + name], work, user) for name in ("predict", "ingest"))
        run_server(WORKLOADS["evtwin-serve"], work, user)
        end_check("evtwin-predict", predict, 4)  # models, source, sink, metrics
        end_check("evtwin-ingest", ingest, 6)    # source, 2 sinks, dead letters, spool, metrics
    print(f"{n_checks} checks, {len(failed)} failed")
    sys.exit(1 if failed else 0)


main()
