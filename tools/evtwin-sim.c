/* SPDX-License-Identifier: MIT */
/* tools/evtwin-sim.c: simulate battery packs: live telemetry, or run-to-failure data to train on.
 */

#include "check.h"
#include "sim_tool.h"

#include "evtwin/evtwin.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options[SIM_N_OPTIONS] = {
    [SIM_FLEET] = CLI_RANGE(CLI_INTEGER, "fleet", "N", "1", 1, 1e6, .group = "Batteries",
                            .help = "number of batteries"),
    [SIM_BATTERY_ID] = CLI_STRING(
        "battery-id", "ID", "BATTERY_001",
        .help = "of the first battery; the numbers of the others follow its last digits"),
    [SIM_MODEL] =
        CLI_STRING("model", "MODEL", "ecm", .choices = "ecm|classic|spm|spme",
                   .help = "ecm: equivalent circuit with heat and ageing; classic: the original "
                           "demo's formulas"),
    [SIM_CELL] = CLI_STRING(
        "cell", "NAME", NULL,
        .help = "cell parameters: one of --list-cells (default: the first) or a JSON file"),
    [SIM_LIST_CELLS] = CLI_FLAG("list-cells", .help = "print the built-in cells and exit"),
    [SIM_USE] = CLI_STRING(
        "use", "USE", "cycle", .choices = "cycle|daily",
        .help = "cycle: discharge and charge again and again; daily: drive, park, charge"),
    [SIM_DRIVE_CYCLE] =
        CLI_STRING("drive-cycle", "FILE", NULL,
                   .help = "CSV of speed per second (cycSecs, cycMps) that driving follows, "
                           "e.g. WLTP or UDDS"),
    [SIM_SOC] = CLI_RANGE(CLI_NUMBER, "soc", "PERCENT", "85", 0, 100,
                          .help = "state of charge at the start"),
    [SIM_SOH] =
        CLI_STRING("soh", "A[:B]", "95",
                   .help = "state of health at the start, in percent; A:B spreads the fleet evenly "
                           "from A to B"),
    [SIM_TEMPERATURE] = CLI_RANGE(CLI_NUMBER, "temperature", "DEGC", "32", -40, 80,
                                  .help = "cell temperature at the start"),
    [SIM_FRESH] =
        CLI_FLAG("fresh", .help = "start every battery anew; otherwise batteries that the first "
                                  "store among the sinks knows continue from their last records, "
                                  "and --soc, --soh and --temperature do not apply to them"),
    [SIM_START] =
        CLI_STRING("start", "TIME", "2024-01-01T00:00:00Z",
                   .help = "simulated time at the start: it stamps the records of --dry-run, "
                           "--speed max and --until-eol, and gives the season of daily use"),
    [SIM_SEED] = CLI_RANGE(CLI_INTEGER, "seed", "N", "0", 0, 9e15,
                           .help = "the same seed gives the same bytes, for any number of threads"),
    [SIM_THREADS] =
        CLI_RANGE(CLI_INTEGER, "threads", "N", "0", 0, 1024, .help = "0 = one per core"),
    [SIM_INTERVAL] = CLI_RANGE(CLI_NUMBER, "interval", "S", "2", 0.001, 86400, .group = "Live",
                               .environment = "TELEMETRY_INTERVAL",
                               .help = "seconds between two records of a battery"),
    [SIM_SPEED] = CLI_STRING("speed", "K", "60",
                             .help = "simulated seconds per second; max: as fast as possible, a "
                                     "record every --interval simulated seconds"),
    [SIM_DURATION] =
        CLI_RANGE(CLI_NUMBER, "duration", "S", NULL, 0.001, 1e10,
                  .help = "stop after that many seconds (simulated seconds with --speed max); "
                          "default: at Ctrl-C"),
    [SIM_SINK] = CLI_STRINGS(
        "sink", "URI", "sqlite:evtwin.db", .derived = cli_default_sinks, .group = "Output",
        .help =
            "where records go: postgresql://HOST/DATABASE, kafka://HOST/TOPIC, "
            "mqtt://HOST/TOPIC, sqlite:FILE, csv:FILE, jsonl:FILE (- = standard output), null:; "
            "may be repeated, and replaces the defaults: the PostgreSQL of DB_HOST or PGHOST "
            "(sqlite:evtwin.db if neither is set), and the brokers of KAFKA_BOOTSTRAP_SERVERS and "
            "MQTT_HOST"),
    [SIM_CSV] = CLI_STRING(
        "csv", "FILE", NULL,
        .help =
            "short for --sink csv:FILE; with --until-eol the file appears complete or not at all"),
    DELIVERY_OPTIONS(SIM_SPOOL),
    [SIM_HOLD] = CLI_RANGE(
        CLI_INTEGER, "hold", "N", "100000", 1, 1e6,
        .help = "without --spool: records kept in memory for a sink that fails; they are offered "
                "again until it takes them, and are lost if the simulator ends before"),
    SCRAPE_OPTIONS(SIM_METRICS, "0"),
    [SIM_CHECK] = CHECK_OPTION,
    [SIM_DRY_RUN] =
        CLI_FLAG("dry-run", .help = "print records as JSON on standard output; needs nothing"),
    [SIM_RECORDS] = CLI_RANGE(CLI_INTEGER, "records", "N", "5", 1, 1e9, .letter = 'n',
                              .help = "how many, with --dry-run"),
    [SIM_UNTIL_EOL] = CLI_FLAG(
        "until-eol", .group = "Run-to-failure data set",
        .help =
            "run every battery from new to its end of life (SoH below 80 % or "
            "resistance doubled) and label the records with the outcome: rul, failure, truth_*"),
    [SIM_RECORD_DAYS] = CLI_RANGE(CLI_NUMBER, "record-days", "DAYS", "3", 1, 3650,
                                  .help = "days between two records"),
    [SIM_MOMENTS] =
        CLI_STRING("moments", "WHEN", "active", .choices = "active|daily|cycle",
                   .help = "when records are taken: active: mostly while driving or charging; "
                           "daily, cycle: at any time, as live batteries of that --use report"),
    [SIM_MAX_YEARS] =
        CLI_RANGE(CLI_NUMBER, "max-years", "YEARS", "15", 0.01, 50,
                  .help = "a battery still alive then is censored: no invented label"),
    [SIM_JSON] = CLI_FLAG("json", .help = "print a summary of the data set as one JSON object"),
};

