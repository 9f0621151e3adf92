/* SPDX-License-Identifier: MIT */
/* io/kafka_client.h: what producer, consumer and reader share. Only lib/io/kafka*.c include it;
 * librdkafka's objects are void * here. */
#ifndef EVTWIN_IO_KAFKA_CLIENT_H
#define EVTWIN_IO_KAFKA_CLIENT_H

#include "io/kafka.h"

#include <stdatomic.h>

enum { EVTWIN__KAFKA_LINE = 1024 }; /* bytes of what librdkafka says at a time */

typedef struct evtwin__kafka_property {
    const char *name, *value;
} evtwin__kafka_property;

/* A client of librdkafka and the last problem that it reported. Stays where it is: librdkafka has
 * its address. */
typedef struct evtwin__kafka_client {
    void *rk;                           /* rd_kafka_t */
    const evtwin__kafka_config *config; /* borrowed */
    int problem;                        /* rd_kafka_resp_err_t; 0 = none since it was cleared */
    char reason[EVTWIN__KAFKA_LINE];    /* as librdkafka gave it */
    atomic_int certificate;             /* X509_V_ERR_… of the broker's that was refused last */
    _Atomic uint64_t shown_kind;        /* of librdkafka's lines: which was logged last, and when */
    _Atomic int64_t shown_ms;
    char *cluster; /* its id; NULL = not known yet */
} evtwin__kafka_client;

/* A new rd_kafka_conf_t with our defaults, the caller's settings, then these properties (up to one
 * without a name). */
evtwin_status evtwin__kafka_config_make(const evtwin__kafka_config *config, int is_producer,
                                        const evtwin__kafka_property *properties, void **conf_out);

/* "host:port,host:port", borrowed. */
const char *evtwin__kafka_config_servers(const evtwin__kafka_config *config);

/* A copy of what librdkafka says, without the secrets of the settings. */
void evtwin__kafka_config_hide(const evtwin__kafka_config *config, const char *text,
                               char line[EVTWIN__KAFKA_LINE]);

/* A line of librdkafka's log: never with a secret of the settings. is_detail: for debugging only.
 */
void evtwin__kafka_config_log(const evtwin__kafka_config *config, int is_detail, int level,
                              const char *text);

/* conf (rd_kafka_conf_t) is taken. */
evtwin_status evtwin__kafka_client_open(evtwin__kafka_client *client,
                                        const evtwin__kafka_config *config, int is_producer,
                                        void *conf);
void evtwin__kafka_client_close(evtwin__kafka_client *client);

/* That of a producer. */
evtwin__kafka_client *evtwin__kafka_producer_client(evtwin__kafka_producer *p);

/* "" if it is not known within that time. */
const char *evtwin__kafka_client_cluster(evtwin__kafka_client *client, int timeout_ms);

/* Our status for an rd_kafka_resp_err_t. */
evtwin_status evtwin__kafka_status(int code);

/* Fail with what a call answered; if it only timed out, with the reason that is known. */
evtwin_status evtwin__kafka_fail(const evtwin__kafka_client *client, int code, const char *text);

/* Is the topic there (EVTWIN_E_NOT_FOUND), and does a broker answer? makes: asking may make it. */
evtwin_status evtwin__kafka_client_check(evtwin__kafka_client *client, const char *topic, int makes,
                                         int64_t deadline_ms);

/* Milliseconds up to a deadline, at least 0. */
int evtwin__kafka_left_ms(int64_t deadline_ms);

#endif
