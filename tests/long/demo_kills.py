# SPDX-License-Identifier: MIT
"""demo_kills.py BIN: the demo survives the SIGKILL of each of its programs.

It says so and starts the program again: predictions and answers go on, no battery jumps back. A
program that cannot run ends the demo after some tries; Ctrl-C ends it cleanly.
"""
import atexit
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request

import longtest as t

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/demo.sh")


class Demo:
    def __init__(self, bin_folder, log):
        self.port, self.metrics_port, self.log = t.free_port(), t.free_port(), log
        environment = dict(os.environ, API_PORT=str(self.port), METRICS_PORT=str(self.metrics_port),
                           TELEMETRY_INTERVAL="0.5", DEMO_STATE=os.path.abspath("state"))
        with open(log, "ab") as f:
            self.process = subprocess.Popen(["sh", DEMO, bin_folder], stdin=subprocess.DEVNULL,
                                            stdout=f, stderr=f, env=environment,
                                            start_new_session=True)
        atexit.register(self.stop)

    def stop(self):
        """Its programs are in sessions of their own: only the demo itself ends them."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def pid_of(self, tool):
        """The demo's own child of that name."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            for pid in f.read().split():
                # A child may end between the two reads; it then is not the one that runs.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                        open(f"/proc/{pid}/cmdline") as g:
                    if os.path.basename(g.read().split("\0")[0]) == tool:
                        return int(pid)
        return None

    def get(self, path):
        with open("state/token") as f:
            headers = {"Authorization": f"Bearer {f.read()}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        return t.get(request, timeout=5)

    def batteries(self):
        try:
            text = self.get("/api/batteries/list")
            return {b["battery_id"]: b for b in json.loads(text)["batteries"]}
        except (OSError, ValueError):
            return {}

    def newest_prediction(self):
        """When the last prediction of any battery was made."""
        try:
            text = self.get("/api/battery/predictions?battery_id=BATTERY_001")
            return json.loads(text)["predictions"][0]["time"]
        except (OSError, ValueError, LookupError):
            return ""


def kill(demo, tool):
    before = demo.pid_of(tool)
    t.require(f"{tool} runs", before is not None)
    os.kill(before, signal.SIGKILL)
    t.await_true(f"{tool} is started again", 15,
                 lambda: demo.pid_of(tool) not in (None, before))
    t.check("and the demo says so", t.file_says(demo.log, f"{tool} ended with code 137; starting it again"))


def main():
    demo = Demo(t.BIN, "demo.log")
    t.await_true("the demo predicts", 240, lambda: demo.newest_prediction() != "")
    for tool in ("evtwin-predict", "evtwin-serve", "evtwin-sim"):
        t.await_true("twelve batteries", 20, lambda: len(demo.batteries()) == 12)
        before, batteries = demo.newest_prediction(), demo.batteries()
        kill(demo, tool)
        t.await_true(f"predictions go on after {tool}", 20,
                     lambda: demo.newest_prediction() > before)
        time.sleep(2)
        after = demo.batteries()
        t.check("no battery is healthier than before", len(after) == 12 and all(
            after[i]["soh"] <= b["soh"] + 0.3 for i, b in batteries.items()))
        t.check("no cycles are lost", all(
            after[i]["charge_cycles"] >= b["charge_cycles"] for i, b in batteries.items()))
    t.check("the token is its owner's alone", os.stat("state/token").st_mode & 0o777 == 0o600)
    t.check("the address carries it", t.file_says(demo.log, f"/login#{open('state/token').read()} "))
    t.check("who reads needs none", t.answers(f"http://127.0.0.1:{demo.port}/api/batteries/list"))
    os.kill(demo.process.pid, signal.SIGINT)
    t.check("Ctrl-C ends it cleanly", demo.process.wait(150) == 0, demo.process.returncode)
    said = open("demo.log").read()
    t.check("each program says that it stopped", all(
        f"evtwin-{n} stopped\n" in said for n in ("sim", "predict", "serve")), said[-600:])

    # a program that ends at once again and again
    os.mkdir("broken")
    for name in ("evtwin-sim", "evtwin-predict", "evtwin-train"):
        os.symlink(os.path.join(t.BIN, name), "broken/" + name)
    with open("broken/evtwin-serve", "w") as f:
        f.write("#!/bin/sh\necho no server today\nexit 69\n")
    os.chmod("broken/evtwin-serve", 0o755)
    demo = Demo(os.path.abspath("broken"), "broken.log")
    t.check("the demo gives up", demo.process.wait(200) == 1, demo.process.returncode)
    t.check("and says why", t.file_says("broken.log", "no server today") and
            t.file_says("broken.log", "the demo stops"))
    t.finish()


main()
