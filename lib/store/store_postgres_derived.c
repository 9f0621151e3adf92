/* SPDX-License-Identifier: MIT */
/* store/store_postgres_derived.c: what serves other programs: triggers that complete their rows,
 * and views. Made from the list of quantities; can be made again at any time. */

#include "core/hash.h"
#include "core/status.h"
#include "store/store_postgres_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Rows of other programs get what they do not know of: the status by the limits in force, a seq, a
 * revision, the time they came; what is no number counts as missing. Their predictions become the
 * battery's standing one. It runs with its owner's rights: a writer needs no more than INSERT or
 * UPDATE on ev_telemetry. @S is the schema; @clean, @case and @P are made from the quantities. */
static const char function_sql[] =
    "CREATE OR REPLACE FUNCTION @S.ev_telemetry_row() RETURNS trigger LANGUAGE plpgsql"
    " SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $ev$\n"
    "DECLARE n bigint := nextval('@S.ev_seq');\n"
    "BEGIN\n"
    "@clean"
    " IF NEW.seq IS NULL THEN NEW.seq := n; END IF;\n"
    " IF NEW.created_at IS NULL THEN NEW.created_at := now(); END IF;\n"
    " IF NEW.prediction_timestamp IS NULL AND (NEW.rul_prediction IS NOT NULL"
    " OR NEW.failure_probability IS NOT NULL) THEN NEW.prediction_timestamp := now(); END IF;\n"
    " NEW.status := coalesce((SELECT l.level FROM @S.ev_threshold AS l WHERE l.kind = 'status'"
    " AND CASE l.operator WHEN '<' THEN -1 ELSE 1 END * (CASE l.quantity@case END - l.\"limit\")"
    " > 0 ORDER BY l.level LIMIT 1), 'NORMAL');\n" /* CRITICAL sorts before WARNING */
    " NEW.revision := ((pg_current_xact_id()::text::bigint + (SELECT r.transaction_offset"
    " FROM @S.ev_revision AS r)) << 20) + (n & 1048575);\n"
    " IF NEW.prediction_timestamp IS NOT NULL THEN\n"
    "  INSERT INTO @S.ev_battery AS b VALUES (NEW.battery_id, NEW.time, NEW.seq)"
    " ON CONFLICT (battery_id) DO UPDATE SET predicted_time = excluded.predicted_time,"
    " predicted_seq = excluded.predicted_seq WHERE (excluded.predicted_time,"
    " excluded.predicted_seq) > (b.predicted_time, b.predicted_seq);\n"
    " END IF;\n"
    " RETURN NEW;\n"
    "END $ev$;\n";

/* Our own sessions set evtwin.writer, and do all of it themselves. */
#define NOT_OURS " WHEN (current_setting('evtwin.writer', true) IS DISTINCT FROM 'on')"
static const char triggers_sql[] =
    "DROP TRIGGER IF EXISTS ev_row_insert ON @S.ev_telemetry;\n"
    "CREATE TRIGGER ev_row_insert BEFORE INSERT ON @S.ev_telemetry FOR EACH ROW" NOT_OURS
    " EXECUTE FUNCTION @S.ev_telemetry_row();\n"
    "DROP TRIGGER IF EXISTS ev_row_update ON @S.ev_telemetry;\n"
    "CREATE TRIGGER ev_row_update BEFORE UPDATE ON @S.ev_telemetry FOR EACH ROW" NOT_OURS
    " EXECUTE FUNCTION @S.ev_telemetry_row();\n";

/* The ids are found by jumping from each to the next in the key: no scan, no second list. */
static const char latest_sql[] =
    "CREATE OR REPLACE VIEW @S.latest_battery_status AS\n"
    "WITH RECURSIVE battery (id) AS (\n"
    "    (SELECT battery_id FROM @S.ev_telemetry ORDER BY battery_id LIMIT 1)\n"
    "    UNION ALL\n"
    "    SELECT (SELECT t.battery_id FROM @S.ev_telemetry AS t WHERE t.battery_id > battery.id\n"
    "            ORDER BY t.battery_id LIMIT 1)\n"
    "    FROM battery WHERE battery.id IS NOT NULL\n"
    ")\n"
    "SELECT n.* FROM battery CROSS JOIN LATERAL (\n"
    "    SELECT * FROM @S.ev_telemetry AS t WHERE t.battery_id = battery.id\n"
    "    ORDER BY t.time DESC, t.seq DESC LIMIT 1\n"
    ") AS n;\n";

