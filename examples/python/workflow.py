# SPDX-License-Identifier: MIT
"""Train on simulated lives, predict live telemetry into a store, and serve it: workflow.py [FOLDER]"""
import json
import logging
import pathlib
import sys
import urllib.request

import evtwin


def main(folder: pathlib.Path) -> None:
    # train: 20 packs from new to end of life; scores are held out by battery
    records, lives = evtwin.Fleet(20, seed=1).run_to_failure(record_every_days=7)
    print(f"{len(records)} records of {lives.n_packs} lives, median {lives.life_median_cycles:.0f} cycles")
    trainer = evtwin.train(records, seed=1)
    print(f"RUL: R2 {trainer.score('rul').r2:.2f}, failure: AUC {trainer.score('failure').auc:.2f}")
    trainer.save(folder / "models")

    # simulate and predict: an aged fleet's day goes through the models into a store
    fleet = evtwin.Fleet(5, seed=2, use="daily", initial_soh_percent=97, final_soh_percent=82)
    day = evtwin.source(fleet, interval_s=600, speed=float("inf"), max_records=144)
    predictor = evtwin.Predictor.load(folder / "models")
    with evtwin.Pump(day, folder / "evtwin.db", predictor=predictor) as pump:
        print(f"{pump.run()} records predicted")

    # serve: REST, pages and metrics
    with evtwin.serve(folder / "evtwin.db", listen="127.0.0.1:0") as server:
        with urllib.request.urlopen(f"{server.url}/api/battery/latest?battery_id=BATTERY_001") as answer:
            newest = json.load(answer)["data"]
        print(f"{newest['battery_id']}: RUL {newest['rul_prediction']:.0f} cycles")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
