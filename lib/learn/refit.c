/* SPDX-License-Identifier: MIT */
/* learn/refit.c: a trainer beside another, to train once more on other parts of the same data. */

#include "learn/refit.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

void evtwin__refit_clear(evtwin__refit *r) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__result_clear(&r->trainer.result[t]);
        evtwin__free(r->data.label[t].part);
    }
}

evtwin_status evtwin__refit_begin(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                  evtwin__refit *r) {
    *r = (evtwin__refit){.trainer = *trainer, .data = *data};
    memset(r->trainer.result, 0, sizeof r->trainer.result);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        r->data.label[t].part = NULL;
        r->data.label[t].n_parts = 0;
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->part = evtwin__calloc(label->n, sizeof *label->part);
            EVTWIN_FAIL_IF(label->part == NULL, EVTWIN_E_NOMEM, "out of memory for %zu parts",
                           label->n);
        }
    }
    return EVTWIN_OK;
}
