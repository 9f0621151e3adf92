/* SPDX-License-Identifier: MIT */
/* test_file_kind.c: files that are not text are named, with what to do; text passes. */

#include "test.h"

#include "core/file_kind.h"

static void names_what_is_not_text(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *names;
    } files[] = {
#define BYTES(text) text, sizeof text - 1
        {BYTES("\x1f\x8b\x08\0"), "f.csv|gzip|gunzip"},
        {BYTES("BZh91AY&SY"), "f.csv|bzip2|bunzip2"},
        {BYTES("\xfd"
               "7zXZ\0\0\4"),
         "xz|unxz"},
        {BYTES("\x28\xb5\x2f\xfd\x04"), "zstd|unzstd"},
        {BYTES("PK\3\4\24\0\0\0\0\0........a.csv"), "zip|unzip"},
        {BYTES("PK\3\4\24\0\6\0\10\0........[Content_Types].xml"), "Excel|.xlsx|do that"},
        {BYTES("PK\3\4\24\0\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet"), ".ods"},
        {BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ".xls|do that"},
        {BYTES("PAR1\x15\4"), "Parquet|do that"},
        {BYTES("\x80\4\x95\x7f"), "pickle|do that"},
        {BYTES("{L\0\0\0\0\0\0\0\7learner"), "UBJSON|do that"},
        {BYTES("{i\7learner"), "UBJSON"},
        {BYTES("{$i#U\2"), "UBJSON"},
        {BYTES("SQLite format 3\0\20\0"), "SQLite|do that"},
        {BYTES("%PDF-1.7"), "PDF"},
        {BYTES("\x89PNG\r\n\x1a\n"), "PNG"},
        {BYTES("<!DOCTYPE html>"), "HTML"},
        {BYTES("version https://git-lfs.github.com/spec/v1"), "LFS|git lfs pull"},
        {BYTES("\xff\xfe{\0"), "UTF-16|UTF-8"},
        {BYTES("\xfe\xff\0{"), "UTF-16|UTF-8"},
        {BYTES("\xff\xfe\0\0{\0\0\0"), "UTF-32|UTF-8"},
        {BYTES("t\0i\0m\0e\0"), "UTF-16|UTF-8"},
        {BYTES("\0t\0i\0m\0e"), "UTF-16|UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_fails(evtwin__file_kind("f.csv", files[i].data, files[i].size, "do that"),
                     EVTWIN_E_UNSUPPORTED, files[i].names);
    }
}

static void text_passes(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "{\"a\": 1}", "{}",
                                        "[1]", "{ \n",       "\xef\xbb\xbftime,soc\n",
                                        "x,y", "P",          "PK,name\n1,2\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_ok(evtwin__file_kind("f", texts[i], strlen(texts[i]), "do that"));
    }
    assert_ok(evtwin__file_kind("f", "\0", 1, "do that"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_not_text),
        cmocka_unit_test(text_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
