/* SPDX-License-Identifier: MIT */
/* serve/alert_mail.c: a message as a mail (RFC 5322, RFC 2045, RFC 2047). */

#include "serve/alert_message.h"

#include "core/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE = 57 /* bytes of a base64 line of 76 */, WORD = 39 /* bytes of an encoded word */ };

static void put_base64(evtwin__text *out, const char *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (i + k < size ? (unsigned char)data[i + k] : 0U);
        }
        const char four[4] = {digits[bits >> 18 & 63], digits[bits >> 12 & 63],
                              i + 1 < size ? digits[bits >> 6 & 63] : '=',
                              i + 2 < size ? digits[bits & 63] : '='};
        evtwin__text_add(out, four, sizeof four);
    }
}

static int is_plain(const char *text) {
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        if ((unsigned char)text[n] < ' ' || (unsigned char)text[n] > 126) {
            return 0;
        }
    }
    return n <= 60;
}

/* As it is if it is short ASCII, else in encoded words, which hold whole characters. */
static void put_subject(evtwin__text *out, const char *text) {
    evtwin__text_put(out, "Subject: ");
    if (is_plain(text)) {
        evtwin__text_put(out, text);
        evtwin__text_put(out, "\r\n");
        return;
    }
    for (const char *left = text; *left != '\0';) {
        char word[WORD + 4];
        size_t n = 0;
        while (left[0] != '\0' && n < WORD) {
            const size_t length = evtwin__utf8_length(left, strlen(left));
            if (n + (length > 0 ? length : 1) > WORD) {
                break;
            }
            if (length == 0 || (unsigned char)*left < ' ') {
                word[n++] = '?';
                left++;
            } else {
                memcpy(word + n, left, length);
                n += length;
                left += length;
            }
        }
        evtwin__text_put(out, left - n == text ? "=?UTF-8?B?" : " =?UTF-8?B?");
        put_base64(out, word, n);
        evtwin__text_put(out, "?=\r\n");
    }
}

/* The names of days and months are those of the RFC, whatever the locale. */
static void put_date(evtwin__text *out, int64_t now_us) {
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t now = (time_t)(now_us / 1000000);
    struct tm t;
    char line[80];
    if (gmtime_r(&now, &t) != NULL) {
        snprintf(line, sizeof line, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n",
                 days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, 1900 + t.tm_year,
                 t.tm_hour, t.tm_min, t.tm_sec);
        evtwin__text_put(out, line);
    }
}

static void put_body(evtwin__text *out, const evtwin__text *text) {
    for (size_t i = 0; i < text->size; i += LINE) {
        put_base64(out, text->data + i, text->size - i < LINE ? text->size - i : LINE);
        evtwin__text_put(out, "\r\n");
    }
}

void evtwin__alert_mail_write(const evtwin__alert_message *message, const char *from,
                              const char *const *to, size_t n_to, int64_t now_us, int64_t first_id,
                              evtwin__text *out) {
    char id[128];
    const char *at = strrchr(from, '@');
    evtwin__text_put(out, "From: ");
    evtwin__text_put(out, from);
    evtwin__text_put(out, "\r\nTo: ");
    for (size_t i = 0; i < n_to; i++) {
        evtwin__text_put(out, i > 0 ? ",\r\n " : "");
        evtwin__text_put(out, to[i]);
    }
    evtwin__text_put(out, "\r\n");
    put_subject(out, message->subject);
    put_date(out, now_us);
    snprintf(id, sizeof id, "Message-ID: <evtwin.%lld.%lld%.60s>\r\n", (long long)first_id,
             (long long)now_us, at != NULL ? at : "@localhost");
    evtwin__text_put(out, id);
    evtwin__text_put(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n"
                          "Content-Transfer-Encoding: base64\r\n\r\n");
    /* lines of a text end with CR LF */
    evtwin__text lines = {.size = 0};
    for (size_t i = 0; i < message->text.size; i++) {
        const char c = message->text.data[i];
        evtwin__text_add(&lines, c == '\n' ? "\r\n" : &c, c == '\n' ? 2 : 1);
    }
    put_body(out, &lines);
    out->is_failed |= lines.is_failed | message->text.is_failed;
    evtwin__text_free(&lines);
}
