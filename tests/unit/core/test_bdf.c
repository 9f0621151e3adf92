/* SPDX-License-Identifier: MIT */
/* test_bdf.c: files of the Battery Data Format: the reference files, the test time that never goes
 * back, columns that stand in for others, and tables that are converted to it. */

#include "test.h"

#include "fail_nth.h"

#include "core/binding.h"
#include "core/csv.h"

static evtwin_table *read_text(const char *text) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(temp_file("cell.bdf.csv", text), NULL, &t));
    return t;
}

static double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

/* ---- the reference files ---- */

#define NEWARE                                                                                     \
    SHARED_DATA "/bdf/SINTEF__SLPBA842124HV__2024-10-23__Rate_25degC__Neware__Time_Bug.bdf.csv"

static int has_shared(const char *path) {
    if (access(path, R_OK) != 0) {
        print_message("%s is not there\n", path);
        return 0;
    }
    return 1;
}

static evtwin_table *read_file(const char *path) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(path, NULL, &t));
    return t;
}

static void reference_files_are_read(void **state) {
    (void)state;
    const char *landt = SHARED_DATA "/bdf/SINTEF__LiGrR2032__2024-04-30__25degC__Landt.bdf.csv";
    if (!has_shared(landt)) {
        skip();
    }
    evtwin_table *t = read_file(landt), *ours = NULL;
    assert_int_equal(evtwin_table_rows(t), 25162);
    assert_int_equal(evtwin_telemetry_find(t, "temperature"), EVTWIN_NO_COLUMN); /* ambient */
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_EVTWIN, &ours));
    assert_true(number(ours, "sim_time_s", 25161) == 262657.764);
    for (size_t row = 0; row < 25162; row++) {
        assert_true(number(ours, "current", row) == -number(t, "current_ampere", row));
    }
    evtwin_table_free(t);
    evtwin_table_free(ours);
    t = read_file(SHARED_DATA "/bdf/sample.bdf.csv");
    assert_int_equal(evtwin_table_rows(t), 3);
    evtwin_table_free(t);
}

/* In this one the first row of each step has the test time 0. */
static void the_time_bug_is_reported(void **state) {
    (void)state;
    if (!has_shared(NEWARE)) {
        skip();
    }
    evtwin_table *t = NULL;
    assert_fails(evtwin_table_read_csv(NEWARE, NULL, &t), EVTWIN_E_PARSE,
                 "bdf.csv:724:1|test_time_second|7200|line 723|to 0|bdf clean");
    assert_null(t);

    /* also where the caller asks for other columns only */
    evtwin_csv_options o;
    evtwin_csv_options_init(&o, sizeof o);
    o.used_columns = "voltage_volt";
    o.other_columns = "";
    assert_fails(evtwin_table_read_csv(NEWARE, &o, &t), EVTWIN_E_PARSE, "724:1|7200");

    /* whoever knows better */
    o.has_several_tests = 1;
    o.used_columns = o.other_columns = NULL;
    assert_ok(evtwin_table_read_csv(NEWARE, &o, &t));
    assert_int_equal(evtwin_table_rows(t), 13086);
    const size_t col = evtwin_telemetry_find(t, "temperature");
    assert_string_equal(evtwin_table_name(t, col), "temperature_t1_celsius");
    assert_true(evtwin_table_number(t, col, 2) == 26.5);
    evtwin_table_free(t);
}

/* ---- the test time ---- */

static void a_test_time_does_not_go_back(void **state) {
    (void)state;
    static const struct {
        const char *text, *says; /* NULL: it is fine */
    } tries[] = {
        {"Test Time / s,Voltage / V\n0,3\n0,3\n1.5,3\n,3\n1.5,3\n2,3\n", NULL},
        {"Test Time / s,Voltage / V\n5,3\n,3\n4.5,3\n", "cell.bdf.csv:4:1|goes back|5|line 2|4.5"},
        {"Voltage / V,note,test_time_second\n3,\"two\nlines\",1\n3,b,0\n", ":4:3|line 2"},
        {"Voltage / V,test_time_second\n3,-1\n3,-2\n", ":3:2|-1|-2"},
        {"battery_id,Test Time / s\nA,1\nB,0\n", NULL},
        {"sim_time_s,voltage\n1,3\n0,3\n", NULL}, /* ours is of each battery */
        {"Test Time / s;Voltage / V\n0,5;3,1\n0,25;3,1\n", ":3:1|0.5|0.25"},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        evtwin_table *t = NULL;
        const char *path = temp_file("cell.bdf.csv", tries[i].text);
        if (tries[i].says == NULL) {
            assert_ok(evtwin_table_read_csv(path, NULL, &t));
        } else {
            assert_fails(evtwin_table_read_csv(path, NULL, &t), EVTWIN_E_PARSE, tries[i].says);
        }
        evtwin_table_free(t);
    }

    /* a group says whose rows they are */
    evtwin_csv_options o;
    evtwin_table *t = NULL;
    evtwin_csv_options_init(&o, sizeof o);
    const char *path = temp_file("cells.csv", "cell,Test Time / s\n1,5\n2,0\n");
    assert_fails(evtwin_table_read_csv(path, NULL, &t), EVTWIN_E_PARSE, "cells.csv:3:2|battery_id");
    o.text_columns = "cell";
    assert_ok(evtwin_table_read_csv(path, &o, &t));
    evtwin_table_free(t);

    /* the second reading, for a text behind numbers, begins anew */
    t = read_text("Test Time / s,note\n0,1\n1,2\n2,x\n");
    assert_string_equal(evtwin_table_text(t, 1, 0), "1");
    evtwin_table_free(t);
}

