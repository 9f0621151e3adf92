# SPDX-License-Identifier: MIT
"""big_fleet.py BIN: ten thousand batteries live into SQLite, predicted and served."""
import json
import time

import longtest as t

FLEET, INTERVAL_S, TICKS = 10_000, 2, 5


def main():
    t.need_sqlite()
    t.train_on_fleet(16, 1, "models")
    began = time.monotonic()
    sim = t.run("sim", "--fleet", FLEET, "--soh", "100:76", "--seed", 5, "--interval", INTERVAL_S,
                "--duration", INTERVAL_S * TICKS, "--sink", "sqlite:big.db", "-q")
    db = t.open_store("big.db")
    rows, batteries, ticks = db.execute("SELECT COUNT(*), COUNT(DISTINCT battery_id), COUNT("
                                        "DISTINCT time) FROM ev_telemetry").fetchone()
    t.say(f"simulator: {rows} rows of {batteries} batteries in {ticks} intervals of {INTERVAL_S} s,"
          f" {time.monotonic() - began:.1f} s with its start; peak {sim.peak_mb:.0f} MB")
    t.check("ten thousand batteries", batteries == FLEET, batteries)
    t.check("several intervals", ticks >= 3, ticks)
    t.check("each battery in each of them", rows == FLEET * ticks, rows)

    predict = t.run("predict", "--models", "models", "--store", "sqlite:big.db", "--once", "-q")
    n_left = db.execute("SELECT COUNT(*) FROM ev_telemetry WHERE rul_prediction IS NULL OR "
                        "failure_probability IS NULL").fetchone()[0]
    t.say(f"evtwin-predict --once: {rows} rows in {predict.seconds:.1f} s, "
          f"{rows / predict.seconds:.0f} a second; peak {predict.peak_mb:.0f} MB")
    t.check("every row of every battery is predicted", n_left == 0, n_left)
    again = t.recomputed(db, "models", t.INPUTS)
    stored = {r[:3]: r[3:] for r in db.execute(
        "SELECT battery_id, time, seq, rul_prediction, failure_probability FROM ev_telemetry")}
    t.check("with what its own values give, to the last digit", again == stored,
            sum(again.get(k) != v for k, v in stored.items()))
    check_api(db)
    t.check("integrity", t.integrity(db) == "ok")
    t.finish()


def check_api(db):
    port = t.free_port()
    url = f"http://127.0.0.1:{port}"
    serve = t.start("serve", "--store", "sqlite:big.db", "--port", port, "-q", err="serve.err")
    t.await_true("the server answers", 60, lambda: t.answers(url + "/health"))
    began = time.monotonic()
    text = t.get(url + "/api/batteries/list", timeout=60)
    seconds = time.monotonic() - began
    answer = json.loads(text)
    objects = answer["batteries"]
    t.say(f"/api/batteries/list: {len(objects)} objects, {len(text) / 2**20:.1f} MB in "
          f"{seconds * 1000:.0f} ms")
    t.check("success", answer["status"] == "success" and answer["count"] == FLEET)
    t.check("one object for each battery", len(objects) == FLEET and
            len({o["battery_id"] for o in objects}) == FLEET)
    t.check("each with its prediction", all(
        isinstance(o["rul_prediction"], (int, float)) and 0 <= o["failure_probability"] <= 1
        for o in objects))
    newest = {r[0]: r[1:] for r in db.execute(
        "SELECT t.battery_id, t.time, t.soc, t.status, t.rul_prediction FROM ev_telemetry AS t "
        "JOIN (SELECT battery_id, MAX(time) AS time FROM ev_telemetry GROUP BY battery_id) AS n "
        "ON (t.battery_id, t.time) = (n.battery_id, n.time)")}
    wrong = [o["battery_id"] for o in objects if newest[o["battery_id"]] !=
             (t.utc27(o["time"]), o["soc"], o["status"], o["rul_prediction"])]
    t.check("the newest row of each", not wrong, wrong[:3])
    states = {o["status"] for o in objects}
    t.check("every status is there", states == {"NORMAL", "WARNING", "CRITICAL"}, states)
    t.stop("evtwin-serve", serve)


main()
