# SPDX-License-Identifier: MIT
"""Tables to and from the data frames that people have: pandas, polars, pyarrow and DuckDB, each the real one."""
import gc
import os
import sys
import tempfile
import unittest

import frames_env

if frames_env.version():
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    import evtwin
    from evtwin import core, errors
    if frames_env.version() == "new":
        import duckdb
        import polars as pl

NEW = unittest.skipIf(frames_env.version() == "old", "of the environment 'new' only")
ROWS = 5000


def address(table, name):
    """Where the values of a float64 column of ours are."""
    return np.asarray(core.table_f64(table._handle, core.table_find(table._handle, name))).ctypes.data


def data():
    """Columns of every type under names of the data set, BDF and ours."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({
        "battery_id": pd.Series([f"B{i % 7:03d}" for i in range(ROWS)]),
        "time": pd.to_datetime(1_700_000_000_000_000 + 1000 * np.arange(ROWS), unit="us", utc=True),
        "SoC": rng.uniform(0, 1, ROWS),
        "Battery_Voltage": rng.uniform(300, 400, ROWS),
        "Current / A": rng.normal(0, 50, ROWS),
        "charge_cycles": np.arange(ROWS),
        "is_charging": rng.random(ROWS) < 0.5,
    })
    frame["time"] = frame["time"].astype("datetime64[us, UTC]")
    return frame


class Out(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.table, _ = evtwin.Fleet(5, seed=2).run_to_failure(record_every_days=30)
        cls.soc = cls.table["soc"]

    def test_pyarrow(self):
        arrow = pa.table(self.table)
        arrow.validate(full=True)
        self.assertEqual(arrow.column_names, self.table.columns)
        self.assertEqual(arrow.num_rows, len(self.table))
        self.assertEqual(arrow.column("soc").chunk(0).buffers()[1].address, address(self.table, "soc"))
        self.assertEqual(arrow.schema.field("soc").metadata, {b"unit": b"percent"})
        self.assertEqual(arrow.schema.field("time").type, pa.timestamp("us", "UTC"))
        self.assertEqual(arrow.column("battery_id").to_pylist(), self.table["battery_id"].tolist())
        self.assertEqual(arrow.column("rul").null_count, int(np.isnan(self.table["rul"]).sum()))
        if hasattr(pa, "schema") and frames_env.version() == "new":
            self.assertEqual(pa.schema(self.table), arrow.schema)

    def test_parquet_and_ipc(self):
        """In files of Arrow's own: the last reference to a BytesIO goes with a thread of pyarrow's pool, which asks for the
        GIL then, and aborts a program that is ending (pyarrow 15 and 22: 10 of 60 programs that did nothing else)."""
        import pyarrow.parquet as parquet
        file = pa.BufferOutputStream()
        parquet.write_table(pa.table(self.table), file)
        again = evtwin.Table(parquet.read_table(pa.BufferReader(file.getvalue())))
        self.assertEqual((again.types, again.units), (self.table.types, self.table.units))
        np.testing.assert_array_equal(again["soc"], self.soc)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.table(self.table).schema) as writer:
            writer.write_table(pa.table(self.table))
        again = evtwin.Table(pa.ipc.open_stream(sink.getvalue()))
        np.testing.assert_array_equal(again["time"], self.table["time"])

    def test_training_from_files_of_others(self):
        """A fleet as a Parquet file and as an Arrow file: what is trained from them is what is trained from the table."""
        import pyarrow.parquet as parquet
        table, _ = evtwin.Fleet(12, seed=3).run_to_failure(record_every_days=120)
        expected = evtwin.train(table, targets=["rul"], seed=1)
        arrow = pa.table(table)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("fleet.parquet", "fleet.arrow"):
                path = os.path.join(folder, name)
                if name.endswith("parquet"):
                    parquet.write_table(arrow, path)
                    again = parquet.read_table(path)
                else:
                    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, arrow.schema) as writer:
                        writer.write_table(arrow)
                    with pa.memory_map(path) as file:
                        again = pa.ipc.open_file(file).read_all()
                trained = evtwin.train(again, targets=["rul"], seed=1)
                self.assertEqual(trained.features, expected.features)
                self.assertEqual(trained.score("rul").rmse, expected.score("rul").rmse)
                np.testing.assert_array_equal(trained.predictor().apply(again)["rul_prediction"],
                                              expected.predictor().apply(table)["rul_prediction"])
                del again, trained  # before the map of the file ends

    def test_pandas(self):
        for frame in (self.table.to_pandas(), pa.table(self.table).to_pandas()):
            np.testing.assert_array_equal(frame["soc"].to_numpy(), self.soc)
            self.assertEqual(str(frame["time"].dtype), "datetime64[us, UTC]")
            self.assertEqual(frame["battery_id"].tolist(), self.table["battery_id"].tolist())
        frame = self.table.to_pandas()
        frame["soc"] = 0.0  # its own memory
        frame.loc[0, "voltage"] = 1.0
        self.assertNotEqual(self.table["voltage"][0], 1.0)

    def test_pandas_does_not_take_names_for_data(self):
        """What pandas.DataFrame knows of other objects is dict, ndarray and __array__: it iterates over the rest."""
        for use in (pd.DataFrame, pd.Series):
            with self.assertRaisesRegex(TypeError, r"table.to_pandas\(\)"):
                use(self.table)

    @NEW
    def test_polars(self):
        frame = pl.DataFrame(self.table)
        self.assertEqual(frame.height, len(self.table))
        np.testing.assert_array_equal(frame["soc"].to_numpy(), self.soc)
        self.assertEqual(frame["soc"].to_numpy(allow_copy=False).ctypes.data, address(self.table, "soc"))
        self.assertEqual(frame["time"].dtype, pl.Datetime("us", "UTC"))
        self.assertEqual(frame["battery_id"].cast(pl.String).to_list(), self.table["battery_id"].tolist())

    @NEW
    def test_duckdb(self):
        table = self.table  # DuckDB finds it by this name
        database = duckdb.connect()
        self.addCleanup(database.close)
        rows = database.sql('SELECT battery_id, count(*), avg(soc) FROM "table" GROUP BY 1 ORDER BY 1').fetchall()
        ids = table["battery_id"]
        self.assertEqual([row[0] for row in rows], sorted(set(ids.tolist())))
        for battery, n, mean in rows:
            self.assertEqual(n, int((ids == battery).sum()))
            self.assertAlmostEqual(mean, self.soc[ids == battery].mean())
        missing = database.sql('SELECT count(*) FROM "table" WHERE rul IS NULL').fetchone()[0]
        self.assertEqual(missing, int(np.isnan(table["rul"]).sum()))

    def test_it_outlives_the_table(self):
        table = evtwin.Table({"soc": np.arange(1000.0) / 10, "battery_id": ["A", None] * 500})
        arrow = pa.table(table)
        del table
        gc.collect()
        self.assertEqual(arrow.column("soc")[999].as_py(), 99.9)
        self.assertEqual(arrow.column("battery_id")[:2].to_pylist(), ["A", None])

    def test_no_rows(self):
        arrow = pa.table(self.table.select([]))
        arrow.validate(full=True)
        self.assertEqual(arrow.num_rows, 0)
        self.assertEqual(len(evtwin.Table(arrow)), 0)
        if frames_env.version() == "new":
            self.assertEqual(pl.DataFrame(self.table.select([])).height, 0)


class In(unittest.TestCase):
    def setUp(self):
        self.frame = data()

    def check(self, table, frame):
        self.assertEqual(len(table), len(frame))
        self.assertEqual({k: table.units[k] for k in ("SoC", "Battery_Voltage", "Current / A")},
                         {"SoC": "fraction", "Battery_Voltage": "V", "Current / A": "A"})
        self.assertEqual(table.types["time"], "time")
        np.testing.assert_array_equal(table["SoC"], frame["SoC"].to_numpy())
        np.testing.assert_array_equal(table["charge_cycles"], frame["charge_cycles"].to_numpy())
        np.testing.assert_array_equal(table["is_charging"], frame["is_charging"].to_numpy())
        self.assertEqual(table["battery_id"].tolist(), frame["battery_id"].tolist())
        us = frame["time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        np.testing.assert_array_equal(table["time"], us)

    def test_pandas(self):
        self.check(evtwin.Table(self.frame), self.frame)
        nanoseconds = self.frame.assign(time=self.frame["time"].astype("datetime64[ns, UTC]"),
                                        battery_id=self.frame["battery_id"].astype("category"))
        self.check(evtwin.Table(nanoseconds), self.frame)
        self.check(evtwin.Table(self.frame.iloc[100:200]), self.frame.iloc[100:200])
        self.check(evtwin.Table(self.frame.convert_dtypes()), self.frame)

    def test_an_index_of_pandas(self):
        """The numbers that rows keep when others are filtered out are no column; an index with a name is one."""
        class Plain(pd.DataFrame):
            def __arrow_c_stream__(self, requested_schema=None):
                raise ImportError("pyarrow")

        some = self.frame[self.frame["SoC"] > 0.5]
        for kind in (pd.DataFrame, Plain):
            table = evtwin.Table(kind(some))
            self.assertEqual(table.columns, list(some.columns))
            self.check(table, some)
            by_time = kind(some.set_index("time"))
            self.assertEqual(sorted(evtwin.Table(by_time).columns), sorted(some.columns))
            self.check(evtwin.Table(by_time), some)
            self.check(evtwin.Table(kind(some.set_index(["battery_id", "time"]))), some)
            for names in ("time", ["battery_id", "time"]):  # and stays a column, so that it is there twice
                self.check(evtwin.Table(kind(some.set_index(names, drop=False))), some)
            twice = kind(some.set_index(["battery_id", "time"], drop=False).drop(columns="battery_id"))
            self.check(evtwin.Table(twice), some)
            counted = kind({"soc": [50.0, 60.0]})
            counted.index.name = "charge_cycles"  # of a RangeIndex, too
            self.assertEqual(evtwin.Table(counted)["charge_cycles"].tolist(), [0, 1])

    def test_pandas_without_pyarrow(self):
        class Plain(pd.DataFrame):
            def __arrow_c_stream__(self, requested_schema=None):
                raise ImportError("pyarrow")

        self.check(evtwin.Table(Plain(self.frame)), self.frame)
        nullable = Plain({"soc": pd.array([1, None, 3], "Float64"), "n": pd.array([1, None, 3], "Int64"),
                          "s": pd.array(["a", None, "c"], "string"), "b": pd.array([True, None, False], "boolean")})
        table = evtwin.Table(nullable)
        self.assertEqual(table.types, {"soc": "f64", "n": table.types["n"], "s": "text", "b": "bool"})
        self.assertIn(table.types["n"], ("i64", "f64"))  # as NumPy gets it of that pandas
        self.assertEqual(table["s"].tolist(), ["a", None, "c"])
        self.assertTrue(np.isnan(table["soc"][1]))

    def test_pyarrow(self):
        arrow = pa.Table.from_pandas(self.frame)
        table = evtwin.Table(arrow)
        self.check(table, self.frame)
        self.assertEqual(address(table, "SoC"), arrow.column("SoC").chunk(0).buffers()[1].address)
        del arrow
        gc.collect()
        self.check(table, self.frame)
        sliced = pa.Table.from_pandas(self.frame).slice(123, 456)
        self.check(evtwin.Table(sliced), self.frame.iloc[123:579])
        chunked = pa.concat_tables([sliced, sliced])
        self.check(evtwin.Table(chunked), pd.concat([self.frame.iloc[123:579]] * 2))
        strings = pa.table({"battery_id": pa.array(["a", None, ""], pa.large_string()), "soc": pa.array([1.5, None, 3])})
        self.assertEqual(evtwin.Table(strings)["battery_id"].tolist(), ["a", None, ""])
        self.assertTrue(np.isnan(evtwin.Table(strings)["soc"][1]))

    def test_pyarrow_dictionaries_and_decimals(self):
        codes = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 2], pa.int8()), pa.array(["x", "y", None]))
        import decimal
        prices = pa.array([decimal.Decimal("84.3"), None, decimal.Decimal("-0.1"), decimal.Decimal("0")])
        table = evtwin.Table(pa.table({"battery_id": codes, "soh": prices}))
        self.assertEqual(table["battery_id"].tolist(), ["y", None, "x", None])
        np.testing.assert_array_equal(table["soh"], [84.3, np.nan, -0.1, 0.0])

    def test_the_interchange_protocol(self):
        """Of producers that have no more than that."""
        class Only:
            def __init__(self, frame):
                self.__dataframe__ = frame.__dataframe__

        holes = pd.DataFrame({"soc": [1.0, None, 3.0], "battery_id": ["a", None, "ü"],
                              "time": pd.to_datetime(["2024-01-01", None, "2024-01-03"]), "n": [1, 2, 3]})
        arrow = pa.table({"n": pa.array([1, None, 3]), "b": pa.array([True, None, False]), "battery_id": pa.array(["x", None, ""]),
                          "part": pa.array(["u", "v", None]).dictionary_encode()})
        producers = [self.frame, self.frame.iloc[100:200], self.frame.assign(battery_id=self.frame["battery_id"].astype("category"))]
        for frame in producers:
            self.check(evtwin.Table(Only(frame)), frame)
        table = evtwin.Table(Only(holes))
        self.assertEqual((table["battery_id"].tolist(), table["n"].tolist()), (["a", None, "ü"], [1, 2, 3]))
        self.assertTrue(np.isnan(table["soc"][1]) and np.isnat(table["time"][1]))
        for part in (arrow, pa.concat_tables([arrow, arrow]), arrow.slice(1)):
            table = evtwin.Table(Only(part))
            for name in part.column_names:
                self.assertEqual([None if v != v else v for v in table[name].tolist()], part.column(name).to_pylist(), name)
        zone = pd.DataFrame({"time": pd.to_datetime(["2024-07-01 12:00", None]).tz_localize("Europe/Berlin")})
        naive = zone.assign(time=zone["time"].dt.tz_localize(None))
        for frame in (zone, pa.concat_tables([pa.Table.from_pandas(zone)] * 2)):  # a moment, whatever those without a zone are
            for how in ("utc", "local", "reject"):
                self.assertEqual(str(evtwin.Table(Only(frame), naive_time=how)["time"][0]), "2024-07-01T10:00:00.000000")
            self.assertTrue(np.isnat(evtwin.Table(Only(frame))["time"][1]))
        with self.assertRaisesRegex(errors.ParseError, "offset"):
            evtwin.Table(Only(naive), naive_time="reject")
        if frames_env.version() == "new":
            self.check(evtwin.Table(Only(pl.from_pandas(self.frame))), self.frame)
        plain = pd.DataFrame({"soc": np.arange(100.0), "voltage": np.arange(100.0)})
        soc = plain["soc"].to_numpy()
        if plain.__dataframe__().get_column_by_name("soc").get_buffers()["data"][0].ptr == soc.ctypes.data:
            self.assertEqual(address(evtwin.Table(Only(plain), units={"soc": "percent"}), "soc"), soc.ctypes.data)

    @NEW
    def test_pyarrow_views(self):
        views = pa.array(["short", "a string of more than twelve bytes", None], pa.string_view())
        self.assertEqual(evtwin.Table(pa.table({"battery_id": views}))["battery_id"].tolist(), views.to_pylist())

    def test_a_stream_that_fails(self):
        schema = pa.schema([("x", pa.float64())])

        def batches():
            yield pa.record_batch([pa.array([1.0])], schema)
            raise RuntimeError("the sensor is gone")

        reader = pa.RecordBatchReader.from_batches(schema, batches())
        with self.assertRaisesRegex(errors.ExternalError, "the sensor is gone"):
            evtwin.Table(reader)
        ok = pa.RecordBatchReader.from_batches(schema, (pa.record_batch([pa.array([float(i)])], schema) for i in range(5)))
        self.assertEqual(evtwin.Table(ok)["x"].tolist(), [0, 1, 2, 3, 4])

    def test_what_a_table_does_not_hold(self):
        for values, kind in ((pa.array([[1], [2]]), r"\+l"), (pa.array([{"a": 1}]), r"\+s"), (pa.array([b"x"]), "'z'")):
            with self.assertRaisesRegex(errors.UnsupportedError, f"'odd'.*{kind}"):
                evtwin.Table(pa.table({"odd": values}))
        with self.assertRaisesRegex(errors.SchemaError, "duplicate column 'x'"):
            evtwin.Table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"]))

    @NEW
    def test_polars(self):
        frame = pl.from_pandas(self.frame)
        self.check(evtwin.Table(frame), self.frame)
        self.check(evtwin.Table(frame.with_columns(pl.col("battery_id").cast(pl.Categorical))), self.frame)
        self.check(evtwin.Table(pl.concat([frame[:100], frame[100:]], rechunk=False)), self.frame)
        table = evtwin.Table(frame)
        self.assertEqual(address(table, "SoC"), frame["SoC"].to_numpy(allow_copy=False).ctypes.data)
        holes = pl.DataFrame({"soc": [1.0, None], "charge_cycles": [None, 3], "note": ["a longer note than twelve", None]})
        table = evtwin.Table(holes)
        self.assertEqual(table["note"].tolist(), holes["note"].to_list())
        self.assertTrue(np.isnan(table["soc"][1]) and np.isnan(table["charge_cycles"][0]))

    @NEW
    def test_strings_of_numpy(self):
        """Its own type for them has a missing value of the user's choice."""
        for missing in (None, np.nan, pd.NA):
            values = np.array(["a", missing, "ü"], np.dtypes.StringDType(na_object=missing))
            self.assertEqual(evtwin.Table({"note": values})["note"].tolist(), ["a", None, "ü"])

    @NEW
    def test_polars_lazy(self):
        with self.assertRaisesRegex(TypeError, r"collect\(\)"):
            evtwin.Table(pl.from_pandas(self.frame).lazy())

    @NEW
    def test_duckdb(self):
        frame = self.frame  # noqa: F841 DuckDB finds it by this name
        database = duckdb.connect()
        self.addCleanup(database.close)
        relation = database.sql("SELECT * FROM frame ORDER BY charge_cycles")
        self.check(evtwin.Table(relation), self.frame)
        literal = evtwin.Table(database.sql("SELECT 1.5 AS soc, DATE '2024-01-01' AS time, 'A' AS battery_id"))
        self.assertEqual((literal["soc"][0], literal["time"][0], literal["battery_id"][0]),
                         (1.5, np.datetime64("2024-01-01"), "A"))

    def test_units_and_naive_times(self):
        frame = pd.DataFrame({"soc": np.linspace(0.1, 0.9, 50), "time": pd.date_range("2024-01-01", periods=50)})
        with self.assertRaisesRegex(errors.RangeError, "fraction"):
            evtwin.Table(frame)
        table = evtwin.Table(frame, units={"soc": "fraction"})
        self.assertEqual(table.units["soc"], "fraction")
        with self.assertRaisesRegex(errors.ParseError, "time"):
            evtwin.Table(frame, units={"soc": "fraction"}, naive_time="reject")
        with self.assertRaisesRegex(ValueError, "local"):
            evtwin.Table(frame, naive_time="berlin")

    def test_a_frame_is_trained_on_and_predicted(self):
        """By the names of the data set, in its units, as a data scientist has them."""
        records, _ = evtwin.Fleet(8, seed=1).run_to_failure(record_every_days=30)
        frame = records.to_pandas().rename(columns={
            "soc": "SoC", "soh": "SoH", "voltage": "Battery_Voltage", "current": "Battery_Current",
            "temperature": "Battery_Temperature", "charge_cycles": "Charge_Cycles", "power_consumption":
            "Power_Consumption"})
        frame["SoC"] /= 100
        frame["SoH"] /= 100
        frame["Power_Consumption"] /= 1000
        trainer, same = evtwin.train(frame, seed=1), evtwin.train(records, seed=1)
        score, expected = (t.score("rul") for t in (trainer, same))
        self.assertAlmostEqual(score.rmse / expected.rmse, 1, places=2)
        predictor = trainer.predictor()
        with self.assertRaisesRegex(errors.SchemaError, "SoC.*a matrix has soc"):
            predictor.predict(frame.select_dtypes("float"))
        ours = records.to_pandas()[list(predictor.features)]
        np.testing.assert_array_equal(predictor.predict(ours), predictor.predict(ours.to_numpy()))
        # a row of a frame has the names of its columns, in another order too
        row = ours.iloc[0]
        self.assertEqual(*([reason.text for reason in predictor.reasons("rul", x)] for x in (row, row.to_numpy())))
        with self.assertRaisesRegex(errors.SchemaError, "a row has soc"):
            predictor.reasons("rul", row[::-1])
        holes = ours.convert_dtypes()
        holes.iloc[0, 0] = pd.NA
        expected = predictor.predict(holes.to_numpy(float, na_value=np.nan))
        self.assertTrue(np.isnan(expected[0, 0]))
        np.testing.assert_array_equal(predictor.predict(holes), expected)
        with self.assertRaises(TypeError):  # a moment is no number of nanoseconds
            predictor.predict(ours.assign(soc=pd.Timestamp("2024-01-01")))
        if frames_env.version() == "new":
            np.testing.assert_array_equal(predictor.predict(pa.Table.from_pandas(ours)), predictor.predict(ours))
        predictions = predictor.apply(frame)
        self.assertGreater(np.isfinite(predictions["rul_prediction"]).mean(), 0.9)


if __name__ == "__main__":
    if frames_env.version() is None:
        frames_env.run_in(["new", "old"])
        sys.exit(0)
    unittest.main(verbosity=1)
