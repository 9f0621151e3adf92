#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""network.py [--build FOLDER] [--channels CHANNEL,...]

A bad network in front of each server: latency, resets, half-open connections, low bandwidth, slices
of one byte, nobody listening. The tools go on accepting, a sink that is not affected goes on too,
and in the end every sink holds exactly what was accepted.
"""
import argparse
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
import rig as r  # noqa: E402

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FAULT_S, GROWS_S, DRAIN_S = 2.0, 30, 300


def latency(proxy):
    proxy.latency_s = 0.3


def resets(proxy):
    for _ in range(5):
        proxy.reset()
        time.sleep(FAULT_S / 10)


def half_open(proxy):
    proxy.go_dead()


def half_open_then_reset(proxy):
    proxy.go_dead()
    time.sleep(FAULT_S / 2)
    proxy.reset()


def low_bandwidth(proxy):
    proxy.bytes_per_s = 20_000


def slices(proxy):
    proxy.slice = 1


def refused(proxy):
    proxy.refuse()


def heal(proxy, fault):
    proxy.well()
    if fault is refused:
        proxy.accept()


FAULTS = [latency, resets, half_open, half_open_then_reset, low_bandwidth, slices, refused]
began = time.monotonic()
failed = []


def check(what, holds):
    if not holds:
        failed.append(what)
        print(f"[{time.monotonic() - began:6.1f} s] FAILED: {what}", flush=True)


def sizes(rig):
    return [os.path.getsize(path) for path in (rig.ledger, os.path.join(rig.sinks, "sink.jsonl"))]


def apply_fault(rig, channel, fault):
    proxy = rig.proxies[channel]
    fault(proxy)
    before, end = sizes(rig), time.monotonic() + GROWS_S
    time.sleep(FAULT_S)
    while any(new <= old for new, old in zip(sizes(rig), before)) and time.monotonic() < end:
        time.sleep(0.05)
    for what, old, new in zip(("records are accepted", "another sink gets them"), before, sizes(rig)):
        check(f"{fault.__name__} of {channel}: {what} meanwhile", new > old)
    for tool in rig.tools.values():
        tool.expect_running()
    heal(proxy, fault)


def stop_while_dead(rig, channel):
    """No call blocks beyond its bound: a tool ends in time though nothing answers it."""
    rig.proxies[channel].go_dead()
    time.sleep(FAULT_S / 2)
    for tool in rig.tools.values():
        tool.child.send_signal(signal.SIGTERM)
    for tool in rig.tools.values():
        try:
            tool.child.wait(40)
        except r.subprocess.TimeoutExpired:
            check(f"{tool.name} ends within 40 s though {channel} does not answer", False)
            tool.end()
        tool.start()
    rig.proxies[channel].well()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build", "faults"))
    parser.add_argument("--channels", default="postgres,mosquitto,kafka")
    a = parser.parse_args()
    build = r.Build(SOURCE, a.build)
    rig = r.Rig(build, ["jsonl", *a.channels.split(",")], proxied=True)
    try:
        end = time.monotonic() + DRAIN_S
        while not os.path.exists(os.path.join(rig.sinks, "sink.jsonl")) and time.monotonic() < end:
            time.sleep(0.05)
        for fault in FAULTS:
            for channel in rig.proxies:
                apply_fault(rig, channel, fault)
            print(f"[{time.monotonic() - began:6.1f} s] {fault.__name__}: {', '.join(rig.proxies)}",
                  flush=True)
        for channel in rig.proxies:
            stop_while_dead(rig, channel)
        rig.drain(DRAIN_S)
        for sink, verdict in rig.verdicts().items():
            check(f"{sink}: {verdict}", bool(verdict))
        print(f"{rig.n_accepted()} accepted; {', '.join(rig.readers)}")
    except r.Violation as e:
        check(str(e), False)
    finally:
        rig.close()
    sys.exit(1 if failed else 0)


r.servers.run_test(main)
