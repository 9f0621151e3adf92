/* SPDX-License-Identifier: MIT */
/* core/num.c: numbers to numbers: rounding, a change of unit, exact powers. */

#include "core/num.h"

#include "core/num_powers.h"

#include <math.h>

const double evtwin__pow10_f64[EVTWIN__MAX_POW10 + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* clang-format off */
const uint64_t evtwin__pow5_u64[EVTWIN__MAX_POW5 + 1] = {
    1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u,
    1953125u, 9765625u, 48828125u, 244140625u, 1220703125u, 6103515625u,
    30517578125u, 152587890625u, 762939453125u, 3814697265625u, 19073486328125u,
    95367431640625u, 476837158203125u, 2384185791015625u, 11920928955078125u,
    59604644775390625u, 298023223876953125u, 1490116119384765625u, 7450580596923828125u
};
/* clang-format on */

double evtwin__round_to(double x, double per_unit) {
    return nearbyint(x * per_unit) / per_unit;
}

double evtwin__round_digits(double v, int digits) {
    if (!isfinite(v) || v == 0.0) {
        return v;
    }
    const double exponent = floor(log10(fabs(v))) + 1.0 - digits;
    const double step = pow(10.0, fabs(exponent));
    return exponent > 0.0 ? round(v / step) * step : round(v * step) / step + 0.0;
}

double evtwin__scale_decimal(double v, double factor) {
    /* a decimal i / 10^k, for which i * factor is exact too; longer ones are computed numbers */
    for (int k = 0; k <= 9; k++) {
        const double i = nearbyint(v * evtwin__pow10_f64[k]);
        if (!(fabs(i) < 2e12)) {
            break;
        }
        if (i / evtwin__pow10_f64[k] == v) {
            /* both operands are exact, so the one operation rounds correctly */
            return fabs(factor) >= 1.0 ? i * factor / evtwin__pow10_f64[k]
                                       : i / (evtwin__pow10_f64[k] * nearbyint(1.0 / factor));
        }
    }
    return factor * v;
}
