/* SPDX-License-Identifier: MIT */
/* test_csv_dialect.c: CSV as people have it: what separates fields, decimal signs, lines above the
 * header, names and words. What is certain is read, what is not is refused by name. */

#include "test.h"

#include "core/csv.h"
#include "core/csv_words.h"

static evtwin_csv_options options;

static int reset(void **state) {
    (void)state;
    return evtwin_csv_options_init(&options, sizeof options);
}

static evtwin_table *read_text(const char *text) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(temp_file("in.csv", text), &options, &t));
    return t;
}

static void check_refused(const char *text, evtwin_status code, const char *names) {
    evtwin_table *t = NULL;
    assert_fails(evtwin_table_read_csv(temp_file("in.csv", text), &options, &t), code, names);
    assert_null(t);
}

/* The text has the numbers in columns soc and voltage, NaN = missing. */
static void check_numbers(const char *text, const double *expected, size_t rows) {
    evtwin_table *t = read_text(text);
    assert_int_equal(evtwin_table_rows(t), rows);
    for (size_t i = 0; i < rows; i++) {
        const double soc = evtwin_table_number(t, evtwin_table_find(t, "soc"), i);
        const double voltage = evtwin_table_number(t, evtwin_table_find(t, "voltage"), i);
        if (!(soc == expected[2 * i] || (isnan(soc) && isnan(expected[2 * i]))) ||
            !(voltage == expected[2 * i + 1] || (isnan(voltage) && isnan(expected[2 * i + 1])))) {
            fail_msg("'%s': row %zu is %g, %g", text, i, soc, voltage);
        }
    }
    evtwin_table_free(t);
}

static void delimiters_are_recognised(void **state) {
    (void)state;
    static const double numbers[] = {68.5, 350.25, NAN, 351};
    check_numbers("soc,voltage\n68.5,350.25\n,351\n", numbers, 2);
    check_numbers("soc;voltage\n68.5;350.25\n;351\n", numbers, 2);
    check_numbers("soc;voltage\r\n68,5;350,25\r\n;351\r\n", numbers, 2);
    check_numbers("soc;voltage\n\"68,5\";\"350,25\"\n;351\n", numbers, 2);
    check_numbers("soc\tvoltage\n68.5\t350.25\n\t351\n", numbers, 2);
    check_numbers("soc\tvoltage\n68,5\t350,25\n\t351\n", numbers, 2);
    check_numbers("soc|voltage\n68.5|350.25\n|351\n", numbers, 2);
    check_numbers("sep=;\nsoc;voltage\n68,5;350,25\n;351\n", numbers, 2);
    check_numbers("\xEF\xBB\xBFsep=#\r\nsoc#voltage\r\n68.5#350.25\r\n#351\r\n", numbers, 2);
    check_numbers("a;b,soc,voltage\nx,68.5,350.25\ny,,351\n", numbers, 2); /* a name has one */
    check_numbers("soc;voltage;note\n68,5;350,25;a.b\n;351;1.10\n", numbers, 2);

    /* one column, whose name and values have such signs in them */
    evtwin_table *t = read_text("a;b\nx\ny\n");
    assert_string_equal(evtwin_table_name(t, 0), "a;b");
    evtwin_table_free(t);
}

static void what_is_given_is_not_asked(void **state) {
    (void)state;
    options.delimiter = ',';
    options.decimal = ',';
    check_numbers("soc,voltage\n\"68,5\",\"350,25\"\n,351\n", (double[]){68.5, 350.25, NAN, 351},
                  2);
    options.delimiter = '#';
    options.decimal = '.';
    check_numbers("soc#voltage\n1.234#2\n", (double[]){1.234, 2}, 1);
    options.decimal = ',';
    check_numbers("soc#voltage\n1,234#2e-1\n-3,5E1#+1,0\n", (double[]){1.234, 0.2, -35, 1}, 2);
    check_refused("soc#voltage\n1.234#2\n", EVTWIN_E_PARSE, "in.csv:2:1: '1.234'|'soc'|','");
    check_refused("soc#voltage\n1.234,5#2\n", EVTWIN_E_PARSE, "in.csv:2:1: '1.234,5'");
    for (const char *c = "7\".aZ\n"; *c != '\0'; c++) {
        options.delimiter = *c;
        check_refused("soc\n1\n", EVTWIN_E_ARG, "delimiter");
    }
    options.delimiter = '\0';
    options.decimal = ';';
    check_refused("soc\n1\n", EVTWIN_E_ARG, "decimal");
}