/* Piece by piece: what is refused is passed over, the rows behind it are good. */
static void a_reader_goes_on_behind_it(void **state) {
    (void)state;
    const char *path = temp_file("cell.bdf.csv", "Test Time / s,Voltage / V\n0,1\n10,2\n0,3\n"
                                                 "10.5,4\n1,5\n11,6\n");
    evtwin__csv_reader *reader = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin__csv_reader_open(path, NULL, &reader));
    evtwin_status st;
    size_t n_refused = 0;
    while ((st = evtwin__csv_reader_next(reader, 2, t)) != EVTWIN_DONE) {
        n_refused += st == EVTWIN_E_PARSE;
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_PARSE);
    }
    assert_int_equal(n_refused, 2);
    assert_int_equal(evtwin_table_rows(t), 4);
    assert_true(number(t, "voltage", 2) == 4.0);
    assert_true(number(t, "voltage", 3) == 6.0);
    evtwin_csv_free(reader);
    evtwin_table_free(t);
}

/* ---- columns that stand in for others ---- */

static void a_stand_in_counts_in_absence_only(void **state) {
    (void)state;
    static const struct {
        const char *header, *column;
    } tries[] = {
        {"temperature_t1_celsius,temperature_t2_celsius", "temperature_t1_celsius"},
        {"Temperature T1 / degC,Surface Temperature / degC", "Surface Temperature / degC"},
        {"Surface Temperature / degC,Temperature T1 / degC", "Surface Temperature / degC"},
        {"temperature,temperature_t1_celsius", "temperature"},
        {"Temperature / degC,Temperature T2 / degC", "Temperature / degC"},
        {"Temperature / degC,Ambient Temperature / degC", "Temperature / degC"},
        {"Temperature / degC,Surface Temperature / degC", "Surface Temperature / degC"},
        {"temperature_t1_celsius,Battery_Temperature", "Battery_Temperature"},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "%s\n20,30\n21,31\n", tries[i].header);
        evtwin_table *t = read_text(text);
        const size_t col = evtwin_telemetry_find(t, "temperature");
        assert_string_equal(evtwin_table_name(t, col), tries[i].column);
        assert_ok(evtwin_telemetry_check(t));
        evtwin__binding b;
        assert_ok(evtwin__bind(t, EVTWIN__TELEMETRY, &b));
        assert_int_equal(b.bound[EVTWIN__Q_TEMPERATURE].col, col);
        evtwin_table_free(t);

        /* the same by pieces */
        evtwin__csv_reader *reader = NULL;
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(evtwin__csv_reader_open(temp_path("cell.bdf.csv"), NULL, &reader));
        assert_ok(evtwin__csv_reader_next(reader, 9, t));
        assert_true(number(t, "temperature", 1) == (col == 0 ? 21.0 : 31.0));
        evtwin_csv_free(reader);
        evtwin_table_free(t);
    }
    /* two that are meant are still refused, and so are two stand-ins */
    evtwin_table *t = read_text("temperature,Battery_Temperature\n20,30\n");
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_SCHEMA, "temperature|Battery_Temperature");
    evtwin_table_free(t);
}

/* ---- tables ---- */

static const char drive[] =
    "time,battery_id,soc,voltage,current,temperature,charge_cycles,power_consumption,is_charging,"
    "sim_time_s,resistance_mohm,label\n"
    "2024-01-31 08:00:00,A,80,390,10,25,12,3900,false,0,95.3,a\n"
    "2024-01-31 08:00:10,A,79,391,-10,26,12,3910,true,10,95.4,\n"
    "2024-01-31 08:00:20.5,A,,392,0,,,0,,20.5,,c\n";

