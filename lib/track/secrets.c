/* SPDX-License-Identifier: MIT */
/* track/secrets.c: the strings of a tracker, and which of them no text may show. */

#include "track/tracker.h"

#include "core/mem.h"
#include "core/status.h"
#include "track/url.h"

#include <stdio.h>
#include <string.h>

const char *evtwin__track_keep(evtwin_tracker *tracker, const char *text) {
    const size_t n = sizeof tracker->string / sizeof tracker->string[0];
    char *copy = text != NULL && tracker->n_strings < n ? evtwin__strdup(text) : NULL;
    if (copy != NULL) {
        tracker->string[tracker->n_strings++] = copy;
    }
    return copy;
}

/* What HTTP says for user and password, which a server could say back. */
static char *basic_word(const char *user, const char *password) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    evtwin__text plain = {0}, word = {0};
    evtwin__text_put(&plain, user);
    evtwin__text_put(&plain, ":");
    evtwin__text_put(&plain, password);
    for (size_t i = 0; !plain.is_failed && i < plain.size; i += 3) {
        const size_t n = plain.size - i < 3 ? plain.size - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? (unsigned char)plain.data[i + k] : 0);
        }
        const char four[4] = {digit[bits >> 18 & 63], digit[bits >> 12 & 63],
                              n > 1 ? digit[bits >> 6 & 63] : '=', n > 2 ? digit[bits & 63] : '='};
        evtwin__text_add(&word, four, sizeof four);
    }
    word.is_failed |= plain.is_failed;
    evtwin__text_free(&plain);
    return evtwin__url_end(&word);
}

evtwin_status evtwin__track_know_secrets(evtwin_tracker *t) {
    const evtwin_tracker_options *o = &t->options;
    const char *basic = NULL;
    if (o->user != NULL && o->password != NULL) {
        char *word = basic_word(o->user, o->password);
        basic = evtwin__track_keep(t, word);
        evtwin__free(word);
        EVTWIN_FAIL_IF(basic == NULL, EVTWIN_E_NOMEM, "out of memory for a tracking server");
    }
    const char *secret[EVTWIN__TRACK_N_SECRETS] = {
        basic, o->password, o->token, o->s3_secret_key, o->s3_session_token, NULL};
    for (size_t i = 0; i < EVTWIN__TRACK_N_SECRETS; i++) {
        t->secret[i] = secret[i] != NULL ? secret[i] : "";
    }
    return EVTWIN_OK;
}

void evtwin__track_hide(const evtwin_tracker *tracker, char *text) {
    for (size_t i = 0; i < EVTWIN__TRACK_N_SECRETS; i++) {
        const size_t n = strlen(tracker->secret[i]);
        for (char *at = text; n > 0 && (at = strstr(at, tracker->secret[i])) != NULL; at += n) {
            memset(at, '*', n);
        }
    }
}

const char *evtwin__track_show(const evtwin_tracker *tracker, const char *text, size_t n, char *out,
                               size_t size) {
    char *whole = evtwin__strndup(text, n);
    out[0] = '\0';
    if (whole != NULL) {
        evtwin__track_hide(tracker, whole);
        snprintf(out, size, "%s", whole);
    }
    evtwin__free(whole);
    return out;
}

evtwin_status evtwin__track_clean(const evtwin_tracker *tracker, evtwin_status st) {
    char text[1024]; /* as long as the thread's */
    if (st < 0) {
        snprintf(text, sizeof text, "%s", evtwin_last_error());
        evtwin__track_hide(tracker, text);
        (void)evtwin__fail(st, "%s", text);
    }
    return st;
}