/* Seconds since 1970 have the decimal sign of the file; a time of day keeps what it has. */
static void seconds_have_the_decimal_sign_too(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        int64_t us;
    } cases[] = {
        {"Unix Time / s", "1704096000,25", 1704096000250000},
        {"Unix Time / s", "1,70409600025e9", 1704096000250000},
        {"Unix Time / s", "-0,5", -500000},
        {"Unix Time / s", "12", 12000000},
        {"time", " 1704096000,25 ", 1704096000250000},
        {"time", "1704096000250,5", 1704096000250500},
        {"time", "2024-01-01 08:00:00,25", 1704096000250000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "%s;voltage\n%s;3,75\n", cases[i].name, cases[i].text);
        evtwin_table *t = read_text(text);
        assert_int_equal(evtwin_table_type(t, 0), EVTWIN_TIME);
        assert_int_equal(evtwin_table_i64(t, 0)[0], cases[i].us);
        evtwin_table_free(t);
    }

    /* a format may have a comma itself */
    options.time_format = "%Y%m%d,%H%M%S";
    evtwin_table *t = read_text("time;voltage\n20240101,080000;3,75\n");
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1704096000000000);
    evtwin_table_free(t);
    options.time_format = NULL;
    check_refused("Unix Time / s;voltage\n1704096000,2,5;3,75\n", EVTWIN_E_PARSE,
                  "in.csv:2:1: |'1704096000,2,5'");
    options.decimal = '.';
    check_refused("Unix Time / s;voltage\n1704096000,25;3.75\n", EVTWIN_E_PARSE,
                  "in.csv:2:1: |'1704096000,25'");
}

static void what_is_open_is_refused(void **state) {
    (void)state;
    check_refused("soc;a,voltage\n1;2,3\n", EVTWIN_E_PARSE, "','|';'|option delimiter");
    check_refused("soc;voltage\n1,234;2\n", EVTWIN_E_PARSE, "'1,234'|thousands|option decimal");
    check_refused("soc;voltage\n68,8;350.5\n", EVTWIN_E_PARSE, "'68,8'|'350.5'|option decimal");
    check_refused("soc,voltage\n\"68,8\",350\n", EVTWIN_E_PARSE,
                  "in.csv:2:1: '68,8'|'soc'|option decimal");
    check_refused("soc,voltage\n\"1,234\",350\n", EVTWIN_E_PARSE, "'1,234'|thousands");
    check_refused("soc;voltage\n1,5;\"1.234,5\"\n", EVTWIN_E_PARSE, "in.csv:2:2: '1.234,5'");

    check_refused("soc,voltage\n\"1,234.5\",350\n", EVTWIN_E_PARSE, "'1,234.5'|thousands");

    /* a point may separate thousands too, where people have decimal commas */
    check_refused("soc;charge_cycles\n1;1.234\n", EVTWIN_E_PARSE,
                  "'1.234'|thousands|option decimal");
    check_numbers("soc;voltage\n1;351.234\n0.5;3\n", (double[]){1, 351.234, 0.5, 3}, 2);
    check_numbers("soc\tvoltage\n1\t351.234\n", (double[]){1, 351.234}, 1);

    /* the width of a row says more than what became of its fields */
    check_refused("soc,voltage\n68,8,350,5\n", EVTWIN_E_PARSE, "4 fields|header 2|decimal comma");
    check_refused("soc,voltage\na,68,350\n", EVTWIN_E_PARSE, "3 fields|header 2|R writes it");

    /* one value that cannot be thousands decides for all */
    check_numbers("soc;voltage\n1,234;2\n0,5;3\n", (double[]){1.234, 2, 0.5, 3}, 2);
}