static void check_file(const evtwin_table *t, const char *expected) {
    char text[2000];
    const char *path = temp_path("written.csv");
    assert_ok(evtwin_table_write_csv(t, path));
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, expected);
}

static void a_table_becomes_a_file_of_one_test(void **state) {
    (void)state;
    evtwin_table *t = read_text(drive), *bdf = NULL, *back = NULL, *again = NULL;
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_BDF, &bdf));
    check_file(bdf, "Test Time / s,Voltage / V,Current / A,Unix Time / s,battery_id,soc,"
                    "Surface Temperature / degC,Cycle Count / 1,Power / W,is_charging,"
                    "Internal Resistance / ohm,label\n"
                    "0,390,-10,1706688000,A,80,25,12,-3900,false,0.0953,a\n"
                    "10,391,10,1706688010,A,79,26,12,3910,true,0.0954,\n"
                    "20.5,392,0,1706688020.5,A,,,,0,,,c\n");

    /* and back */
    assert_ok(evtwin_table_read_csv(temp_path("written.csv"), NULL, &back));
    assert_ok(evtwin_telemetry_convert(back, EVTWIN_NAMING_EVTWIN, &again));
    for (size_t col = 0; col < evtwin_table_cols(t); col++) {
        const size_t other = evtwin_table_find(again, evtwin_table_name(t, col));
        assert_int_equal(evtwin_table_type(again, other), evtwin_table_type(t, col));
        for (size_t row = 0; row < 3; row++) {
            assert_int_equal(evtwin_table_is_valid(again, other, row),
                             evtwin_table_is_valid(t, col, row));
            const double a = evtwin_table_number(t, col, row);
            assert_true(isnan(a) || a == evtwin_table_number(again, other, row));
        }
    }
    evtwin_table_free(t);
    evtwin_table_free(bdf);
    evtwin_table_free(back);
    evtwin_table_free(again);
}

static void every_naming_and_back(void **state) {
    (void)state;
    evtwin_table *t = read_text(drive);
    for (size_t n = 0; n < evtwin_naming_count(); n++) {
        evtwin_table *named = NULL, *again = NULL;
        assert_ok(evtwin_telemetry_convert(t, (evtwin_naming)n, &named));
        for (size_t q = 0; q < evtwin_quantity_count(); q++) {
            const char *name = evtwin_quantity_name(q, (evtwin_naming)n);
            const char *ours = evtwin_quantity_name(q, EVTWIN_NAMING_EVTWIN);
            const size_t col = evtwin_table_find(t, ours);
            if (col != EVTWIN_NO_COLUMN) {
                assert_int_not_equal(evtwin_table_find(named, name != NULL ? name : ours),
                                     EVTWIN_NO_COLUMN);
            }
        }
        assert_ok(evtwin_telemetry_convert(named, EVTWIN_NAMING_EVTWIN, &again));
        for (size_t col = 0; col < evtwin_table_cols(t); col++) {
            const char *name = evtwin_table_name(t, col);
            for (size_t row = 0; row < 3; row++) {
                const double a = evtwin_table_number(t, col, row), b = number(again, name, row);
                assert_true(a == b || (isnan(a) && isnan(b)));
            }
        }
        evtwin_table_free(named);
        evtwin_table_free(again);
    }
    evtwin_table_free(t);
    t = read_text("soc,power_consumption,current\n80,5,1\n81,5,-1\n"); /* whole numbers too */
    evtwin_table *vss = NULL, *ev30 = NULL;
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_EV30, &ev30));
    assert_true(number(ev30, "SoC", 1) == 0.81);
    assert_string_equal(evtwin_table_unit(ev30, evtwin_table_find(ev30, "SoC")), "fraction");
    assert_true(number(ev30, "Power_Consumption", 1) == 0.005);
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_VSS, &vss));
    const char *power = "Vehicle.Powertrain.TractionBattery.CurrentPower";
    assert_true(number(vss, power, 0) == -5.0);
    assert_true(number(vss, power, 1) == 5.0);
    evtwin_table_free(t);
    evtwin_table_free(vss);
    evtwin_table_free(ev30);

    /* a direction that is not known is not made up */
    t = read_text("power_consumption,current\n5,1\n5,\n");
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_VSS, &vss));
    assert_int_equal(evtwin_table_find(vss, power), EVTWIN_NO_COLUMN);
    assert_true(number(vss, "power_consumption", 1) == 5.0);
    evtwin_table_free(t);
    evtwin_table_free(vss);
}

