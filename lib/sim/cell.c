/* SPDX-License-Identifier: MIT */
/* sim/cell.c: load cell parameter sets, built in or from a file, and answer questions about them.
 */

#include "evtwin/cell.h"

#include "core/embed.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"
#include "sim/cell.h"

#include <math.h>
#include <string.h>

/* Made from models/cells by lib/sim/CMakeLists.txt. */
extern const evtwin__embedded evtwin__cells[];
extern const size_t evtwin__cells_count;

/* Name and description of each embedded file, made from them too; the first is the default. */
static const struct {
    const char *name, *description;
} builtin[] = {
#include "cell_list.inc"
};

enum { MAX_FILE_BYTES = 4 << 20 };

static int ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

static evtwin_status load_file(const char *path, evtwin_cell *out) {
    char *text = NULL;
    size_t size = 0;
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE_BYTES, &text, &size));
    const evtwin_status st = evtwin__cell_parse(path, text, size, out);
    evtwin__free(text);
    return st;
}

/* The embedded file "<name>.json". */
static evtwin_status load_builtin(const char *name, evtwin_cell *out) {
    const size_t n = strlen(name);
    for (size_t i = 0; i < evtwin__cells_count; i++) {
        const evtwin__embedded *file = &evtwin__cells[i];
        if (strncmp(file->name, name, n) == 0 && strcmp(file->name + n, ".json") == 0) {
            return evtwin__cell_parse(file->name, file->data, file->size, out);
        }
    }
    EVTWIN_FAIL(EVTWIN_E_NOT_FOUND,
                "no cell set '%.64s' (the first built-in one is '%s'; a file is given as a path "
                "with '/' or ending in .json)",
                name, evtwin_cell_builtin_name(0));
}

evtwin_status evtwin_cell_load(const char *name, evtwin_cell **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_cell *cell = evtwin__calloc_aligned(1, sizeof *cell);
    EVTWIN_FAIL_IF(cell == NULL, EVTWIN_E_NOMEM, "no memory for a cell parameter set");
    const char *wanted = name != NULL ? name : evtwin_cell_builtin_name(0);
    const int is_path = strchr(wanted, '/') != NULL || ends_with(wanted, ".json");
    const evtwin_status st = is_path ? load_file(wanted, cell) : load_builtin(wanted, cell);
    if (st < 0) {
        evtwin__free_aligned(cell);
        return st;
    }
    *out = cell;
    return EVTWIN_OK;
}

evtwin_status evtwin__cell_copy(const evtwin_cell *given, evtwin_cell *out) {
    if (given != NULL) {
        *out = *given;
        return EVTWIN_OK;
    }
    return load_builtin(evtwin_cell_builtin_name(0), out);
}

void evtwin_cell_free(evtwin_cell *cell) {
    evtwin__free_aligned(cell);
}

size_t evtwin_cell_builtin_count(void) {
    return sizeof builtin / sizeof builtin[0];
}

const char *evtwin_cell_builtin_name(size_t index) {
    return index < evtwin_cell_builtin_count() ? builtin[index].name : NULL;
}

const char *evtwin_cell_builtin_description(size_t index) {
    return index < evtwin_cell_builtin_count() ? builtin[index].description : NULL;
}

const char *evtwin_cell_name(const evtwin_cell *cell) {
    return cell != NULL ? cell->name : NULL;
}

const char *evtwin_cell_chemistry(const evtwin_cell *cell) {
    return cell != NULL ? cell->chemistry : NULL;
}

double evtwin_cell_capacity_Ah(const evtwin_cell *cell) {
    return cell != NULL ? cell->capacity_Ah : (double)NAN;
}

double evtwin_cell_v_min_V(const evtwin_cell *cell) {
    return cell != NULL ? cell->v_min_V : (double)NAN;
}

double evtwin_cell_v_max_V(const evtwin_cell *cell) {
    return cell != NULL ? cell->v_max_V : (double)NAN;
}

double evtwin_cell_ocv_V(const evtwin_cell *cell, double soc_frac) {
    return cell != NULL ? evtwin__ocv_at(&cell->ocv, soc_frac) : (double)NAN;
}

double evtwin__cell_param(const evtwin_cell *cell, int column, double soc_frac) {
    double f;
    const int k = evtwin__grid_at(soc_frac, EVTWIN__PARAM_INTERVALS, &f);
    const double low = cell->param[k][column];
    return low + f * (cell->param[k + 1][column] - low);
}

double evtwin__cell_arrhenius(const evtwin_cell *cell, double activation_K,
                              double temperature_degC) {
    if (activation_K == 0.0) {
        return 1.0;
    }
    const double kelvin = temperature_degC + EVTWIN__ZERO_CELSIUS_K;
    return evtwin__exp(activation_K * (1.0 / kelvin - 1.0 / cell->reference_K));
}

double evtwin_cell_r0_ohm(const evtwin_cell *cell, double soc_frac, double temperature_degC) {
    if (cell == NULL) {
        return NAN;
    }
    return evtwin__cell_param(cell, EVTWIN__PARAM_R0, soc_frac) *
           evtwin__cell_arrhenius(cell, cell->r0_activation_K, temperature_degC);
}

double evtwin__cell_r10_ohm(const evtwin_cell *cell, double r0_ratio) {
    enum { PULSE_S = 10 };
    const double soc = 0.5, temperature_degC = 25.0;
    const double r1 = evtwin__cell_param(cell, EVTWIN__PARAM_R1, soc);
    const double r2 = evtwin__cell_param(cell, EVTWIN__PARAM_R2, soc);
    const double e1 = evtwin__exp(-PULSE_S / evtwin__cell_param(cell, EVTWIN__PARAM_TAU1, soc));
    const double e2 = evtwin__exp(-PULSE_S / evtwin__cell_param(cell, EVTWIN__PARAM_TAU2, soc));
    const double rc = r1 * (1.0 - e1) + r2 * (1.0 - e2);
    return r0_ratio * evtwin_cell_r0_ohm(cell, soc, temperature_degC) +
           evtwin__rc_ratio(r0_ratio) * rc *
               evtwin__cell_arrhenius(cell, cell->rc_activation_K, temperature_degC);
}
