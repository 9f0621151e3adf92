# SPDX-License-Identifier: MIT
"""What the benches print, each beside its peer in the same run."""
import os
import subprocess
import sys

from rig import Failed, code

TITLE = "Speed"
# name: (heading, servers that it needs)
BENCHES = {
    "bench_sim": ("Simulation", ()),
    "bench_csv": ("CSV", ()),
    "bench_json": ("JSON", ()),
    "bench_train": ("Training", ()),
    "bench_forest": ("Prediction", ()),
    "bench_shap": ("Reasons", ()),
    "bench_features": ("Features of the past", ()),
    "bench_watch": ("Drift", ()),
    "bench_store": ("The store", ()),
    "bench_postgres": ("PostgreSQL", ("postgres",)),
    "bench_spool": ("The spool", ("postgres",)),
    "bench_mqtt": ("MQTT", ("mosquitto",)),
    "bench_stream": ("The live stream", ()),
}
COMMANDS = list(BENCHES)


def measure(rig):
    return [[name, heading, printed(rig, name, servers)]
            for name, (heading, servers) in BENCHES.items()]


def printed(rig, name, servers):
    """Its output, or why there is none."""
    if name not in rig.programs:
        return f"not built: {name}"
    rig.say("  " + name)
    command = [rig.programs[name]]
    if servers:
        here = os.path.dirname(os.path.abspath(__file__))
        command = [sys.executable, "-B", os.path.join(here, "../../tests/integration/servers.py"),
                   "run", *servers, "--", *command]
    done = subprocess.run(command, cwd=rig.work, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode == 77:
        return "skipped: " + (done.stdout + done.stderr).strip().splitlines()[-1]
    if done.returncode != 0:
        raise Failed(f"{name}: code {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.rstrip()


def render(m):
    parts = ["`make bench` prints these, on one thread unless the output says otherwise. The peer of each "
             "runs beside it on the same machine in the same run, so compare the ratios: other "
             "programs may have run at the same time."]
    for name, heading, output in m:
        servers = BENCHES[name][1]
        how = f"tests/integration/servers.py run {' '.join(servers)} -- " if servers else ""
        parts += [f"### {heading}", f"`{how}build/dev/tests/bench/{name}`", code(output, language="text")]
    return "\n\n".join(parts)
