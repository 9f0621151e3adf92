/* SPDX-License-Identifier: MIT */
/* io/mqtt_reason.c: reason codes of MQTT 5 (section 2.4), return codes of 3.1.1 (section 3.2.2.3),
 * and the words of libmosquitto and OpenSSL for a TLS connection that failed. */

#include "io/mqtt_reason.h"

#include <string.h>

static const struct {
    int code, v311; /* 0 = has none there */
    evtwin_status status;
    const char *text;
} reasons[] = {
    {0x80, 0, EVTWIN_E_DENIED, "refused without a reason; see what the broker lets this user do"},
    {0x84, 1, EVTWIN_E_UNSUPPORTED,
     "it does not speak this version of MQTT; try the parameter version="},
    {0x85, 2, EVTWIN_E_ARG, "it does not accept this client id"},
    {0x86, 4, EVTWIN_E_DENIED,
     "wrong user or password; name the user in the URI and the password by password_file="},
    {0x87, 5, EVTWIN_E_DENIED,
     "not authorised; check user, password and what the broker lets this user do"},
    {0x88, 3, EVTWIN_E_AGAIN, "it is not available"},
    {0x8a, 0, EVTWIN_E_DENIED, "this client is banned"},
    {0x8c, 0, EVTWIN_E_DENIED, "another way to authenticate is needed"},
    {0x8e, 0, EVTWIN_E_BUSY,
     "another client has connected with this client id; give each its own by client_id="},
    {0x8f, 0, EVTWIN_E_ARG, "it does not accept this topic filter"},
    {0x90, 0, EVTWIN_E_ARG, "it does not accept this topic"},
    {0x95, 0, EVTWIN_E_RANGE, "a message is larger than it takes"},
    {0x97, 0, EVTWIN_E_AGAIN, "a quota is exceeded"},
    {0x99, 0, EVTWIN_E_DATA, "it does not accept this payload"},
};

evtwin_status evtwin__mqtt_reason(int code, const char **text_out) {
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (code == reasons[i].code || (code < 6 && code == reasons[i].v311)) {
            *text_out = reasons[i].text;
            return reasons[i].status;
        }
    }
    *text_out = NULL;
    return EVTWIN_E_AGAIN;
}

static const struct {
    const char *said; /* a part of it */
    evtwin_status status;
    const char *text;
} tls_reasons[] = {
    {"host name verification", EVTWIN_E_DENIED,
     "the broker's certificate is for another host name; use the name that is in it"},
    {"certificate verify failed", EVTWIN_E_DENIED,
     "the broker's certificate is not trusted: its authority is not in cafile=, or it has expired "
     "(openssl s_client shows it)"},
    {"Unable to load CA", EVTWIN_E_CORRUPT, "cafile= holds no certificate in PEM form"},
    {"Unable to load client certificate", EVTWIN_E_CORRUPT,
     "certfile= holds no certificate in PEM form"},
    {"Unable to load client key", EVTWIN_E_CORRUPT,
     "keyfile= is not in PEM form, has a passphrase, or does not belong to certfile="},
    {"certificate/key are inconsistent", EVTWIN_E_CORRUPT, "keyfile= does not belong to certfile="},
    {"certificate required", EVTWIN_E_DENIED,
     "the broker wants a client's certificate; name it by certfile= and keyfile="},
    {"alert unknown ca", EVTWIN_E_DENIED, "the broker does not trust the authority of certfile="},
    {"alert bad certificate", EVTWIN_E_DENIED, "the broker does not accept certfile="},
    {"alert certificate expired", EVTWIN_E_DENIED, "certfile= has expired"},
    {"wrong version number", EVTWIN_E_AGAIN,
     "there is no TLS at this port; a broker without TLS is mqtt://"},
    {"unexpected eof", EVTWIN_E_AGAIN,
     "the broker ended the handshake; a broker without TLS is mqtt://"},
};

evtwin_status evtwin__mqtt_tls_reason(const char *said, const char **text_out) {
    for (size_t i = 0; i < sizeof tls_reasons / sizeof tls_reasons[0]; i++) {
        if (strstr(said, tls_reasons[i].said) != NULL) {
            *text_out = tls_reasons[i].text;
            return tls_reasons[i].status;
        }
    }
    *text_out = NULL;
    return EVTWIN_E_AGAIN;
}

const char *evtwin__mqtt_hint(const evtwin__mqtt_options *o) {
    return !o->uses_tls ? "; if it wants TLS, use mqtts://"
           : o->certfile == NULL
               ? "; does it speak TLS (else mqtt://), and does it want a client's "
                 "certificate (certfile=, keyfile=)?"
               : "; does it accept certfile=?";
}
