/* SPDX-License-Identifier: MIT */
/* learn/derive.h: from a battery's successive rows to quantities that no single row tells: a
 * bounded number of doubles is kept, nothing is allocated for a row. */
#ifndef EVTWIN_LEARN_DERIVE_H
#define EVTWIN_LEARN_DERIVE_H

#include "evtwin/table.h"

#include <stddef.h>

typedef enum evtwin__derived {
#define D(id, name, unit, formula, missing, source) EVTWIN__D_##id,
#include "learn/derive.def"
#undef D
    EVTWIN__D_COUNT
} evtwin__derived;

typedef struct evtwin__derived_info {
    const char *name, *unit, *formula, *missing, *source;
} evtwin__derived_info;

extern const evtwin__derived_info evtwin__derived_list[EVTWIN__D_COUNT];

/* In place of a list of names. */
#define EVTWIN__DERIVE_ALL "all"

/* 1 if a comma-separated list names it, or all. */
int evtwin__derived_is_listed(evtwin__derived d, const char *names);

/* EVTWIN__D_COUNT if none has that name. */
evtwin__derived evtwin__derived_find(const char *name);

/* What they are made of, in our units; current > 0 discharges. NaN = not measured. */
typedef enum evtwin__derive_input {
    EVTWIN__I_TIME_US,
    EVTWIN__I_SIM_TIME_S, /* the physics clock, before the calendar's where both rows have it */
    EVTWIN__I_SOC,
    EVTWIN__I_VOLTAGE,
    EVTWIN__I_CURRENT,
    EVTWIN__I_TEMPERATURE,
    EVTWIN__I_IS_CHARGING,
    EVTWIN__I_CELL_MAX,
    EVTWIN__I_CELL_MIN,
    EVTWIN__I_COUNT
} evtwin__derive_input;

/* Where a table has them: derive_inputs.c. */
typedef struct evtwin__derive_columns {
    const evtwin_table *table;
    size_t col[EVTWIN__I_COUNT]; /* EVTWIN_NO_COLUMN where it lacks one */
    double factor[EVTWIN__I_COUNT];
} evtwin__derive_columns;

void evtwin__derive_columns_find(const evtwin_table *table, evtwin__derive_columns *out);
/* in (EVTWIN__I_COUNT) = the row's; a value that cannot be is as good as none. */
void evtwin__derive_read(const evtwin__derive_columns *columns, size_t row, double *in);

/* How many doubles are kept of a battery. */
size_t evtwin__derive_size(void);
/* Nothing was seen. */
void evtwin__derive_clear(double *kept);

/* One more row. out (EVTWIN__D_COUNT) = what became known at it, NaN = nothing new. A row of the
 * same time as the one before counts for nothing; a clock that goes back, like a gap, ends the
 * charge or rest that goes on. */
void evtwin__derive_push(double *kept, const double *in, double *out);

#endif
