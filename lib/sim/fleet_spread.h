/* SPDX-License-Identifier: MIT */
/* sim/fleet_spread.h: how the packs of a fleet differ: cells, use, climate. One model of car,
 * driven as ride-hailing cars in one warm-temperate region.
 *
 * Fixed by reasoning and typical values before any model was trained on the result; not to be tuned
 * so that a score looks good. Only the median life is calibrated, and that in the cell's parameter
 * file. [typical] marks an engineering judgement without one citable source. */
#ifndef EVTWIN_SIM_FLEET_SPREAD_H
#define EVTWIN_SIM_FLEET_SPREAD_H

/* ---- cells: packs differ by the lot their cells come from ---- */

/* Capacity 0.5 to 1 % and resistance 2 to 3 % between cells of one type, larger cells having the
 * lower resistance [typical]. */
#define EVTWIN__CAPACITY_SIGMA 0.007
#define EVTWIN__RESISTANCE_SIGMA 0.025
#define EVTWIN__CAPACITY_RESISTANCE_CORRELATION (-0.3)

/* Rate of ageing under equal stress: log-normal, 10 % [typical]; fade and resistance growth share
 * half of their causes. */
#define EVTWIN__AGEING_RATE_SIGMA 0.10
#define EVTWIN__AGEING_RATE_CORRELATION 0.5

/* ---- use ---- */

/* Equivalent full cycles a working day, median car: 190 km at 0.18 kWh/km from 84 kWh. A
 * ride-hailing shift is 150 to 250 km; drivers differ by a quarter, days of one driver by three
 * tenths [typical]. */
#define EVTWIN__DAILY_CYCLES_MEDIAN 0.41
#define EVTWIN__DAILY_CYCLES_CAR_SIGMA 0.25
#define EVTWIN__DAILY_CYCLES_DAY_SIGMA 0.30

/* Days off: from one in twenty to one in five. On such a day the car makes errands. */
#define EVTWIN__REST_DAY_MIN 0.05
#define EVTWIN__REST_DAY_MAX 0.20
#define EVTWIN__REST_DAY_CYCLES 0.04

/* Where the driver lets charging end, and the state of charge at which a charger is looked for.
 * Makers recommend 80 to 90 % for daily use; part of the drivers charge full. */
#define EVTWIN__CHARGE_LIMIT_MIN 0.80
#define EVTWIN__CHARGE_LIMIT_MAX 1.00
#define EVTWIN__PLUG_SOC_MIN 0.15
#define EVTWIN__PLUG_SOC_MAX 0.35

/* Chance that the car is plugged in at night though it need not be: depends on the parking place.
 */
#define EVTWIN__NIGHT_PLUG_MIN 0.5
#define EVTWIN__NIGHT_PLUG_MAX 1.0

/* Pack currents of the contract: driving, charging. */
#define EVTWIN__DRIVE_MIN_A 50.0
#define EVTWIN__DRIVE_MAX_A 120.0
#define EVTWIN__CHARGE_MIN_A 100.0
#define EVTWIN__CHARGE_MAX_A 150.0

/* ---- climate: warm-temperate (mean 17 degC, July 25, January 9, as on the Mediterranean) ---- */

#define EVTWIN__AIR_MEAN_degC 17.0
#define EVTWIN__AIR_SEASON_K 8.0
#define EVTWIN__AIR_DAY_K 5.0

/* Weather moves the whole region for days; a garage, shade or a hill moves one car for good. */
#define EVTWIN__AIR_WEATHER_SIGMA_K 3.0
#define EVTWIN__AIR_WEATHER_DAYS 4.0
#define EVTWIN__AIR_CAR_SIGMA_K 1.5

/* ---- defects ---- */

/* One pack in ten develops one: from its onset, anywhere in the usual life, resistance grows ten
 * times as fast. */
#define EVTWIN__DEFECT_PROBABILITY 0.10
#define EVTWIN__DEFECT_GROWTH 10.0
#define EVTWIN__DEFECT_ONSET_MIN_CYCLES 50.0
#define EVTWIN__DEFECT_ONSET_MAX_CYCLES 650.0

#endif