static void lines_above_the_header(void **state) {
    (void)state;
    static const char text[] = "Export of 2024\n\nDevice;\"BMS 5\nsoc;voltage\n68,5;350,25\n;351\n";
    check_refused(text, EVTWIN_E_PARSE, "line 4|option skip_lines=3");
    check_refused("Report,,,\nsoc,voltage,a,b\n1,2,3,4\n", EVTWIN_E_PARSE, "option skip_lines=1");
    check_refused("# made by us\n# on monday\nx,y\n1,2\n", EVTWIN_E_PARSE, "option skip_lines=2");
    options.skip_lines = 3;
    check_numbers(text, (double[]){68.5, 350.25, NAN, 351}, 2);
    check_refused("a\nb\n", EVTWIN_E_DATA, "3 lines");
    check_refused("a\n\n\nsoc,voltage\n1,x\n", EVTWIN_E_PARSE, "in.csv:5:2: 'x'");
}

static void columns_that_have_no_name(void **state) {
    (void)state;
    static const double numbers[] = {1, 2, 3, 4};
    check_numbers(",soc,voltage\n0,1,2\n1,3,4\n", numbers, 2);
    check_numbers("soc,voltage,,\n1,2,,\n3,4,,\n", numbers, 2);
    check_numbers("soc,voltage,,\n1,2,a,\n3,4\n", numbers, 2);
    check_numbers("soc,voltage\n1,2,\n3,4,,\n", numbers, 2); /* only the rows end with them */
    check_numbers(" soc ,\t\"voltage \"\n 1, 2\n3 ,4\n", numbers, 2);
    check_refused("soc,voltage\n1,2,,x\n", EVTWIN_E_PARSE, "in.csv:2:4:|4 fields|header 2");
    evtwin_table *t = read_text(",soc,voltage,\n0,1,2,\n");
    assert_int_equal(evtwin_table_cols(t), 2);
    evtwin_table_free(t);
}

static void words_for_missing(void **state) {
    (void)state;
    char text[128];
    const char *word;
    for (size_t i = 0; (word = evtwin__missing_word(i)) != NULL; i++) {
        snprintf(text, sizeof text, "soc,voltage\n%s,1\n2, %s \n\"%s\",3\n", word, word, word);
        check_numbers(text, (double[]){NAN, 1, 2, NAN, NAN, 3}, 3);
    }
    evtwin_table *t = read_text("time,charge_cycles,is_charging,battery_id,x,y\n"
                                "NULL,NA,\\N,None,nan,a\n-,#N/A,n/a,\"NA\",1,\"null\"\n");
    for (size_t col = 0; col < 6; col++) {
        assert_int_equal(evtwin_table_is_valid(t, col, 0), col == 5);
        assert_int_equal(evtwin_table_is_valid(t, col, 1), col > 2);
    }
    assert_string_equal(evtwin_table_text(t, 3, 1), "NA"); /* in quotes it is a text */
    assert_int_equal(evtwin_table_type(t, 4), EVTWIN_F64);
    evtwin_table_free(t);
    check_refused("soc\nnone of it\n", EVTWIN_E_PARSE, "in.csv:2:1: 'none of it'");
    check_refused("soc\n-inf\n", EVTWIN_E_PARSE, "in.csv:2:1: '-inf'");
}

static void words_for_true_and_false(void **state) {
    (void)state;
    char text[128];
    const char *word;
    int value;
    options.number_columns = "label";
    for (size_t i = 0; (word = evtwin__bool_word(i, &value)) != NULL; i++) {
        snprintf(text, sizeof text, "is_charging,label,failure\n%s,%s,%s\n,NA,\n", word, word,
                 word);
        evtwin_table *t = read_text(text);
        for (size_t col = 0; col < 3; col++) {
            assert_true(evtwin_table_number(t, col, 0) == value);
            assert_int_equal(evtwin_table_is_valid(t, col, 1), 0);
        }
        evtwin_table_free(t);
    }
    check_refused("label\nTrue\n0.5\n", EVTWIN_E_PARSE, "'label'|data row 2|0.5");
    check_refused("label,soc\n1,True\n", EVTWIN_E_PARSE, "in.csv:2:2: 'True'|'soc'");
}

