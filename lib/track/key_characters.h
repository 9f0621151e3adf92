/* SPDX-License-Identifier: MIT */
/* track/key_characters.h: which characters MLflow takes in keys. */
#ifndef EVTWIN_TRACK_KEY_CHARACTERS_H
#define EVTWIN_TRACK_KEY_CHARACTERS_H

/* 1 if key is valid UTF-8 and each of its characters is a letter, a digit (of any script) or one of
 * "_-. :/". */
int evtwin__key_has_good_characters(const char *key);

#endif
