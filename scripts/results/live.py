# SPDX-License-Identifier: MIT
"""Live: does the RUL of a pack that hardly changes stay stable, and what is noticed in strange data."""
import statistics
from collections import deque

from rig import code, sparse, table

TITLE = "Live predictions"
TRAIN_FLEET = "evtwin-sim --until-eol --fleet 100 --seed 1 --csv known.csv -q"
TRAIN = "evtwin-train known.csv --out {R} --recipe {R} -q"
DRIVE = "evtwin-sim --fleet 5 --soh 99:81 --seed 77 --speed max --interval 60 --duration 345600 " \
    "--csv drive.csv -q"
PREDICT = "evtwin-predict --models {R} --csv drive.csv --out out.csv -q"
OTHER = "evtwin-sim --until-eol --fleet 100 --seed {S} --csv other.csv -q"
LFP = "evtwin-sim --until-eol --fleet 100 --seed 2 --cell {C} --csv strange.csv -q"
WATCH = "evtwin-predict --models contract --csv strange.csv --out out.csv --no-color"
COMMANDS = [TRAIN_FLEET, TRAIN, DRIVE, PREDICT, OTHER, LFP, WATCH]
RECIPES = ("contract", "history")
FIRST_S, WINDOW = 86400, 180  # a day to get used to a pack; records of three hours


def measure(rig):
    rig.run(TRAIN_FLEET)
    for recipe in RECIPES:
        rig.run(TRAIN, R=recipe)
    return sparse({"steady": steady(rig), "drift": drift(rig)})


def steady(rig):
    rig.run(DRIVE)
    found = {}
    for recipe in RECIPES:
        rig.run(PREDICT, R=recipe)
        c = rig.columns("out.csv", ["battery_id", "rul_prediction", "soh"])
        packs = {}
        for battery, rul, soh in zip(*c.values()):
            packs.setdefault(battery, []).append((float(rul), float(soh)))
        found[recipe] = [of_pack(rows[FIRST_S // 60:]) for rows in packs.values()]
    return found


def of_pack(rows):
    rul = [r for r, _ in rows]
    return {"soh": statistics.median(s for _, s in rows),
            "step": statistics.median(abs(b - a) for a, b in zip(rul, rul[1:])),
            "spread": most_apart(rul, WINDOW), "rul": statistics.median(rul)}


def most_apart(values, n):
    """The largest difference of two values within n that follow each other."""
    low, high, most = deque(), deque(), 0.0
    for i, v in enumerate(values):
        for queue, is_out in ((low, lambda old: old >= v), (high, lambda old: old <= v)):
            while queue and is_out(queue[-1][1]):
                queue.pop()
            queue.append((i, v))
            if queue[0][0] <= i - n:
                queue.popleft()
        most = max(most, high[0][1] - low[0][1])
    return most


# ---- what is noticed ----

def scaled(column, factor, offset=0.0):
    def change(row, _):
        if row[column]:
            row[column] = repr(float(row[column]) * factor + offset)
        return [row]
    return change


def both(first, second):
    return lambda row, i: second(first(row, i)[0], i)


STRANGE = {
    "state of charge and health as fractions": both(scaled("soc", 0.01), scaled("soh", 0.01)),
    "power in kW": scaled("power_consumption", 0.001),
    "the voltage of one cell": scaled("voltage", 1 / 96),
    "48 cells in series": both(scaled("voltage", 0.5), scaled("power_consumption", 0.5)),
    "current with the sign flipped": scaled("current", -1),
    "temperature in °F": scaled("temperature", 1.8, 32.0),
    "20 K too warm": scaled("temperature", 1, 20.0),
    "state of health 45 %": scaled("soh", 0.0, 45.0),
    "5,000 cycles": scaled("charge_cycles", 1, 5000.0),
}


def drift(rig):
    found = []
    for s in (2, 3, 4):
        rig.run(OTHER, S=s)
        rig.rewrite("other.csv", "strange.csv", lambda row, i: [row])
        found.append([f"another fleet of the same kind (seed {s})", said(rig)])
    for name, change in STRANGE.items():
        rig.rewrite("other.csv", "strange.csv", change)
        found.append([name, said(rig)])
    for cell in rig.run("evtwin-sim --list-cells").split("\n"):
        if "lfp" in cell.lower():
            rig.run(LFP, C=cell.split()[0])
            found.append([f"a fleet of another chemistry ({cell.split()[0]})", said(rig)])
            break
    return found


def said(rig):
    """What is logged of the fleet, each without its second half (what to do about it); or why the
    file is refused."""
    _, err = rig.run(WATCH, err=True, codes=(0, 65))
    lines = [line.split(": ", 1)[1].removeprefix("warning: ") for line in err.splitlines()]
    texts = [t.split("; ")[0] for t in lines
             if not t.startswith("battery ") and " rows predicted, " not in t]
    return list(dict.fromkeys(texts))


def render(m):
    packs = list(zip(*(m["steady"][r] for r in RECIPES)))
    rows = [[f"{a['soh']:.0f} %", f"{a['rul']:.0f}", f"{a['step']:.2f}", f"{a['spread']:.1f}",
             f"{b['rul']:.0f}", f"{b['step']:.2f}", f"{b['spread']:.1f}"] for a, b in packs]
    drifts = [[name, "<br>".join(texts) or "nothing"] for name, texts in m["drift"]]
    return "\n\n".join([
        "### Stability",
        code(TRAIN_FLEET, TRAIN, DRIVE, PREDICT),
        "R is each recipe. Five packs drive and charge for four days with a record a minute; their health hardly changes. "
        "For the last three days: the median RUL, the median step between successive records, and the "
        "largest range of RUL within three hours (about one charge cycle).",
        table(["SoH", "contract: RUL", "step", "range", "history: RUL", "step", "range"], rows),
        "### Data unlike the training data",
        code(OTHER, LFP, WATCH),
        "Fleets that the models of recipe contract above were not trained on (S = 2, 3, 4; C is a "
        "cell of another chemistry), with one column changed, and what `evtwin-predict` logs about the "
        "fleet ([learning.md](learning.md#drift)).",
        table(["live data", "logged about the fleet"], drifts)])
