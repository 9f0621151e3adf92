#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""logs.py BIN: the forms of a message: text, text with its time, JSON, and levels for the journal."""
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
KEYS = ["time", "level", "tool", "message"]
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
n_checks = 0


def check(what, holds, found=""):
    global n_checks
    n_checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}\n{found}")


def run(tool, *args, env=None, err=subprocess.PIPE):
    """Exit code, standard output and error as bytes."""
    clean = {k: v for k, v in os.environ.items() if k not in ("EVTWIN_LOG_FORMAT", "JOURNAL_STREAM")}
    done = subprocess.run([os.path.join(BIN, "evtwin-" + tool), *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=err, timeout=120, env={**clean, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def is_now(stamp):
    if not STAMP.fullmatch(stamp):
        return False
    then = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return abs((datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()) < 120


def objects(text):
    """The messages of a log in JSON; each line is one object with just our members."""
    found = []
    for line in text.decode("utf-8").splitlines():
        message = json.loads(line)
        check("members", list(message) == KEYS, line)
        check("the time is now", is_now(message["time"]), line)
        found.append(message)
    return found


# ---- text stays as it was; with its time ----
code, _, err = run("predict", "--models", "nowhere")
check("text", err.startswith(b"evtwin-predict: nowhere/manifest.json: "), err)
code, _, err = run("predict", "--models", "nowhere", "--log-format", "time")
stamp, _, rest = err.decode().partition(" ")
check("text with its time", is_now(stamp) and rest.startswith("evtwin-predict: nowhere/"), err)
check("the exit code is the same", code == 66)
code, _, err = run("predict", "--log-format", "xml")
check("another form", code == 2 and b"'xml' is not one of text|time|json" in err, err)
code, _, err = run("predict", env={"EVTWIN_LOG_FORMAT": "xml"})
check("another form in the environment", code == 78 and err.startswith(b"evtwin-predict: EVTWIN_LOG_FORMAT: "), err)

# ---- JSON: whatever the text holds, for messages before the options are read too ----
hostile = b'a"b\\c\td\ne\x1b[31mf\x7fg\xff\xc3\xa4\xed\xa0\x80\xc2\x9bh\xf0\x9f\x94\x8b'
for args, env in (([b"--log-format=json"], {}), ([], {"EVTWIN_LOG_FORMAT": "json"})):
    code, _, err = run("train", *args, hostile, env=env)
    (message,) = objects(err)
    check("the level and the tool", message["level"] == "error" and message["tool"] == "evtwin-train", err)
    check("no control byte", not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", err), err)
    check("what is UTF-8 is kept", "\u00e4" in message["message"] and "\U0001f50b" in message["message"], err)
code, _, err = run("serve", "--no-such-option", "--log-format", "json")
check("an option that is not valid", code == 2 and objects(err)[0]["level"] == "error", err)
code, _, err = run("sim", b"--speed=" + b"x" * 5000, b"--log-format=json")
check("a long one is cut and whole JSON", 1000 < len(objects(err)[0]["message"]) < 5000)
code, _, err = run("train", hostile)
check("text has no control byte either", err.count(b"\n") == 1 and b"\x1b" not in err and b"\x7f" not in err, err)
check("what is not UTF-8 is escaped", b"g\\xff\xc3\xa4\\xed\\xa0\\x80\\x9bh" in err, err)

# ---- what a live tool shows to people becomes messages, so that one stream has one form ----
code, out, err = run("sim", "--log-format", "json", "--duration", "0.3", "--interval", "0.1", "--sink", "null:")
check("nothing on standard output", code == 0 and out == b"", out)
check("the line of a battery", any(m["message"].startswith("SoC: ") and m["level"] == "info" for m in objects(err)), err)
code, out, err = run("sim", "--duration", "0.3", "--interval", "0.1", "--sink", "null:")
check("without JSON it is on standard output", out.startswith(b"SoC: "), out)
code, out, err = run("sim", "--log-format", "json", "--duration", "0.3", "--interval", "0.1", "--sink", "jsonl:-")
check("records stay records", all("battery_id" in json.loads(line) for line in out.splitlines()) and out, out)

code, out, err = run("sim", "--until-eol", "--record-days", "300", "--log-format", "json", "--sink", "jsonl:-")
check("a summary beside them is messages", code == 0 and any(m["message"].startswith("1 pack: ") for m in objects(err)), err)

# ---- the journal: a level before each line, no program and no time; only if the stream is the journal ----
with tempfile.TemporaryDirectory() as folder:
    def in_journal(tool, *args, is_ours=True):
        with open(os.path.join(folder, "journal"), "w+b") as f:
            info = os.fstat(f.fileno())
            stream = f"{info.st_dev}:{info.st_ino + (not is_ours)}"
            run(tool, *args, env={"JOURNAL_STREAM": stream}, err=f)
            f.seek(0)
            return f.read()
    text = in_journal("predict", "--models", "nowhere")
    check("a level", text.startswith(b"<3>nowhere/manifest.json: "), text)
    text = in_journal("predict", "--models", "nowhere", is_ours=False)
    check("another stream", text.startswith(b"evtwin-predict: "), text)
    text = in_journal("predict", "--models", "nowhere", "--log-format", "json")
    check("a level before JSON", text.startswith(b"<3>{") and objects(text[3:]), text)
    text = in_journal("sim", "--duration", "0.2", "--interval", "0.1", "--sink", "null:", "-v", "--metrics-listen", "0.0.0.0",
                      "--insecure-listen", "--metrics-port", "1")
    check("levels of a warning or an error", re.search(rb"^<[34]>", text), text)


# ---- the last line, written by the handler of a signal ----
def stopped(*args):
    child = subprocess.Popen([os.path.join(BIN, "evtwin-train"), "/dev/stdin", *args], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while time.monotonic() < limit: # until it catches the signal and waits for the pipe
        status = open(f"/proc/{child.pid}/status").read()
        if int(re.search(r"SigCgt:\s*([0-9a-f]+)", status).group(1), 16) & 1 << signal.SIGTERM - 1:
            break
        time.sleep(0.01)
    time.sleep(1.1)
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=0.5)
    child.send_signal(signal.SIGTERM)
    err = child.communicate(timeout=60)[1]
    check("stopped", child.returncode == 143, err)
    return before, err


before, err = stopped("--log-format", "json")
(message,) = objects(err)
check("it says so", message["message"].startswith("stopped; "), err)
check("with the time of the signal, not of the start", message["time"] >= before.strftime("%Y-%m-%dT%H:%M:%S."), err)
_, err = stopped()
check("as text", err.startswith(b"evtwin-train: stopped; "), err)
print(f"{n_checks} checks")
