# SPDX-License-Identifier: MIT
"""What the audit says of a clean fleet, and of the same fleet with one fault planted at a time."""
import json
import random

from rig import INPUTS, Failed, code, table

TITLE = "The audit"
SIM = "evtwin-sim --until-eol --fleet 60 --record-days 15 --seed {S} --csv clean.csv -q"
LFP = "evtwin-sim --until-eol --fleet 60 --record-days 15 --seed 1 --cell {C} --csv clean.csv -q"
AUDIT = "evtwin-train faulty.csv --audit-only --json"
WITH = AUDIT + " --features " + INPUTS + ",{F}"
COMMANDS = [SIM, LFP, AUDIT, WITH]


def measure(rig):
    clean = []
    for cell in [None] + [c.split()[0] for c in rig.run("evtwin-sim --list-cells").splitlines()
                          if "lfp" in c.lower()][:1]:
        rig.run(SIM, S=1) if cell is None else rig.run(LFP, C=cell)
        rig.rewrite("clean.csv", "faulty.csv", lambda row, i: [row])
        clean.append([cell or "the default cell", *found(rig, None)])
    rig.run(SIM, S=1)
    planted = []
    for name, feature, make in FAULTS:
        make(rig)
        planted.append([name, *found(rig, feature)])
    return {"clean": clean, "planted": planted}


def found(rig, feature):
    """[causes that refuse, causes that warn]"""
    out, err = rig.run(WITH if feature else AUDIT, F=feature, codes=(0, 65), err=True)
    if not out:  # not refused by the audit, but before it
        raise Failed(err)
    causes = {"error": [], "warning": []}
    for f in json.loads(out)["audit"]:
        if f["severity"] in causes and f["cause"] not in causes[f["severity"]]:
            causes[f["severity"]].append(f["cause"])
    return causes["error"], causes["warning"]


# ---- faults ----

def column(name, value):
    """A fault that is a new column: value(rows of the battery, i)."""
    return name, lambda rig: by_battery(rig, lambda rows: [
        {**row, name: text(value(rows, i))} for i, row in enumerate(rows)])


def label(value):
    return None, lambda rig: by_battery(rig, lambda rows: [
        {**row, "rul": text(value(rows, i))} for i, row in enumerate(rows)])


def by_battery(rig, change):
    """Write what change(rows of a battery) gives."""
    rows, batteries = [], {}
    rig.rewrite("clean.csv", "faulty.csv", lambda row, i: rows.append(row) or [row])
    for row in rows:
        batteries.setdefault(row["battery_id"], []).append(row)
    changed = [new for battery in batteries.values() for new in change(battery)]
    rig.rewrite("clean.csv", "faulty.csv", lambda row, i: changed if i == 0 else [])


def text(value):
    return value if isinstance(value, str) else repr(float(value))


def number(rows, i, name):
    return float(rows[min(max(i, 0), len(rows) - 1)][name])


def cut(rows):
    """Records that end somewhere in life, labelled by the rows to their own end."""
    n = max(int(len(rows) * random.Random(rows[0]["battery_id"]).uniform(0.4, 0.9)), 2)
    return [{**row, "rul": repr(float(n - 1 - i))} for i, row in enumerate(rows[:n])]


def copied(rows):
    """Every tenth battery again under another name, its sensors with noise."""
    rng = random.Random(rows[0]["battery_id"])
    if int(rows[0]["battery_id"].rsplit("_", 1)[1]) % 10:
        return rows
    return rows + [{**row, "battery_id": row["battery_id"] + "B",
                    "temperature": repr(float(row["temperature"]) + rng.gauss(0, 0.1)),
                    "voltage": repr(float(row["voltage"]) + rng.gauss(0, 0.1))} for row in rows]


FAULTS = [
    ("RUL is a formula of SoH, cycles and temperature",
     *label(lambda r, i: 25 * number(r, i, "soh") - 0.5 * number(r, i, "charge_cycles") -
            2 * number(r, i, "temperature"))),
    ("RUL counts down to one end, the same for all", *label(
        lambda r, i: 2000 - number(r, i, "charge_cycles"))),
    ("RUL counts up", *label(lambda r, i: number(r, i, "charge_cycles") + 1)),
    ("the records end before the life does, and RUL counts down to their end", None,
     lambda rig: by_battery(rig, cut)),
    ("the RUL of the previous row is a feature", *column(
        "before", lambda r, i: r[max(i - 1, 0)]["rul"])),
    ("each battery's life is a feature", *column("design_life", lambda r, i: r[i]["truth_eol_efc"])),
    ("the true SoH under another name", *column("soh_lab", lambda r, i: r[i]["truth_soh"])),
    ("SoH five rows later", *column("soh_2", lambda r, i: number(r, i + 5, "soh"))),
    ("a mean of SoH over a centred window", *column("soh_mean", lambda r, i: sum(
        number(r, k, "soh") for k in range(i - 5, i + 6)) / 11)),
    ("the mean temperature of the whole series", *column("climate", lambda r, i: sum(
        float(x["temperature"]) for x in r) / len(r))),
    ("the number of rows left in the file", *column("left", lambda r, i: len(r) - i)),
    ("every tenth battery again under another name, with noise", None,
     lambda rig: by_battery(rig, copied)),
    ("every row twice", None, lambda rig: rig.rewrite(
        "clean.csv", "faulty.csv", lambda row, i: [row, dict(row)])),
    ("current with the sign flipped in a third of the packs", None, lambda rig: rig.rewrite(
        "clean.csv", "faulty.csv", lambda row, i: [
            {**row, "current": repr(-float(row["current"]))}
            if int(row["battery_id"].rsplit("_", 1)[1]) % 3 == 0 else row])),
    ("power in kW", None, lambda rig: rig.rewrite("clean.csv", "faulty.csv", lambda row, i: [
        {**row, "power_consumption": repr(float(row["power_consumption"]) / 1000)}])),
]


def render(m):
    def words(causes):
        return ", ".join(f"`{c}`" for c in causes) or "–"
    n_named = sum(bool(refused or warned) for _, refused, warned in m["planted"])
    return "\n\n".join([
        code(SIM, LFP, AUDIT, WITH),
        "60 packs from new to their end of life (S = 1; C is a cell of another chemistry), clean, and with one fault planted at a time (the "
        "faults are in [scripts/results/audit.py](../scripts/results/audit.py); a planted column F is "
        "named with `--features`). [learning.md](learning.md#audit) describes how each is found.",
        table(["clean fleet", "refused for", "warned of"],
              [[name, words(refused), words(warned)] for name, refused, warned in m["clean"]]),
        table(["fault", "refused for", "warned of"],
              [[name, words(refused), words(warned)] for name, refused, warned in m["planted"]]),
        f"{n_named} of {len(m['planted'])} are found. More faults, with the findings that each must give, "
        "are in `tests/unit/learn/test_audit*.c`."])
