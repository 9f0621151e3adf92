#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compose.py BIN: deploy/compose.yaml beside what it names: files, variables, ports, users, and the
options of our tools, which the tools themselves read. deploy.compose_load has Docker's library read it.
"""
import http.client
import os
import re
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]
import stack  # noqa: E402
from server.serve import Serve  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
failed = []


def check(what, holds):
    if not holds:
        failed.append(what)
        print("FAILED:", what)


def check_make_env():
    program = os.path.join(stack.DEPLOY, "make-env")
    with tempfile.TemporaryDirectory(prefix="evtwin-env.") as folder:
        path = os.path.join(folder, ".env")
        for mask in (0o000, 0o077):  # whatever the user's is
            first = subprocess.run([program, path], umask=mask, capture_output=True, text=True)
            check(f"make-env: {first.stderr}", first.returncode == 0)
            check("only its owner reads it", stat.S_IMODE(os.stat(path).st_mode) == 0o600)
            with open(path) as f:
                before = f.read()
            again = subprocess.run([program, path], capture_output=True, text=True)
            check("one that is there stays", again.returncode == 0 and "stays" in again.stderr)
            with open(path) as f:
                check("unchanged", f.read() == before)
            os.remove(path)
        os.symlink(os.path.join(folder, "elsewhere"), path)
        subprocess.run([program, path], capture_output=True)
        check("no file is made through a link", not os.path.exists(os.path.join(folder, "elsewhere")))
        nowhere = subprocess.run([program, os.path.join(folder, "absent", ".env")], capture_output=True,
                                 text=True)
        check("a folder that is not there: " + nowhere.stderr,
              nowhere.returncode == 73 and "cannot be written" in nowhere.stderr)
    one, other = stack.make_env(), stack.make_env()
    secrets = [name for name in one if re.search("PASSWORD|KEY", name)]
    check(f"secrets: {secrets}", len(secrets) == 6)
    for name in secrets:
        check(f"{name} is 32 random characters", re.fullmatch("[A-Za-z0-9]{32}", one[name]))
    values = [env[name] for env in (one, other) for name in secrets]
    check("none comes twice", len(set(values)) == len(values))


def check_variables(env):
    check(f"make-env writes what compose.yaml reads: {stack.variables() ^ set(env)}",
          stack.variables() | {"COMPOSE_PROFILES"} == set(env))
    for name in stack.variables():
        if re.search("PASSWORD|KEY", name):
            try:
                stack.load({k: v for k, v in env.items() if k != name})
                check(f"without {name} nothing starts", False)
            except ValueError as e:
                check(f"it says what to do: {e}", "make-env" in str(e))
    with open(stack.COMPOSE) as f:
        text = f.read()
    for line in text.splitlines():
        if re.search(r"(PASSWORD|SECRET|ACCESS_KEY)\w*:", line):
            check(f"no secret stands in the file: {line.strip()}", "${" in line)


def check_services(services):
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        check(f"{name}: the image has a version: {service['image']}", re.search(r"\d+\.\d+\.\d+", tag))
        once = name in {target for s in services.values() for target, how in s.get("depends_on", {}).items()
                        if how["condition"] == "service_completed_successfully"}
        check(f"{name}: runs once or has a health check",
              once or "healthcheck" in service or name == "evtwin-sim")
        check(f"{name}: cannot gain privileges", "no-new-privileges:true" in service["security_opt"])
        for target, how in service.get("depends_on", {}).items():
            check(f"{name} waits for {target}, which is there", target in services)
            if how["condition"] == "service_healthy":
                check(f"{target} has a health check", "healthcheck" in services[target])
    names = {service["container_name"]: name for name, service in services.items() if "container_name" in service}
    check(f"the container that users know: {names}", names == {"ev_timescaledb": "timescaledb"})
    with open(stack.COMPOSE) as f:
        declared = set(stack.yaml.safe_load(f)["volumes"])
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", []) if not v.startswith(".")}
    check(f"volumes: {declared ^ used}", declared == used)


def check_files(services):
    for name, source, target in stack.mounts(services):
        check(f"{name}: {source} is there", os.path.exists(source))
    with open(os.path.join(stack.DEPLOY, "Dockerfile")) as f:
        for line in f:
            copied = re.match(r"COPY (?!--from)(.+) (\S+)$", line)
            for source in copied[1].split() if copied else []:
                check(f"Dockerfile copies {source}", os.path.exists(os.path.join(stack.ROOT, source)))
    # reached by Prometheus and Grafana under these names
    with open(os.path.join(stack.DEPLOY, "prometheus", "prometheus.yml")) as f:
        jobs = stack.yaml.safe_load(f)["scrape_configs"]
    for job in jobs:
        for target in job["static_configs"][0]["targets"]:
            host = target.split(":")[0]
            check(f"Prometheus asks {target}", host in services or host == "localhost")
    grafana = os.path.join(stack.DEPLOY, "grafana", "provisioning", "datasources", "datasources.yaml")
    with open(grafana) as f:
        text = f.read()
    for source in stack.yaml.safe_load(text)["datasources"]:
        host = re.sub("^https?://", "", source["url"]).split(":")[0]
        check(f"Grafana asks {source['url']}", host in services)
    for variable in re.findall(r"\$\{(\w+)\}", text):
        check(f"Grafana has {variable}", variable in services["grafana"]["environment"])


def check_ports(services, env):
    published = stack.published(services)
    wanted = stack.contract()
    check(f"ports of README.md's table: {set(published) ^ set(wanted)}", set(published) == set(wanted))
    check("the same inside", all(host == inside for (_, host), inside in published.items()))
    for service in services.values():
        for text in service.get("ports", []):
            check(f"{text}: on the loopback address", text.startswith(env["EVTWIN_BIND"] + ":"))
    check("which is the loopback address", env["EVTWIN_BIND"] == "127.0.0.1")


def image_user():
    with open(os.path.join(stack.DEPLOY, "Dockerfile")) as f:
        return re.search(r"^USER (\S+)$", f.read(), re.M)[1]


def check_volumes(services):
    """A named volume that a tool writes is the image's folder of its user, so that Docker gives it to him."""
    with open(os.path.join(stack.DEPLOY, "Dockerfile")) as f:
        owned = re.search(r"install -d -o evtwin -g evtwin (.+)", f.read())[1].split()
    for name, service in services.items():
        for volume in service.get("volumes", []) if service["image"].startswith("evtwin:") else []:
            target = volume.split(":")[1]
            check(f"{name}: {target} is its user's", target in owned)