/* A column that is not asked for never refuses a file. */
static void what_nobody_uses(void **state) {
    (void)state;
    static const char text[] = "time,note,note,soc,voltage,is_charging,charge_cycles,\xe4,current\n"
                               "12:00,a\xff,b,1,2,maybe,many,1,inf\n"
                               "2024-01-01,1,b,3,4,1,5,2,7\n";
    check_refused(text, EVTWIN_E_PARSE, "UTF-8");
    options.used_columns = "soc,Battery_Voltage";
    check_numbers(text, (double[]){1, 2, 3, 4}, 2);
    evtwin_table *t = read_text(text);
    assert_int_equal(evtwin_table_cols(t), 8);
    assert_int_equal(evtwin_table_type(t, 0), EVTWIN_TEXT);
    assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "charge_cycles"), 1), "5");
    assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "current"), 0), "inf");
    evtwin_table_free(t);

    options.other_columns = "time";
    t = read_text(text);
    assert_int_equal(evtwin_table_cols(t), 3);
    evtwin_table_free(t);
    options.used_columns = "note";
    check_refused(text, EVTWIN_E_PARSE, "in.csv:1:3:|'note'|column 2");
    options.used_columns = "current";
    check_refused(text, EVTWIN_E_PARSE, "in.csv:2:9: 'inf'");
    options.used_columns = "soc"; /* the decimal sign is that of what is used */
    check_numbers("soc;x\n1;1,234\n2;1.234\n", (double[]){1, NAN, 2, NAN}, 2);
    check_numbers("soc;x\n1;0.5\n2,5;1\n", (double[]){1, NAN, 2.5, NAN}, 2);
    options.used_columns = "range,speed";
    check_refused("Report,of,us\nrange,speed,name\n1,2,a\n", EVTWIN_E_PARSE, "option skip_lines=1");
}

static void thousands_of_columns(void **state) {
    (void)state;
    enum { N = 4096 };
    static char text[2 * N * 12];
    size_t at = 0;
    for (int i = 0; i < N; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "c%d%c", i, i + 1 < N ? ',' : '\n');
    }
    for (int i = 0; i < N; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%d%c", i, i + 1 < N ? ',' : '\n');
    }
    evtwin_table *t = read_text(text);
    assert_int_equal(evtwin_table_cols(t), N);
    assert_true(evtwin_table_number(t, N - 1, 0) == N - 1);
    evtwin_table_free(t);
}