/* Without a test time it is the time since the first row. */
static void a_test_time_is_made_of_times(void **state) {
    (void)state;
    evtwin_table *t = read_text("time,voltage,current\n2024-01-31 08:00:00.25,3,1\n"
                                "2024-01-31 08:00:01,3,1\n"),
                 *bdf = NULL;
    assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_BDF_MACHINE, &bdf));
    assert_true(number(bdf, "test_time_second", 0) == 0.0);
    assert_true(number(bdf, "test_time_second", 1) == 0.75);
    evtwin_table_free(t);
    evtwin_table_free(bdf);
}

/* It counts from the first row that has a time, whatever number that begins with. */
static void a_test_time_counts_from_any_number(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double last_s;
    } tries[] = {
        {"sim_time_s,time,voltage,current\n1e300,2024-01-31,3,1\n,2024-02-01,3,1\n", 1e300},
        {"sim_time_s,time,voltage,current\n-1e300,2024-01-31,3,1\n,2024-02-01,3,1\n", -1e300},
        {"sim_time_s,time,voltage,current\n5,,3,1\n6.25,2024-01-31 08:00:00,3,1\n"
         ",2024-01-31 08:00:01,3,1\n",
         7.25},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        evtwin_table *t = read_text(tries[i].text), *bdf = NULL;
        assert_ok(evtwin_telemetry_convert(t, EVTWIN_NAMING_BDF_MACHINE, &bdf));
        assert_true(number(bdf, "test_time_second", evtwin_table_rows(t) - 1) == tries[i].last_s);
        evtwin_table_free(t);
        evtwin_table_free(bdf);
    }
}

static void what_is_no_test_of_one_cell(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } tries[] = {
        {"sim_time_s,battery_id,voltage,current\n0,A,3,1\n1,B,3,1\n", "row 2|'A'|'B'|one cell"},
        {"sim_time_s,battery_id,voltage,current\n0,A,3,1\n1,,3,1\n", "row 2|'A'"},
        {"sim_time_s,voltage,current\n5,3,1\n4,3,1\n", "row 2|5 s|4 s"},
        {"time,voltage,current\n2024-01-02,3,1\n2024-01-01,3,1\n", "row 2|-86400 s"},
        {"sim_time_s,voltage\n5,3\n", "no current"},
        {"sim_time_s,voltage,current\n5,,1\n", "row 1|no voltage"},
        {"voltage,current\n3,1\n", "row 1|sim_time_s|time"},
        {"sim_time_s,time,voltage,current\n5,,3,1\n,2024-01-31,3,1\n",
         "row 2|no sim_time_s|no row before"},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        evtwin_table *t = read_text(tries[i].text), *bdf = NULL;
        assert_fails(evtwin_telemetry_convert(t, EVTWIN_NAMING_BDF, &bdf), EVTWIN_E_DATA,
                     tries[i].says);
        assert_null(bdf);
        evtwin_table_free(t);
    }
    evtwin_table *t = read_text("soc,SoC\n50,0.5\n"), *out = NULL;
    assert_fails(evtwin_telemetry_convert(t, EVTWIN_NAMING_VSS, &out), EVTWIN_E_SCHEMA, "soc|SoC");
    assert_fails(evtwin_telemetry_convert(NULL, EVTWIN_NAMING_VSS, &out), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_telemetry_convert(t, EVTWIN_NAMING_VSS, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_telemetry_convert(t, (evtwin_naming)99, &out), EVTWIN_E_ARG, "99");
    assert_fails(evtwin_telemetry_convert(t, (evtwin_naming)-1, &out), EVTWIN_E_ARG, "-1");
    evtwin_table_free(t);
}

static evtwin_status convert_drive(void *ctx) {
    evtwin_table *out = NULL;
    const evtwin_status st = evtwin_telemetry_convert(ctx, EVTWIN_NAMING_BDF, &out);
    evtwin_table_free(out);
    return st;
}

static void survives_every_failed_allocation(void **state) {
    (void)state;
    evtwin_table *t = read_text(drive);
    assert_true(fail_every_allocation(convert_drive, t) > 10);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_files_are_read),
        cmocka_unit_test(the_time_bug_is_reported),
        cmocka_unit_test(a_test_time_does_not_go_back),
        cmocka_unit_test(a_reader_goes_on_behind_it),
        cmocka_unit_test(a_stand_in_counts_in_absence_only),
        cmocka_unit_test(a_table_becomes_a_file_of_one_test),
        cmocka_unit_test(every_naming_and_back),
        cmocka_unit_test(a_test_time_is_made_of_times),
        cmocka_unit_test(a_test_time_counts_from_any_number),
        cmocka_unit_test(what_is_no_test_of_one_cell),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
