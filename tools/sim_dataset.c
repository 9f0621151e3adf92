/* SPDX-License-Identifier: MIT */
/* tools/sim_dataset.c: the run-to-failure data set of a fleet, written to files and sinks, and told
 * in a few lines. */

#include "sim_tool.h"
#include "sim_publish.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_WRITE = 8192 };

/* Sinks take records, not labels, in pieces so that a Ctrl-C is heard. */
static int publish(const evtwin_table *lives, publisher *p) {
    const size_t n = evtwin_table_rows(lives);
    size_t rows[ROWS_PER_WRITE];
    int code = 0;
    for (size_t first = 0; first < n && code == 0; first += ROWS_PER_WRITE) {
        const size_t n_part = n - first < ROWS_PER_WRITE ? n - first : ROWS_PER_WRITE;
        for (size_t i = 0; i < n_part; i++) {
            rows[i] = first + i;
        }
        evtwin_table *part;
        const evtwin_status st = evtwin_table_select(lives, rows, n_part, &part);
        if (st < 0) {
            return cli_fail(CLI_AN_OUTPUT, st, NULL);
        }
        code = publisher_offer(p, part);
        evtwin_table_free(part);
        if (code == 0 && cli_progress(NULL, "writing", (double)first / (double)n)) {
            cli_error("stopped before all records were written");
            code = 128 + cli_stopping();
        }
    }
    cli_progress_clear();
    return code;
}

static int write_lives(const cli *c, const evtwin_table *lives, char *const *uris, size_t n_sinks) {
    const char *csv = cli_text(c, SIM_CSV);
    if (csv != NULL) {
        cli_progress(NULL, "writing", -1);
        cli_begin_write(csv);
        const int code = cli_end_write(csv, evtwin_table_write_csv(lives, csv),
                                       "choose another file with --csv");
        cli_progress_clear();
        if (code != 0) {
            return code;
        }
        const size_t n = evtwin_table_rows(lives);
        cli_note("%s: %zu record%s", csv, n, cli_s(n));
    }
    cli_on_stop(CLI_STOP_ASKS, NULL);
    if (n_sinks == 0) {
        return 0;
    }
    publisher *p;
    const int code = publisher_open(uris, n_sinks, (size_t)cli_integer(c, SIM_HOLD), &p);
    if (code == CLI_CONTINUE) {
        return publisher_close(p, publish(lives, p));
    }
    return code == CLI_OK ? 128 + cli_stopping() : code;
}

static void print_json_number(const char *key, double value, const char *end) {
    if (isnan(value)) {
        printf("\"%s\": null%s", key, end);
    } else {
        printf("\"%s\": %.1f%s", key, value, end);
    }
}

static void print_json(const evtwin_run_to_failure_report *r) {
    printf("{\"packs\": %zu, \"censored\": %zu, \"defective\": %zu, \"eol_by_capacity\": %zu, "
           "\"eol_by_resistance\": %zu, \"records\": %zu, ",
           r->n_packs, r->n_censored, r->n_defective, r->n_eol_by_capacity, r->n_eol_by_resistance,
           r->n_rows);
    print_json_number("life_p10_cycles", r->life_p10_cycles, ", ");
    print_json_number("life_median_cycles", r->life_median_cycles, ", ");
    print_json_number("life_p90_cycles", r->life_p90_cycles, "}\n");
}

/* The number of records is told where they are written. */
static void print_summary(FILE *f, const evtwin_run_to_failure_report *r, int is_written) {
    fprintf(f,
            "%zu pack%s: %zu worn out by capacity, %zu by resistance, %zu censored; %zu had a "
            "defect\n",
            r->n_packs, cli_s(r->n_packs), r->n_eol_by_capacity, r->n_eol_by_resistance,
            r->n_censored, r->n_defective);
    if (!isnan(r->life_median_cycles)) {
        fprintf(f, "life: median %.0f equivalent full cycles, 10 %% below %.0f, 10 %% above %.0f\n",
                r->life_median_cycles, r->life_p10_cycles, r->life_p90_cycles);
    }
    if (!is_written) {
        fprintf(f, "%zu record%s\n", r->n_rows, cli_s(r->n_rows));
    }
}

/* What would only be found out after minutes of work. */
static int check_before(const cli *c, char *const *uris, size_t n_sinks) {
    const char *csv = cli_text(c, SIM_CSV);
    const int csv_is_stdout = csv != NULL && strcmp(csv, "-") == 0;
    if (cli_is_on(c, SIM_JSON) && (csv_is_stdout || sim_sinks_use_stdout(uris, n_sinks))) {
        cli_error("--json and the records cannot both go to standard output");
        return CLI_USAGE;
    }
    return csv != NULL ? cli_check_output_file(csv) : 0;
}

static int simulate(const cli *c, const evtwin_sim_options *options, evtwin_table **lives_out,
                    evtwin_run_to_failure_report *report) {
    evtwin_run_to_failure_options run;
    evtwin_run_to_failure_options_init(&run, sizeof run);
    run.record_every_days = cli_number(c, SIM_RECORD_DAYS);
    run.max_years = cli_number(c, SIM_MAX_YEARS);
    run.progress = cli_progress;
    cli_on_stop(CLI_STOP_LEAVES, "nothing was written");
    const evtwin_status st =
        evtwin_sim_run_to_failure(options, &run, lives_out, report, sizeof *report);
    cli_progress_clear();
    return st < 0 ? cli_fail(CLI_AN_OPTION, st, NULL) : 0;
}

int sim_run_lives(const cli *c, const evtwin_sim_options *options) {
    char **uris = NULL;
    size_t n_uris = 0;
    int code = sim_sinks(c, &uris, &n_uris);
    if (code != 0) {
        return code;
    }
    const size_t n_sinks = cli_count(c, SIM_SINK); /* --csv is written whole, not as a sink */

    evtwin_table *lives = NULL;
    evtwin_run_to_failure_report report;
    if ((code = check_before(c, uris, n_sinks)) == 0 &&
        (code = simulate(c, options, &lives, &report)) == 0 &&
        (code = write_lives(c, lives, uris, n_sinks)) == 0) {
        const char *csv = cli_text(c, SIM_CSV);
        const int is_taken =
            sim_sinks_use_stdout(uris, n_sinks) || (csv != NULL && strcmp(csv, "-") == 0);
        if (cli_is_on(c, SIM_JSON)) {
            print_json(&report);
        } else if (!cli_quiet()) {
            print_summary(is_taken ? stderr : stdout, &report, n_uris > 0);
        }
    }
    evtwin_table_free(lives);
    sim_sinks_free(uris, n_uris);
    return code;
}