/* What stands among the rows is named as what it is. */
static void lines_among_the_rows(void **state) {
    (void)state;
    check_refused("soc,voltage\n%,V\n1,2\n", EVTWIN_E_PARSE, "in.csv:2:1: '%'|units");
    check_refused("soc,voltage\n1,2\nsoc,voltage\n3,4\n", EVTWIN_E_PARSE,
                  "in.csv:3:1: 'soc'|header|'soc'");
    check_refused("soc,voltage\n1,2\n# restart\n3,4\n", EVTWIN_E_PARSE, "in.csv:3:1|comment");
    check_refused("soc,voltage\n1,2\n(1 row)\n", EVTWIN_E_PARSE, "in.csv:3:1|text");
    check_refused("soc,voltage\n[1],[V]\n1,2\n", EVTWIN_E_PARSE, "in.csv:2:1: '[1]'|units");
    check_refused("{\"soc\":1}\n", EVTWIN_E_PARSE, "in.csv:1:1|JSON");
    check_refused("soc,voltage\r1,2\r", EVTWIN_E_PARSE, "in.csv:1:2|line feeds");
    static const char *const unclean[] = {"87%", "3.7 V", "$5", "0x10", "1'000", "1_000"};
    char text[64];
    for (size_t i = 0; i < sizeof unclean / sizeof unclean[0]; i++) {
        snprintf(text, sizeof text, "soc,voltage\n1,2\n%s,2\n", unclean[i]);
        check_refused(text, EVTWIN_E_PARSE, "in.csv:3:1:|unit|digits|'soc'");
    }
    check_refused("soc,voltage\n1,2\n--,2\n", EVTWIN_E_PARSE, "'--'|missing|'soc'");
    check_numbers("\xc2\xa0soc \xc2\xa0,voltage\n1,2\n", (double[]){1, 2}, 1);
    check_numbers("\xef\xbb\xbf\xef\xbb\xbfsoc,voltage\n1,2\n", (double[]){1, 2}, 1);
    evtwin_table *t = read_text("\xc2\xa0soc \xc2\xa0,voltage\n1,2\n");
    assert_string_equal(evtwin_table_name(t, 0), "soc");
    evtwin_table_free(t);
}

/* Digits that are a date as well as seconds since 1970. */
static void times_that_may_be_dates(void **state) {
    (void)state;
    check_refused("time,v\n2024013108,1\n", EVTWIN_E_PARSE,
                  "in.csv:2:1: '2024013108'|option time_format");
    check_refused("time,v\n3786940800,1\n", EVTWIN_E_PARSE, "'3786940800'|1904|option time_format");
    check_refused("time,v\n2401310830,1\n", EVTWIN_E_PARSE, "'2401310830'|option time_format");
    static const char *const seconds[] = {"1704096000", "1901010000", "2024013124", "2013310830"};
    char text[64];
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        snprintf(text, sizeof text, "time,v\n%s,1\n", seconds[i]);
        evtwin_table *t = read_text(text);
        assert_true(evtwin_table_i64(t, 0)[0] == strtoll(seconds[i], NULL, 10) * 1000000);
        evtwin_table_free(t);
    }
    options.time_format = "%Y%m%d%H";
    evtwin_table *t = read_text("time,v\n2024013108,1\n");
    assert_true(evtwin_table_i64(t, 0)[0] == 1706688000000000);
    evtwin_table_free(t);
    options.time_format = "%s";
    t = read_text("time,v\n2024013108,1\n");
    assert_true(evtwin_table_i64(t, 0)[0] == 2024013108000000);
    evtwin_table_free(t);
}

static void times_have_a_format(void **state) {
    (void)state;
    options.time_format = "%d.%m.%Y %H:%M";
    evtwin_table *t = read_text("time,v\n31.01.2024 12:30,1\nNA,2\n\"1.2.2024 0:05\",3\n");
    assert_true(evtwin_table_i64(t, 0)[0] == 1706704200000000);
    assert_int_equal(evtwin_table_is_valid(t, 0, 1), 0);
    assert_true(evtwin_table_i64(t, 0)[2] == 1706745900000000);
    evtwin_table_free(t);
    check_refused("time,v\n2024-01-31,1\n", EVTWIN_E_PARSE, "in.csv:2:1: column 'time'");
    options.time_format = "%Q";
    check_refused("time,v\n2024-01-31,1\n", EVTWIN_E_ARG, "%Q");
}

static void files_that_are_no_text(void **state) {
    (void)state;
    check_refused("\x1f\x8b\x08\x08 compressed", EVTWIN_E_UNSUPPORTED, "in.csv|gzip");
    check_refused("PAR1 and so on", EVTWIN_E_UNSUPPORTED, "in.csv|Parquet|CSV");
}

/* ---- scale ---- */

/* A file of n rows: that header with values from 0.5 on, the last one last. */
static const char *scaled(const char *header, int n, double last) {
    static char text[4096];
    size_t at = (size_t)snprintf(text, sizeof text, "%s,voltage\n", header);
    for (int i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%g,1\n",
                               i + 1 < n ? 0.5 + i / 100.0 : last);
    }
    return text;
}