def check_tools(services):
    """Our tools read their own options and environment; an unknown one is code 2, a bad value 2 or 78."""
    tools = {name: s for name, s in services.items() if s["image"].startswith("evtwin:")}
    with open(os.path.join(stack.ROOT, "CMakeLists.txt")) as f:
        version = re.search(r"project\(evtwin VERSION (\S+)", f.read())[1]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "MLFLOW_"))}
    for name, service in tools.items():
        check(f"{name}: image of this version", service["image"] == f"evtwin:{version}")
        check(f"{name}: the image's user, {service.get('user')}, who is not root", service.get("user") == image_user() == "10001:10001")
        for key in ("read_only", "init"):
            check(f"{name}: {key}", service[key] is True)
        check(f"{name}: no capabilities", service["cap_drop"] == ["ALL"])
        program, *options = service["command"]
        if not program.startswith("evtwin-"):
            check(f"{name}: {program} is in the image", os.access(os.path.join(stack.DEPLOY, program), os.X_OK))
            continue
        done = subprocess.run([os.path.join(BIN, program), *options, "--print-config"], capture_output=True,
                              text=True, env={**clean, **service.get("environment", {})})
        check(f"{name}: {program} reads its options: {done.stderr}", done.returncode == 0)
        said = done.stdout
        check(f"{name}: no password is shown", service["environment"]["DB_PASSWORD"] not in said)
        check(f"{name}: the database of the stack: {said}", "twin@timescaledb" in said)
        if "KAFKA_BOOTSTRAP_SERVERS" in service["environment"]:
            for sink in ("kafka://redpanda:29092/ev_battery_telemetry", "mqtt://mosquitto/ev/battery/telemetry"):
                check(f"{name}: writes to {sink}", sink in said)
    # the same for what the scripts of the image call
    with open(os.path.join(stack.DEPLOY, "first-models")) as f:
        for line in f:
            call = re.match(r"(evtwin-\w+) (.*)", line)
            for option in re.findall(r"--[a-z-]+", call[2]) if call else []:
                text = subprocess.run([os.path.join(BIN, call[1]), "--help"], capture_output=True, text=True).stdout
                check(f"first-models: {call[1]} has {option}", f" {option} " in text)


def check_hosts(services):
    """The REST server answers to the names that are used here; not to one that a page in a browser made up for this address."""
    options = services["evtwin-serve"]["command"][1:]
    at = options.index("--listen")
    with tempfile.TemporaryDirectory(prefix="evtwin-hosts.") as folder:
        server = Serve(f"sqlite:{folder}/fleet.db", *options[:at], *options[at + 2:])
        for host, expected in (("evtwin-serve:5001", 200), ("localhost:5001", 200), ("127.0.0.1:5001", 200), ("evil.example:5001", 421)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=100)
            connection.request("GET", "/livez", headers={"Host": host})
            code = connection.getresponse().status
            connection.close()
            check(f"evtwin-serve, asked as {host}: {code}", code == expected)
        server.stop()


def main():
    check_make_env()
    env = stack.make_env()
    services = stack.load(env)
    check_variables(env)
    check_services(services)
    check_files(services)
    check_ports(services, env)
    check_tools(services)
    check_volumes(services)
    check_hosts(services)
    print(f"{len(services)} services, {len(stack.mounts(services))} mounted files, "
          f"{len(stack.published(services))} ports, {len(stack.variables())} variables")
    sys.exit(1 if failed else 0)


main()
