/* SPDX-License-Identifier: MIT */
/* tools/train_session.h: a training on its way to MLflow, shared by train_mlflow.c (runs) and
 * train_registry.c (models). */
#ifndef EVTWIN_TOOLS_TRAIN_SESSION_H
#define EVTWIN_TOOLS_TRAIN_SESSION_H

#include "cli/cli_try.h"
#include "track_list.h"
#include "train_champion.h"
#include "train_mlflow.h"

#include <stdio.h>

enum { SESSION_PATH_SIZE = 512 };

/* Where the bundle is among the artifacts of the parent run: who resolves a version finds it below
 * the run of the version. */
#define SESSION_BUNDLE "bundle"

typedef struct train_session {
    const train_tracking *what;
    evtwin_tracker *tracker;
    evtwin_run *parent;
    char error[1024]; /* what failed first */
    int is_ending;    /* what is left is to be done even if the user has asked to stop */
    char folder[SESSION_PATH_SIZE - 128];    /* temporary, with what is uploaded */
    char digest[65];                         /* of the data; "" of a pipe */
    char model_version[32];                  /* of the bundle */
    char compared_run[EVTWIN_TRACK_ID_SIZE]; /* whose bundle the verdict is about; "" = none yet */
    champion_verdict verdict;
} train_session;

/* folder/name, in memory of the caller. */
static inline const char *session_path(const train_session *s, const char *name,
                                       char path[SESSION_PATH_SIZE]) {
    snprintf(path, SESSION_PATH_SIZE, "%s/%s", s->folder, name);
    return path;
}

/* ---- train_run.c ---- */

/* st; if it failed its text is kept, where nothing failed before. */
evtwin_status session_keep_error(train_session *s, evtwin_status st);

/* A run below parent (NULL = below none) with these tags, which are cleared. */
evtwin_status session_start_run(const train_session *s, const evtwin_run *parent,
                                const char *experiment, const char *name, track_list *tags,
                                evtwin_run **out);
/* End a run by how its work went, st, which is given back if it failed; the run is freed. */
evtwin_status session_end_run(train_session *s, evtwin_run *run, evtwin_status st);

/* train_search.c: a run below that of the model for each set of parameters that a search tried. */
evtwin_status session_log_search(train_session *s, const evtwin_target *target, evtwin_run *run);

/* ---- train_figures.c ---- */

/* Target i, if it was trained: 1, or 0. */
int figures_target(const evtwin_trainer *trainer, size_t i, evtwin_target *out);
evtwin_score figures_score(const evtwin_trainer *trainer, const evtwin_target *target,
                           evtwin_scored scored);

/* One score, with a prefix before the names of its figures; then all of a model: its own, those of
 * its baselines, the importance of each feature, the metrics of each round, its parameters. */
void figures_put_score(track_list *list, const char *prefix, const evtwin_target *target,
                       const evtwin_score *score, int is_model);
void figures_put_scores(track_list *list, const evtwin_trainer *trainer,
                        const evtwin_target *target);
void figures_put_importance(track_list *list, const evtwin_trainer *trainer,
                            const evtwin_target *target);
evtwin_status figures_put_rounds(track_list *list, const evtwin_trainer *trainer,
                                 const evtwin_target *target);
evtwin_status figures_put_params(track_list *list, const evtwin_trainer *trainer,
                                 const evtwin_target *target);

/* train_registry.c: log the model of a target to the parent run, register it, let its aliases move.
 * model_id_out (EVTWIN_TRACK_ID_SIZE) is that of MLflow 3, "" on 2. */
evtwin_status session_register(train_session *s, const evtwin_target *target, char *model_id_out);

#endif
