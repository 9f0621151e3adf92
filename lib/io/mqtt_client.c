/* SPDX-License-Identifier: MIT */
/* io/mqtt_client.c: from options to a client of libmosquitto: version, session, password, TLS, last
 * will, limits; without surprises for the program. */

#include "io/mqtt_client.h"

#include "core/status.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PACKET = 4 << 20 }; /* larger messages are not sent to us */

/* mosquitto_lib_init seeds rand(): the program's own sequence must go on. */
static void init_library(void) {
    char other[32];
    char *before = initstate(1, other, sizeof other);
    mosquitto_lib_init();
    setstate(before);
}

/* A key with a passphrase: never ask on the terminal. */
static int no_passphrase(char *buffer, int size, int is_writing, void *ctx) {
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return 0;
}

int evtwin__mqtt_is_topic(const char *topic) {
    return topic[0] != '\0' && mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS &&
           mosquitto_validate_utf8(topic, (int)strlen(topic)) == MOSQ_ERR_SUCCESS;
}

int evtwin__mqtt_is_filter(const char *filter) {
    return filter[0] != '\0' && mosquitto_sub_topic_check(filter) == MOSQ_ERR_SUCCESS &&
           mosquitto_validate_utf8(filter, (int)strlen(filter)) == MOSQ_ERR_SUCCESS;
}

static evtwin_status check_file(const char *path) {
    EVTWIN_FAIL_IF(path != NULL && access(path, R_OK) != 0,
                   errno == ENOENT ? EVTWIN_E_NOT_FOUND : EVTWIN_E_IO, "%s: %s", path,
                   strerror(errno));
    return EVTWIN_OK;
}

static evtwin_status set_tls(struct mosquitto *c, const evtwin__mqtt_options *o) {
    EVTWIN_TRY(check_file(o->cafile));
    EVTWIN_TRY(check_file(o->certfile));
    EVTWIN_TRY(check_file(o->keyfile));
    const int rc = o->cafile != NULL ? mosquitto_tls_set(c, o->cafile, NULL, o->certfile,
                                                         o->keyfile, no_passphrase)
                                     : mosquitto_int_option(c, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    EVTWIN_FAIL_IF(rc != 0, EVTWIN_E_ARG, "%s: TLS: %s", o->name, mosquitto_strerror(rc));
    return EVTWIN_OK;
}

/* How a session is kept and how large messages may be goes to the broker as properties. They can be
 * given to a blocking connect alone, which keeps them before it refuses a port that is not one;
 * the connects that follow send them. */
static int set_properties(struct mosquitto *c, const evtwin__mqtt_options *o) {
    mosquitto_property *list = NULL;
    int rc = mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, MAX_PACKET);
    if (rc == 0 && o->keeps_session) {
        rc = mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                          o->session_expiry_s);
    }
    if (rc == 0) {
        const int refused = mosquitto_connect_bind_v5(c, o->host, -1, o->keepalive_s, NULL, list);
        rc = refused == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : refused;
    }
    mosquitto_property_free_all(&list);
    return rc;
}

static int set_options(struct mosquitto *c, const evtwin__mqtt_options *o) {
    int rc = mosquitto_int_option(c, MOSQ_OPT_PROTOCOL_VERSION,
                                  o->is_v311 ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    rc = rc == 0 ? mosquitto_int_option(c, MOSQ_OPT_TCP_NODELAY, 1) : rc;
    rc = rc == 0 ? mosquitto_int_option(c, MOSQ_OPT_RECEIVE_MAXIMUM, (int)o->receive_max) : rc;
    rc = rc == 0 ? mosquitto_int_option(c, MOSQ_OPT_SEND_MAXIMUM, (int)o->send_max) : rc;

    /* then nothing is written but in mosquitto_loop_write: a PUBACK waits for it */
    rc = rc == 0 ? mosquitto_threaded_set(c, true) : rc;
    if (rc == 0 && o->user != NULL && o->user[0] != '\0') {
        rc = mosquitto_username_pw_set(c, o->user, o->password);
    }
    if (rc == 0 && o->status_topic != NULL) {
        rc = mosquitto_will_set(c, o->status_topic, 7, "offline", 1, o->retains_status);
    }
    return rc == 0 && !o->is_v311 ? set_properties(c, o) : rc;
}

evtwin_status evtwin__mqtt_client_make(const evtwin__mqtt_options *o, void *ctx,
                                       void **client_out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct mosquitto *c = mosquitto_new(o->client_id, !o->keeps_session, ctx);
    EVTWIN_FAIL_IF(c == NULL, errno == ENOMEM ? EVTWIN_E_NOMEM : EVTWIN_E_ARG,
                   "%s: client id '%.60s': %s", o->name, o->client_id, strerror(errno));
    const int rc = set_options(c, o);
    evtwin_status st = rc == 0 ? EVTWIN_OK
                               : evtwin__fail(rc == MOSQ_ERR_NOMEM ? EVTWIN_E_NOMEM : EVTWIN_E_ARG,
                                              "%s: %s", o->name, mosquitto_strerror(rc));
    st = st == EVTWIN_OK && o->uses_tls ? set_tls(c, o) : st;
    if (st < 0) {
        mosquitto_destroy(c);
        return st;
    }
    *client_out = c;
    return EVTWIN_OK;
}
