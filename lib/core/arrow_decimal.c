/* SPDX-License-Identifier: MIT */
/* core/arrow_decimal.c: Arrow's decimals as doubles, the nearest ones. */

#include "core/arrow_type.h"

#include "core/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMBS = 4, DIGITS = 40 }; /* 128 bits in parts of 32, and their decimal digits */

int evtwin__arrow_decimal_read(const char *format, evtwin__arrow_type *out) {
    int precision, scale, bits = 128, length = 0;
    if (sscanf(format, "d:%3d,%4d%n", &precision, &scale, &length) != 2) {
        return 0;
    }
    const char *rest = format + length;
    if (*rest == ',' && sscanf(rest, ",%3d%n", &bits, &length) == 1) {
        rest += length;
    }
    if (*rest != '\0' || precision < 1 || precision > 38 || abs(scale) > 300 ||
        (bits != 32 && bits != 64 && bits != 128)) {
        return 0;
    }
    *out = (evtwin__arrow_type){.kind = EVTWIN__ARROW_DECIMAL, .width = bits / 8, .scale = scale};
    return 1;
}

/* The integer in two's complement, as parts from the lowest on: its sign, and its size. */
static int take_integer(const void *data, int width, uint32_t limb[LIMBS]) {
    memset(limb, 0, LIMBS * sizeof *limb);
    memcpy(limb, data, (size_t)width); /* little endian, as the machines that Arrow is for */
    const size_t n = (size_t)width / sizeof *limb;
    const int is_negative = (int)(limb[n - 1] >> 31);
    uint64_t carry = 1;
    for (size_t i = 0; i < n && is_negative; i++) {
        carry += (uint32_t)~limb[i];
        limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return is_negative;
}

/* The last decimal digit, which is taken off. */
static int take_digit(uint32_t limb[LIMBS]) {
    uint64_t rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 32 | limb[i];
        limb[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    return (int)rest;
}

double evtwin__arrow_decimal_at(const evtwin__arrow_type *type, const void *data, size_t i) {
    uint32_t limb[LIMBS];
    char text[DIGITS + 16];
    double value = 0.0;
    const int is_negative =
        take_integer((const char *)data + i * (size_t)type->width, type->width, limb);
    char *at = text + 1 + DIGITS;
    snprintf(at, sizeof text - 1 - DIGITS, "e%d", -type->scale);
    do {
        *--at = (char)('0' + take_digit(limb));
    } while (limb[0] | limb[1] | limb[2] | limb[3]);
    if (is_negative) {
        *--at = '-';
    }
    evtwin__parse_f64(at, strlen(at), &value);
    return value;
}
