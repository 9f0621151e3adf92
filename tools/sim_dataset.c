/* SPDX-License-Identifier: MIT */
/* tools/sim_dataset.c: the run-to-failure data set of a fleet, written to files and sinks, and
 * summed up in a few lines. */

#include "sim_tool.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The data set as a source: sinks take records, not labels, in pieces so that a Ctrl-C is noticed.
 */
typedef struct reader {
    const evtwin_table *data_set;
    size_t next;
} reader;

static evtwin_status read_rows(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                               evtwin_table *table) {
    (void)source;
    (void)timeout_ms;
    reader *r = ctx;
    size_t rows[SIM_MAX_BATCH], n = 0;
    while (n < max_rows && n < SIM_MAX_BATCH && r->next + n < evtwin_table_rows(r->data_set)) {
        rows[n] = r->next + n;
        n++;
    }
    if (n == 0) {
        return EVTWIN_DONE;
    }
    evtwin_table *part = NULL;
    evtwin_status st = evtwin_table_select(r->data_set, rows, n, &part);
    if (st >= 0 && (st = evtwin_table_append(table, part)) >= 0) {
        r->next += n;
    }
    evtwin_table_free(part);
    return st;
}

static int publish(const evtwin_table *data_set, delivery *d) {
    reader r = {.data_set = data_set};
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "data set", .read = read_rows};
    evtwin_source *source;
    const evtwin_status st = evtwin_source_create(&callbacks, &r, &source);
    int code = st < 0 ? cli_fail(CLI_AN_OUTPUT, st, NULL) : delivery_take_source(d, source);
    if (code == 0) {
        const double n = (double)evtwin_table_rows(data_set);
        do {
            code = delivery_run(d, 0);
        } while (code == CLI_CONTINUE && !cli_progress(NULL, "writing", (double)r.next / n));
        cli_progress_clear();
    }
    if (code == CLI_CONTINUE) {
        cli_error("stopped before all records were written");
        code = 128 + cli_stopping();
    }
    return delivery_finish(d, code);
}

static int write_csv(const char *csv, const evtwin_table *data_set) {
    cli_progress(NULL, "writing", -1);
    cli_begin_write(csv);
    CLI_TRY(cli_end_write(csv, evtwin_table_write_csv(data_set, csv),
                          "choose another file with --csv"));
    const size_t n = evtwin_table_rows(data_set);
    cli_note("%s: %zu record%s", csv, n, cli_s(n));
    return 0;
}

static int write_data_set(const cli *c, const evtwin_table *data_set, const sim_sinks *sinks) {
    const size_t n_sinks = sinks->n_uris; /* --csv is written whole, not as a sink */
    if (cli_text(c, SIM_CSV) != NULL) {
        CLI_TRY(write_csv(cli_text(c, SIM_CSV), data_set));
    }
    cli_on_stop(CLI_STOP_ASKS, NULL);
    if (n_sinks == 0) {
        return 0;
    }
    delivery d = {.pump = NULL};
    int code = sim_sinks_open(c, sinks, n_sinks, SIM_MAX_BATCH, &d);
    code = code == 0 ? publish(data_set, &d) : code == CLI_CONTINUE ? 128 + cli_stopping() : code;
    evtwin_pump_free(d.pump);
    return code;
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

/* The number of records is reported where they are written. */
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
static int check_before(const cli *c, const sim_sinks *sinks) {
    CLI_FAIL_IF(cli_is_on(c, SIM_JSON) && sinks->uses_stdout, CLI_USAGE,
                "--json and the records cannot both go to standard output");
    return sinks->csv != NULL ? cli_check_output_file(cli_text(c, SIM_CSV)) : 0;
}

static evtwin_moments moments_of(const cli *c) {
    const char *name = cli_text(c, SIM_MOMENTS);
    return strcmp(name, "daily") == 0   ? EVTWIN_MOMENTS_DAILY
           : strcmp(name, "cycle") == 0 ? EVTWIN_MOMENTS_CYCLE
                                        : EVTWIN_MOMENTS_ACTIVE;
}

static int simulate(const cli *c, const evtwin_sim_options *options, evtwin_table **out,
                    evtwin_run_to_failure_report *report) {
    evtwin_run_to_failure_options run;
    evtwin_run_to_failure_options_init(&run, sizeof run);
    run.record_every_days = cli_number(c, SIM_RECORD_DAYS);
    run.max_years = cli_number(c, SIM_MAX_YEARS);
    run.moments = moments_of(c);
    run.progress = cli_progress;
    cli_on_stop(CLI_STOP_LEAVES, "nothing was written");
    const evtwin_status st = evtwin_sim_run_to_failure(options, &run, out, report, sizeof *report);
    cli_progress_clear();
    return st < 0 ? cli_fail(CLI_AN_OPTION, st, NULL) : 0;
}

int sim_run_to_failure(const cli *c, const evtwin_sim_options *options) {
    evtwin_table *data_set = NULL;
    evtwin_run_to_failure_report report;
    sim_sinks sinks;
    int code;
    if ((code = sim_sinks_list(c, &sinks)) == 0 && (code = check_before(c, &sinks)) == 0 &&
        (code = simulate(c, options, &data_set, &report)) == 0 &&
        (code = write_data_set(c, data_set, &sinks)) == 0) {
        if (cli_is_on(c, SIM_JSON)) {
            print_json(&report);
        } else if (!cli_quiet()) {
            FILE *f = sinks.uses_stdout ? cli_console_open(stderr) : stdout;
            print_summary(f, &report, sinks.n > 0);
            if (sinks.uses_stdout) {
                cli_console_close(f);
            }
        }
    }
    evtwin_table_free(data_set);
    sim_sinks_free(&sinks);
    return code;
}
