# SPDX-License-Identifier: MIT
"""The endpoint /api/battery/latest as one writes it in Flask: newest row and newest prediction of a
battery from the same SQLite file, a connection for each process."""
import os
import sqlite3

from flask import Flask, jsonify, request

app = Flask(__name__)
connection = None


def ask(query, battery):
    global connection
    if connection is None:
        connection = sqlite3.connect("file:%s?mode=ro" % os.environ["BENCH_STORE"], uri=True)
        connection.row_factory = sqlite3.Row
    row = connection.execute(query, (battery,)).fetchone()
    return dict(row) if row is not None else None


@app.route("/api/battery/latest")
def latest():
    battery = request.args.get("battery_id", "BATTERY_001")
    row = ask("SELECT * FROM ev_telemetry WHERE battery_id = ? ORDER BY time DESC LIMIT 1", battery)
    if row is None:
        return jsonify(status="error", message="there is no battery " + battery), 404
    row["prediction"] = ask("SELECT time, rul_prediction, failure_probability, model_version FROM"
                            " ev_telemetry WHERE battery_id = ? AND prediction_timestamp IS NOT NULL"
                            " ORDER BY time DESC LIMIT 1", battery)
    return jsonify(status="success", data=row)
