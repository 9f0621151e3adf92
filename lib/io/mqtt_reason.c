/* SPDX-License-Identifier: MIT */
/* io/mqtt_reason.c: reason codes of MQTT 5 (section 2.4) and return codes of 3.1.1
 * (section 3.2.2.3).
 */

#include "io/mqtt_reason.h"

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
    {0x99, 0, EVTWIN_E_EXTERNAL, "it does not accept this payload"},
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