static const cli_tool tool = {
    .name = "evtwin-sim",
    .purpose =
        "Simulate battery packs and publish what their management systems would report, or run "
        "them\nto their end of life to get labelled data.",
    .usage = "[OPTION]...",
    .examples =
        "evtwin-sim --dry-run -n 5                          five JSON records, needs nothing\n"
        "evtwin-sim --fleet 12 --soh 100:76 --sink sqlite:evtwin.db\n"
        "DB_HOST=localhost MQTT_HOST=localhost evtwin-sim --spool spool\n"
        "evtwin-sim --until-eol --fleet 200 --csv fleet.csv\n"
        "evtwin-sim --speed max --duration 86400 --interval 10 --sink jsonl:- | head",
    .options = options,
    .n_options = SIM_N_OPTIONS,
};

static int list_cells(void) {
    for (size_t i = 0; i < evtwin_cell_builtin_count(); i++) {
        printf("%-20s %s%s\n", evtwin_cell_builtin_name(i), evtwin_cell_builtin_description(i),
               i == 0 ? " (default)" : "");
    }
    return CLI_OK;
}

/* --soh A or A:B */
static int parse_soh(const char *text, double *first_out, double *last_out) {
    char first[32];
    const size_t n = strcspn(text, ":");
    snprintf(first, sizeof first, "%.*s", (int)(n < sizeof first ? n : sizeof first - 1), text);
    const char *last = text[n] == ':' ? text + n + 1 : first;
    CLI_FAIL_IF(!cli_parse_number(first, first_out) || !cli_parse_number(last, last_out) ||
                    *first_out <= 0 || *first_out > 100 || *last_out <= 0 || *last_out > 100,
                CLI_USAGE, "--soh: '%s' is not A or A:B with percentages above 0 and up to 100",
                text);
    return 0;
}

/* --interval, --speed, --start */
static int read_pace(const cli *c, sim_pace *pace) {
    const char *speed = cli_text(c, SIM_SPEED);
    double factor = 1;
    pace->interval_s = cli_number(c, SIM_INTERVAL);
    pace->is_max = strcmp(speed, "max") == 0;
    CLI_FAIL_IF(!pace->is_max && (!cli_parse_number(speed, &factor) || factor <= 0 || factor > 1e6),
                CLI_USAGE, "--speed: '%s' is neither max nor a number above 0 and up to 1000000",
                speed);
    pace->step_s = pace->interval_s * factor;
    const evtwin_status st =
        evtwin_time_parse(cli_text(c, SIM_START), EVTWIN_NAIVE_UTC, &pace->start_us);
    if (st < 0) {
        cli_fail(CLI_AN_OPTION, st, "see --start");
        return CLI_USAGE;
    }
    return 0;
}

