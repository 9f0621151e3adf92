/* SPDX-License-Identifier: MIT */
/* tools/evtwin-ingest.c: telemetry of real devices, from a broker or a file, into any sinks. */

#include "ingest_tool.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options[INGEST_N_OPTIONS] = {
    [INGEST_SOURCE] =
        CLI_STRING("source", "URI", NULL, .group = "From",
                   .help = "where records come from: mqtt://HOST/TOPIC, kafka://HOST/TOPIC, "
                           "jsonl:FILE (- = standard input; ?follow=1 waits for more), csv:FILE"),
    [INGEST_NAIVE_TIME] = CLI_STRING(
        "naive-time", "KIND", NULL, .choices = "utc|local|reject",
        .help = "what a time without an offset means: utc, local or reject (default: utc for "
                "files, reject for streams)"),
    [INGEST_ONCE] = CLI_FLAG("once", .help = "end after 10 seconds without a record; a file ends "
                                             "by itself"),
    [INGEST_SINK] =
        CLI_STRINGS("sink", "URI", "sqlite:evtwin.db", .derived = cli_default_store, .group = "To",
                    .help = "where records go: postgresql://HOST/DATABASE, sqlite:FILE, kafka:, "
                            "mqtt:, csv:FILE, jsonl:FILE; may be repeated, and replaces the "
                            "default, which is the PostgreSQL of DB_HOST or PGHOST if one is set"),
    [INGEST_DEAD_LETTER] = CLI_STRING(
        "dead-letter", "URI", NULL,
        .help =
            "where messages that cannot be read go, with the reason and their bytes: jsonl:FILE, "
            "sqlite:FILE, postgresql:, kafka:, mqtt:; without it they are only counted"),
    DELIVERY_OPTIONS(INGEST_SPOOL),
    [INGEST_CHECK] = CHECK_OPTION,
    [INGEST_LATE_AFTER] = CLI_RANGE(
        CLI_NUMBER, "late-after", "S", NULL, 0, 1e10, .group = "Flags (column quality)",
        .help = "a record is late if it comes that many seconds after its own time (default: 300; "
                "never for a file that ends)"),
    [INGEST_FUTURE_AFTER] =
        CLI_RANGE(CLI_NUMBER, "future-after", "S", "60", 0, 1e10,
                  .help = "a record is in the future if its time is that many seconds ahead"),
    SCRAPE_OPTIONS(INGEST_METRICS, "0"),
};

static const cli_tool tool = {
    .name = "evtwin-ingest",
    .purpose =
        "Take the telemetry of real devices from a broker or a file into any sinks. Every field "
        "is\n"
        "checked: what cannot be read goes to --dead-letter and stops nothing; what looks wrong "
        "is\n"
        "stored as it came, with a flag in the column quality: 1 late, 2 out of order, 4 out of\n"
        "range, 8 in the future, 16 time without an offset, 32 perhaps a fraction.",
    .usage = "--source URI [OPTION]...",
    .examples = "evtwin-ingest --source mqtt://broker/ev/battery/telemetry --spool spool\n"
                "evtwin-ingest --source kafka://k1:9092,k2:9092/ev_battery_telemetry \\\n"
                "    --sink postgresql://twin@db/twin_data?password_file=secret --dead-letter "
                "jsonl:bad.jsonl\n"
                "evtwin-ingest --source jsonl:pack.jsonl --sink sqlite:evtwin.db\n"
                "evtwin-ingest --source mqtt://broker/ev/# --check",
    .options = options,
    .n_options = INGEST_N_OPTIONS,
};

static int check_combination(const cli *c) {
    CLI_FAIL_IF(cli_text(c, INGEST_SOURCE) == NULL, CLI_USAGE,
                "--source is missing: where do records come from? see evtwin-ingest --help");
    CLI_TRY(delivery_check_options(c, INGEST_SPOOL));
    CLI_TRY(scrape_check_options(c, INGEST_METRICS, NULL));
    const char *letters = cli_text(c, INGEST_DEAD_LETTER);
    for (size_t i = 0; i < cli_count(c, INGEST_SINK) && letters != NULL; i++) {
        const char *sink = cli_item(c, INGEST_SINK, i);
        CLI_FAIL_IF(!cli_is_store(sink) && strcmp(sink, letters) == 0, CLI_USAGE,
                    "--dead-letter: %s is a --sink; records and letters do not mix",
                    cli_shown(letters));
    }
    return cli_check_sinks(cli_items(c, INGEST_SINK), cli_count(c, INGEST_SINK));
}

static int check_all(const cli *c, const char *source) {
    int code = 0;
    check_source(&code, source);
    for (size_t i = 0; i < cli_count(c, INGEST_SINK); i++) {
        check_sink(&code, "sink", cli_item(c, INGEST_SINK, i));
    }
    const char *letters = cli_text(c, INGEST_DEAD_LETTER);
    if (letters != NULL) {
        check_sink(&code, "dead letters", letters);
    }
    delivery_check_spool(&code, c, INGEST_SPOOL, cli_items(c, INGEST_SINK),
                         cli_count(c, INGEST_SINK), letters);
    scrape_check(&code, c, INGEST_METRICS);
    return code;
}

static int run(const cli *c) {
    CLI_TRY(check_combination(c));
    const char *naive = cli_text(c, INGEST_NAIVE_TIME), *given = cli_text(c, INGEST_SOURCE);
    char *source = naive != NULL ? cli_with_param(given, "naive_time", naive) : strdup(given);
    if (source == NULL) {
        return cli_out_of_memory();
    }
    const int code = cli_is_on(c, INGEST_CHECK) ? check_all(c, source) : ingest_run(c, source);
    free(source);
    return code;
}

int main(int argc, char **argv) {
    return cli_main(&tool, argc, argv, run);
}
