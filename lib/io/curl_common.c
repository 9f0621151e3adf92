/* SPDX-License-Identifier: MIT */
/* io/curl_common.c: what the users of libcurl share. */

#include "io/curl_inside.h"

#include <pthread.h>

enum { CONNECT_MS = 10000 };

static pthread_once_t is_ready = PTHREAD_ONCE_INIT;

static void make_ready(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

CURL *evtwin__curl_open(void) {
    pthread_once(&is_ready, make_ready);
    return curl_easy_init();
}

evtwin_status evtwin__curl_status(CURLcode code) {
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return EVTWIN_E_CANCELLED;
    case CURLE_OUT_OF_MEMORY:
        return EVTWIN_E_NOMEM;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
        return EVTWIN_E_DENIED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return EVTWIN_E_ARG;
    case CURLE_HTTP_RETURNED_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_WRITE_ERROR:
        return EVTWIN_E_EXTERNAL;
    default:
        return EVTWIN_E_AGAIN;
    }
}

double evtwin__curl_retry_after(CURL *curl) {
    curl_off_t seconds = 0;
    return curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0
               ? (double)seconds
               : 0.0;
}

static evtwin_status allow(CURL *curl, const char *name, int is_mail) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85, which calls the other form deprecated */
    EVTWIN__CURL_SET(curl, name, CURLOPT_PROTOCOLS_STR, is_mail ? "smtp,smtps" : "http,https");
#else
    EVTWIN__CURL_SET(
        curl, name, CURLOPT_PROTOCOLS,
        (long)(is_mail ? CURLPROTO_SMTP | CURLPROTO_SMTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    return EVTWIN_OK;
}

evtwin_status evtwin__curl_safe(CURL *curl, const char *name, int is_mail) {
    EVTWIN_TRY(allow(curl, name, is_mail));
    EVTWIN__CURL_SET(curl, name, CURLOPT_FOLLOWLOCATION, 0L);
    EVTWIN__CURL_SET(curl, name, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87: do not wait for a name server that hangs */
    EVTWIN__CURL_SET(curl, name, CURLOPT_QUICK_EXIT, 1L);
#endif
    EVTWIN__CURL_SET(curl, name, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    EVTWIN__CURL_SET(curl, name, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    EVTWIN__CURL_SET(curl, name, CURLOPT_SSL_VERIFYPEER, 1L);
    EVTWIN__CURL_SET(curl, name, CURLOPT_SSL_VERIFYHOST, 2L);
    EVTWIN__CURL_SET(curl, name, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    return EVTWIN_OK;
}
