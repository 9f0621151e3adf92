/* SPDX-License-Identifier: MIT */
/* io/mqtt.h: one connection to an MQTT broker, served by whoever calls: no thread, bounded waits,
 * and acknowledgements that leave when they are told to. */
#ifndef EVTWIN_IO_MQTT_H
#define EVTWIN_IO_MQTT_H

#include "evtwin/base.h"

/* What came; all of it is borrowed for the call. */
typedef struct evtwin__mqtt_message {
    const char *topic;
    const char *payload;
    size_t payload_size;
    int qos, mid;               /* mid 0 with QoS 0 */
    const char *response_topic; /* "" if it has none; MQTT 5 only, like what follows */
    const char *correlation;    /* (correlation_size) any bytes */
    size_t correlation_size;
    const char *const
        *receipts; /* (n_receipts) values of its user properties EVTWIN__MQTT_RECEIPT */
    size_t n_receipts;
} evtwin__mqtt_message;

/* The user property of a receipt: the correlation data of a message that was taken for good. */
#define EVTWIN__MQTT_RECEIPT "evtwin-receipt"
enum { EVTWIN__MQTT_MAX_RECEIPTS = 100 }; /* in one message */

/* Strings are borrowed, and live as long as the connection. */
typedef struct evtwin__mqtt_options {
    const char *name; /* of the endpoint, for messages: its URI without secrets */
    const char *host;
    int port;
    const char *user, *password; /* NULL or "" = none */
    int uses_tls;
    const char *cafile; /* NULL = the authorities that the machine trusts */
    const char *certfile, *keyfile;
    const char *client_id;
    const char *status_topic; /* "online" is published here, and the broker publishes "offline" when
                                 the connection is gone; NULL = neither */
    int retains_status;
    int is_v311; /* MQTT 3.1.1 instead of 5 */
    int keepalive_s;
    int keeps_session; /* what comes while there is no connection is kept by the broker … */
    uint32_t session_expiry_s; /* … so long */
    size_t receive_max;        /* messages that it sends before it waits for acknowledgements */
    size_t send_max;           /* the same for us; the broker's own limit holds too */
    const char *filter;        /* subscribed to with every connection; NULL = none */
    int filter_qos;
    int holds_acks; /* nothing is sent after a message came until evtwin__mqtt_release */
    /* Called in the calls below, and must not call them. */
    void (*on_message)(void *ctx, const evtwin__mqtt_message *message); /* may be NULL */
    /* The broker has taken the message that publish gave this mid (reason < 128), or refused it. */
    void (*on_ack)(void *ctx, int mid, int reason); /* may be NULL */
    void *ctx;
} evtwin__mqtt_options;

typedef struct evtwin__mqtt evtwin__mqtt;

/* 1 if messages can be published to the topic, or subscribed to by the filter. */
int evtwin__mqtt_is_topic(const char *topic);
int evtwin__mqtt_is_filter(const char *filter);

/* Does not connect yet. EVTWIN_E_ARG or E_NOT_FOUND for a certificate that cannot be read. */
evtwin_status evtwin__mqtt_create(const evtwin__mqtt_options *options, evtwin__mqtt **out);

/* Tells the broker that this is the end, waiting a second at most. NULL is fine. */
void evtwin__mqtt_free(evtwin__mqtt *m);

/* Be connected, and subscribed, within that time; nothing to do if it is. After a failure it
 * pauses, ever longer: until then the same failure comes at once. EVTWIN_E_AGAIN, EVTWIN_E_DENIED
 * (also what the broker does not accept), EVTWIN_E_UNSUPPORTED (version), EVTWIN_E_BUSY for good
 * once another client has taken the client id. */
evtwin_status evtwin__mqtt_connect(evtwin__mqtt *m, int timeout_ms);

/* What evtwin__mqtt_connect would say, tried now as a client of another id, so that one with this
 * id that runs elsewhere keeps its connection. */
evtwin_status evtwin__mqtt_check(const evtwin__mqtt *m, int timeout_ms);

/* How long evtwin__mqtt_connect would only fail; 0 = it would try. */
int evtwin__mqtt_pause_ms(const evtwin__mqtt *m);

/* How often it was connected: another number tells that a connection was lost. */
uint64_t evtwin__mqtt_n_connected(const evtwin__mqtt *m);

/* Messages that the broker takes before it waits; 65535 if it did not say. */
size_t evtwin__mqtt_broker_max(const evtwin__mqtt *m);

typedef struct evtwin__mqtt_publication {
    const char *topic;
    const char *payload; /* (payload_size) copied */
    size_t payload_size;
    int qos;
    const char *response_topic;  /* NULL = none */
    const char *correlation;     /* text, NULL = none */
    const char *const *receipts; /* (n_receipts) */
    size_t n_receipts;
    const char *content_type; /* NULL = none */
    const char *properties; /* (n_properties) user properties: names and values, each a string with
                               its NUL, one behind the other */
    size_t n_properties;
} evtwin__mqtt_publication;

/* Queue a message; evtwin__mqtt_run sends it, again after a lost connection if its QoS is 1, until
 * on_ack has its mid. EVTWIN_E_RANGE if it is larger than the broker takes. */
evtwin_status evtwin__mqtt_publish(evtwin__mqtt *m, const evtwin__mqtt_publication *p,
                                   int *mid_out);

/* Send what is queued and take what came, waiting at most timeout_ms for it (a signal cuts it
 * short). EVTWIN_E_AGAIN (the connection is lost) and as evtwin__mqtt_connect. */
evtwin_status evtwin__mqtt_run(evtwin__mqtt *m, int timeout_ms);

/* End the connection without acknowledging anything more, for that reason. */
evtwin_status evtwin__mqtt_drop(evtwin__mqtt *m, evtwin_status status, const char *reason);

/* With holds_acks: acknowledge all that came, and send what is queued, within that time. What does
 * not get out in it goes out later, or comes again. */
void evtwin__mqtt_release(evtwin__mqtt *m, int timeout_ms);

#endif