/* Options that do not go together. */
static int check_combination(const cli *c, const sim_pace *pace) {
    const char *model = cli_text(c, SIM_MODEL);
    CLI_FAIL_IF(strcmp(model, "spm") == 0 || strcmp(model, "spme") == 0, CLI_USAGE,
                "--model: %s comes with a later version; this one has ecm and classic", model);
    CLI_FAIL_IF(!evtwin_battery_id_is_valid(cli_text(c, SIM_BATTERY_ID)), CLI_USAGE,
                "--battery-id: '%s' is not 1 to 50 of A-Z a-z 0-9 . _ : -",
                cli_text(c, SIM_BATTERY_ID));
    CLI_FAIL_IF(cli_is_on(c, SIM_DRY_RUN) && cli_is_on(c, SIM_UNTIL_EOL), CLI_USAGE,
                "--dry-run and --until-eol are mutually exclusive");
    CLI_FAIL_IF(cli_is_set(c, SIM_RECORDS) && !cli_is_on(c, SIM_DRY_RUN), CLI_USAGE,
                "-n belongs to --dry-run; a live run is limited by --duration");
    CLI_FAIL_IF(cli_is_on(c, SIM_UNTIL_EOL) && cli_is_set(c, SIM_SPOOL + DELIVERY_SPOOL), CLI_USAGE,
                "--spool belongs to a live run; a data set is made again from its seed");
    CLI_FAIL_IF(cli_is_on(c, SIM_JSON) && !cli_is_on(c, SIM_UNTIL_EOL), CLI_USAGE,
                "--json belongs to --until-eol; for records as JSON use --sink jsonl:-");
    CLI_FAIL_IF(cli_is_set(c, SIM_MOMENTS) && !cli_is_on(c, SIM_UNTIL_EOL), CLI_USAGE,
                "--moments belongs to --until-eol; live records are taken at every --interval");
    CLI_FAIL_IF(pace->is_max && !cli_is_set(c, SIM_DURATION) && !cli_is_on(c, SIM_UNTIL_EOL) &&
                    !cli_is_on(c, SIM_DRY_RUN),
                CLI_USAGE,
                "--speed max would never end; limit it with --duration, or use --until-eol");
    return 0;
}

static int make_options(const cli *c, const sim_pace *pace, const evtwin_cell *cell,
                        evtwin_sim_options *out) {
    evtwin_sim_options_init(out, sizeof *out);
    out->model =
        strcmp(cli_text(c, SIM_MODEL), "classic") == 0 ? EVTWIN_SIM_CLASSIC : EVTWIN_SIM_ECM;
    out->use = strcmp(cli_text(c, SIM_USE), "daily") == 0 ? EVTWIN_USE_DAILY : EVTWIN_USE_CYCLE;
    out->cell = cell;
    out->n_packs = (size_t)cli_integer(c, SIM_FLEET);
    out->battery_id = cli_text(c, SIM_BATTERY_ID);
    out->seed = (uint64_t)cli_integer(c, SIM_SEED);
    out->initial_soc_percent = cli_number(c, SIM_SOC);
    out->initial_temperature_degC = cli_number(c, SIM_TEMPERATURE);
    out->drive_cycle = cli_text(c, SIM_DRIVE_CYCLE);
    out->n_threads = (int)cli_integer(c, SIM_THREADS);
    out->start_time_us = pace->start_us;
    return parse_soh(cli_text(c, SIM_SOH), &out->initial_soh_percent, &out->final_soh_percent);
}

static int run_live_or_dry(const cli *c, const evtwin_sim_options *sim_options,
                           const sim_pace *pace) {
    evtwin_sim *sim;
    const evtwin_status st = evtwin_sim_create(sim_options, &sim);
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    const int code =
        cli_is_on(c, SIM_DRY_RUN) ? sim_run_dry(c, &sim, pace) : sim_run_live(c, &sim, pace);
    evtwin_sim_free(sim);
    return code;
}

static int check_all(const cli *c) {
    sim_sinks sinks;
    int code = sim_sinks_list(c, &sinks);
    if (code == 0) {
        for (size_t i = 0; i < sinks.n; i++) {
            check_sink(&code, "sink", sinks.uris[i]);
        }
        delivery_check_spool(&code, c, SIM_SPOOL, sinks.uris, sinks.n, NULL);
        scrape_check(&code, c, SIM_METRICS);
    }
    sim_sinks_free(&sinks);
    return code;
}

static int run(const cli *c) {
    if (cli_is_on(c, SIM_LIST_CELLS)) {
        return list_cells();
    }
    CLI_TRY(delivery_check_options(c, SIM_SPOOL));
    CLI_TRY(scrape_check_options(c, SIM_METRICS,
                                 cli_is_on(c, SIM_UNTIL_EOL) ? "--until-eol"
                                 : cli_is_on(c, SIM_DRY_RUN) ? "--dry-run"
                                                             : NULL));
    if (cli_is_on(c, SIM_CHECK)) {
        return check_all(c);
    }
    sim_pace pace;
    CLI_TRY(read_pace(c, &pace));
    CLI_TRY(check_combination(c, &pace));
    if (!cli_is_on(c, SIM_UNTIL_EOL) && !cli_is_on(c, SIM_DRY_RUN)) {
        cli_on_stop(CLI_STOP_QUITS, "nothing was simulated yet");
    }
    evtwin_cell *cell = NULL;
    const evtwin_status st = evtwin_cell_load(cli_text(c, SIM_CELL), &cell);
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, "--list-cells prints the built-in ones");
    }
    evtwin_sim_options sim_options;
    int code = make_options(c, &pace, cell, &sim_options);
    if (code == 0) {
        code = cli_is_on(c, SIM_UNTIL_EOL) ? sim_run_to_failure(c, &sim_options)
                                           : run_live_or_dry(c, &sim_options, &pace);
    }
    evtwin_cell_free(cell);
    return code;
}

int main(int argc, char **argv) {
    return cli_main(&tool, argc, argv, run);
}