static void fractions_under_a_name_in_percent(void **state) {
    (void)state;
    evtwin_table *t;
    check_refused(scaled("soc", 20, 1.0), EVTWIN_E_RANGE,
                  "'soc'|20 values|option units: soc=fraction");
    check_refused(scaled("soh", 25, 0.0), EVTWIN_E_RANGE, "'soh'|option units: soh=fraction");
    check_refused(scaled("Vehicle.Powertrain.TractionBattery.StateOfHealth", 20, 1.0),
                  EVTWIN_E_RANGE, "option units: soh=fraction");
    check_refused(scaled("soh", 20, 1.04), EVTWIN_E_RANGE, "1.04|option units: soh=fraction");
    const char *const fine[] = {
        scaled("soc", 20, 1.5), /* a battery at one percent, beside another */
        "soc,voltage\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n0,1\n"
        "0,1\n0,1\n0,1\n0,1\n0,1\n"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        t = read_text(fine[i]);
        evtwin_table_free(t);
    }
    evtwin_table_free(read_text(scaled("SoC", 20, 1.0)));  /* that name is a fraction's */
    evtwin_table_free(read_text(scaled("soc", 19, 1.0)));  /* too few to judge */
    evtwin_table_free(read_text(scaled("wear", 20, 1.0))); /* not ours */
    options.units = "soc=fraction";
    t = read_text(scaled("soc", 20, 1.0));
    assert_string_equal(evtwin_table_unit(t, 0), "fraction");
    evtwin_table_free(t);
    options.units = "soc=percent";
    t = read_text(scaled("soc", 20, 1.0));
    assert_string_equal(evtwin_table_unit(t, 0), "percent");
    evtwin_table_free(t);
    options.units = "soc=volts";
    check_refused(scaled("soc", 20, 1.0), EVTWIN_E_SCHEMA, "in.csv|'soc'");
    options.units = NULL;
    options.used_columns = "voltage";
    evtwin_table_free(read_text(scaled("soc", 20, 1.0)));
}

/* ---- once more, with further columns ---- */

static char written[4096];

