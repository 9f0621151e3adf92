/* SPDX-License-Identifier: MIT */
/* store/store_postgres_columns.c: the columns of ev_telemetry as they are, and as they must be. */

#include "core/status.h"
#include "io/postgres_wire.h"
#include "store/store_postgres_schema.h"

#include <stdio.h>
#include <string.h>

const char *evtwin__postgres_type_name(size_t q) {
    static const char *const names[] = {[EVTWIN_F64] = "DOUBLE PRECISION",
                                        [EVTWIN_I64] = "BIGINT",
                                        [EVTWIN_BOOL] = "BOOLEAN",
                                        [EVTWIN_TIME] = "TIMESTAMPTZ",
                                        [EVTWIN_TEXT] = "TEXT"};
    return names[evtwin__schema[q].type];
}

/* The longest text that the library itself writes there: a battery id, CRITICAL. */
static int64_t needed_length(size_t q) {
    return q == EVTWIN__Q_BATTERY_ID ? 50 : q == EVTWIN__Q_STATUS ? 8 : INT64_MAX;
}

int evtwin__postgres_column_fits(const postgres_column *column, size_t q, evtwin__pg_type *wire) {
    static const struct {
        int64_t oid;
        evtwin_type type;
        evtwin__pg_type wire;
    } fits[] = {{EVTWIN__OID_FLOAT8, EVTWIN_F64, EVTWIN__PG_F64},
                {EVTWIN__OID_INT8, EVTWIN_I64, EVTWIN__PG_I64},
                {EVTWIN__OID_INT4, EVTWIN_I64, EVTWIN__PG_I32},
                {EVTWIN__OID_INT2, EVTWIN_I64, EVTWIN__PG_I16},
                {EVTWIN__OID_BOOL, EVTWIN_BOOL, EVTWIN__PG_BOOL},
                {EVTWIN__OID_TEXT, EVTWIN_TEXT, EVTWIN__PG_TEXT},
                {EVTWIN__OID_VARCHAR, EVTWIN_TEXT, EVTWIN__PG_TEXT},
                {EVTWIN__OID_TIMESTAMPTZ, EVTWIN_TIME, EVTWIN__PG_TIME}};
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        if (column->is_there && fits[i].oid == column->type &&
            fits[i].type == evtwin__schema[q].type) {
            *wire = fits[i].wire;
            return !column->is_generated &&
                   (column->max_length == 0 || column->max_length >= needed_length(q));
        }
    }
    return 0;
}

static int flag(const evtwin__pg_result *result, size_t row, size_t col) {
    int64_t value = 0;
    return evtwin__pg_i64(result, row, col, &value) && value != 0;
}

static void note_column(const evtwin__pg_result *result, size_t row, postgres_columns *out) {
    const char *name = evtwin__pg_text(result, row, 0);
    const size_t q = name != NULL ? evtwin__quantity_by_name(name) : EVTWIN__Q_COUNT;
    if (q < EVTWIN__Q_COUNT && evtwin__is_of(q, EVTWIN__STORED)) {
        postgres_column *column = &out->of[q];
        *column = (postgres_column){.is_there = 1,
                                    .is_generated = flag(result, row, 3),
                                    .has_default = flag(result, row, 5)};
        evtwin__pg_i64(result, row, 1, &column->type);
        evtwin__pg_i64(result, row, 4, &column->max_length);
    } else if (flag(result, row, 2)) {
        snprintf(out->demanding, sizeof out->demanding, "%s", name != NULL ? name : "?");
    }
}

evtwin_status evtwin__postgres_columns_read(evtwin__pg *pg, postgres_columns *out) {
    static const char sql[] =
        "SELECT a.attname, a.atttypid, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',"
        " a.attgenerated <> '', CASE WHEN a.atttypid IN (1042, 1043) AND"
        " a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END, a.atthasdef FROM pg_attribute AS a"
        " WHERE a.attrelid = to_regclass('ev_telemetry') AND a.attnum > 0 AND NOT a.attisdropped";
    evtwin__pg_result *result = NULL;
    *out = (postgres_columns){.is_table = 0};
    EVTWIN_TRY(evtwin__pg_query(pg, sql, NULL, &result));
    for (size_t row = 0; row < evtwin__pg_rows(result); row++) {
        note_column(result, row, out);
    }
    out->is_table = evtwin__pg_rows(result) > 0;
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_columns_check(evtwin__pg *pg, const postgres_columns *columns,
                                             postgres_schema *out) {
    const char *name = evtwin__pg_name(pg);
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        EVTWIN_FAIL_IF(evtwin__is_of(q, EVTWIN__STORED) &&
                           !evtwin__postgres_column_fits(&columns->of[q], q, &out->column[q]),
                       EVTWIN_E_SCHEMA,
                       "%s: another program removed or changed the column %s of ev_telemetry; "
                       "nothing is touched: use a backup",
                       name, evtwin__schema[q].name);
        out->has_default[q] = (uint8_t)columns->of[q].has_default;
    }
    EVTWIN_FAIL_IF(columns->demanding[0] != '\0', EVTWIN_E_SCHEMA,
                   "%s: the column %s of ev_telemetry, which is not of the library, must have a "
                   "value in each row; give it a default",
                   name, columns->demanding);
    return EVTWIN_OK;
}