static const char hourly_sql[] = "CREATE OR REPLACE VIEW @S.ev_telemetry_hourly AS\n"
                                 "SELECT date_trunc('hour', time, 'UTC') AS bucket, battery_id,\n"
                                 "    " POSTGRES_HOURLY_COLUMNS "\n"
                                 "FROM @S.ev_telemetry GROUP BY 1, 2;\n";

/* ---- texts ---- */

/* Lines that make NaN and infinity NULL. */
static void put_clean(evtwin__text *to) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__STORED) && evtwin__schema[q].type == EVTWIN_F64) {
            char line[300];
            const char *name = evtwin__schema[q].name;
            snprintf(line, sizeof line,
                     " IF NEW.%s IN ('NaN', 'Infinity', '-Infinity') THEN NEW.%s := NULL; END"
                     " IF;\n",
                     name, name);
            evtwin__text_put(to, line);
        }
    }
}

/* " WHEN 'soc' THEN NEW.soc …": any number of the schema may have a limit. */
static void put_case(evtwin__text *to) {
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS) &&
            evtwin__quantity_is_number(q)) {
            char branch[200];
            snprintf(branch, sizeof branch, " WHEN '%s' THEN NEW.%s", evtwin__schema[q].name,
                     evtwin__schema[q].name);
            evtwin__text_put(to, branch);
        }
    }
}

/* A text with its marks replaced. */
static void put_marked(evtwin__text *to, const char *text, const char *schema) {
    for (const char *mark; (mark = strchr(text, '@')) != NULL;) {
        evtwin__text_add(to, text, (size_t)(mark - text));
        if (strncmp(mark, "@clean", 6) == 0) {
            put_clean(to);
            text = mark + 6;
        } else if (strncmp(mark, "@case", 5) == 0) {
            put_case(to);
            text = mark + 5;
        } else {
            evtwin__text_put(to, schema);
            text = mark + 2;
        }
    }
    evtwin__text_put(to, text);
}

static void put_all(evtwin__text *to, const postgres_schema *schema) {
    put_marked(to, function_sql, schema->name);
    put_marked(to, triggers_sql, schema->name);
    put_marked(to, latest_sql, schema->name);
    if (!schema->has_hourly_aggregate) {
        put_marked(to, hourly_sql, schema->name);
    }
}

/* What the texts come to in this version, as a comment on the function says it. */
static void put_hash(char *to, size_t size) {
    evtwin__text text = {.size = 0};
    postgres_schema none = {.name = ""};
    put_all(&text, &none);
    const uint64_t hash =
        evtwin__hash(EVTWIN__HASH_BEGIN, text.data, text.is_failed ? 0 : text.size);
    evtwin__text_free(&text);
    snprintf(to, size, "libevtwin %016" PRIx64, hash);
}

/* ---- check, make ---- */

evtwin_status evtwin__postgres_derived_check(evtwin__pg *pg, int64_t *out) {
    static const char sql[] =
        "SELECT 1 WHERE (SELECT count(*) FROM pg_trigger WHERE tgrelid ="
        " to_regclass('ev_telemetry') AND tgname IN ('ev_row_insert', 'ev_row_update') AND"
        " tgenabled <> 'D') = 2 AND to_regclass('latest_battery_status') IS NOT NULL AND"
        " to_regclass('ev_telemetry_hourly') IS NOT NULL AND to_regclass('ev_telemetry_key') IS NOT"
        " NULL AND to_regclass('ev_telemetry_revision') IS NOT NULL AND"
        " to_regclass('ev_telemetry_unpredicted') IS NOT NULL AND"
        " obj_description(to_regproc('ev_telemetry_row'), 'pg_proc') = $1";
    char hash[64];
    put_hash(hash, sizeof hash);
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_text(&params, hash);
    const evtwin_status st = evtwin__pg_query_i64(pg, sql, &params, 0, out);
    evtwin__pg_params_free(&params);
    return st;
}

evtwin_status evtwin__postgres_derived_make(evtwin__pg *pg, const postgres_schema *schema) {
    evtwin__text text = {.size = 0};
    char comment[300], hash[64];
    put_hash(hash, sizeof hash);
    snprintf(comment, sizeof comment, "COMMENT ON FUNCTION %s.ev_telemetry_row() IS '%s'",
             schema->name, hash);
    put_all(&text, schema);
    evtwin__text_add(&text, comment, strlen(comment) + 1);
    const evtwin_status st = text.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for SQL")
                                            : evtwin__pg_exec(pg, text.data);
    evtwin__text_free(&text);
    return st;
}