/* The text, read and written again with the columns rul_prediction 1.5, 2.5, … and note "a;b". */
static void copy_text(const char *text) {
    evtwin_csv *csv;
    evtwin_table *t, *added;
    const char *out = temp_path("copy.csv");
    assert_ok(evtwin_csv_open(temp_file("in.csv", text), &options, &csv));
    assert_ok(evtwin_table_create(&added));
    assert_int_equal(evtwin_csv_write(csv, added, out), EVTWIN_E_STATE);
    assert_ok(evtwin_csv_read(csv, &t));
    assert_int_equal(evtwin_csv_read(csv, &t), EVTWIN_E_STATE);
    assert_int_equal(evtwin_csv_write(csv, added, out), EVTWIN_E_ARG);
    assert_ok(evtwin_table_add_column(added, "rul_prediction", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_table_add_column(added, "note", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_resize(added, evtwin_table_rows(t)));
    for (size_t row = 0; row < evtwin_table_rows(t); row++) {
        assert_ok(evtwin_table_set_f64(added, 0, row, 1.5 + (double)row));
        assert_ok(row > 0 ? EVTWIN_OK : evtwin_table_set_text(added, 1, row, "a;b"));
    }
    assert_ok(evtwin_csv_write(csv, added, out));
    FILE *f = fopen(out, "rb");
    assert_non_null(f);
    written[fread(written, 1, sizeof written - 1, f)] = '\0';
    fclose(f);
    evtwin_table_free(t);
    evtwin_table_free(added);
    evtwin_csv_free(csv);
}

static void a_file_comes_back_as_it_was(void **state) {
    (void)state;
    copy_text("vin,soc,\"q \"\"x\"\"\",\n0012E4,1.50,\"a\nb\",\n9007199254740993,NA,,x\n");
    assert_string_equal(written, "vin,soc,\"q \"\"x\"\"\",,rul_prediction,note\n"
                                 "0012E4,1.50,\"a\nb\",,1.5,\"a;b\"\n"
                                 "9007199254740993,NA,,x,2.5,\n");
    copy_text("\xEF\xBB\xBFsep=;\r\nsoc;v\r\n 1,50 ;007\r\n2;\r\n\r\n");
    assert_string_equal(written, "\xEF\xBB\xBFsep=;\r\nsoc;v;rul_prediction;note\r\n"
                                 " 1,50 ;007;1,5;\"a;b\"\r\n2;;2,5;\r\n");
    copy_text("note,soc,rul_prediction\nx,1,77\n\"y,z\",2,88"); /* what it adds is replaced */
    assert_string_equal(written, "soc,rul_prediction,note\n1,1.5,\"a;b\"\n2,2.5,\n");
    copy_text("note\nx\n");
    assert_string_equal(written, "rul_prediction,note\n1.5,\"a;b\"\n");
    copy_text("soc,v,\n1,2\n3,4,,\n"); /* as many fields as the header has */
    assert_string_equal(written, "soc,v,,rul_prediction,note\n1,2,,1.5,\"a;b\"\n3,4,,2.5,\n");
    copy_text("soc\n1\n\n3\n");
    assert_string_equal(written, "soc,rul_prediction,note\n1,1.5,\"a;b\"\n,2.5,\n3,3.5,\n");
    options.decimal = ',';
    copy_text("soc,v\n\"1,5\",2\n");
    assert_string_equal(written, "soc,v,rul_prediction,note\n\"1,5\",2,\"1,5\",\"a;b\"\n");
    options.decimal = '\0';
    options.skip_lines = 2;
    copy_text("title\n\"\nsoc,v\n1,2\n");
    assert_string_equal(written, "title\n\"\nsoc,v,rul_prediction,note\n1,2,1.5,\"a;b\"\n");
}

static void a_file_that_changes_is_noticed(void **state) {
    (void)state;
    static const char *const later[] = {"soc,v\n1,2\n", "soc,v\n1,\"2\n3,4\n", ""};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        evtwin_csv *csv;
        evtwin_table *t;
        const char *path = temp_file("in.csv", "soc,v\n1,2\n3,4\n");
        assert_ok(evtwin_csv_open(path, NULL, &csv));
        assert_ok(evtwin_csv_read(csv, &t));
        FILE *f = fopen(path, "wb"); /* the same file, not another of that name */
        assert_non_null(f);
        fputs(later[i], f);
        fclose(f);
        assert_fails(evtwin_csv_write(csv, t, temp_path("copy.csv")), EVTWIN_E_IO, "changed");
        evtwin_table_free(t);
        evtwin_csv_free(csv);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(delimiters_are_recognised, reset),
        cmocka_unit_test_setup(what_is_given_is_not_asked, reset),
        cmocka_unit_test_setup(seconds_have_the_decimal_sign_too, reset),
        cmocka_unit_test_setup(what_is_open_is_refused, reset),
        cmocka_unit_test_setup(lines_above_the_header, reset),
        cmocka_unit_test_setup(columns_that_have_no_name, reset),
        cmocka_unit_test_setup(words_for_missing, reset),
        cmocka_unit_test_setup(words_for_true_and_false, reset),
        cmocka_unit_test_setup(what_nobody_uses, reset),
        cmocka_unit_test_setup(thousands_of_columns, reset),
        cmocka_unit_test_setup(lines_among_the_rows, reset),
        cmocka_unit_test_setup(times_that_may_be_dates, reset),
        cmocka_unit_test_setup(times_have_a_format, reset),
        cmocka_unit_test_setup(files_that_are_no_text, reset),
        cmocka_unit_test_setup(fractions_under_a_name_in_percent, reset),
        cmocka_unit_test_setup(a_file_comes_back_as_it_was, reset),
        cmocka_unit_test_setup(a_file_that_changes_is_noticed, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
