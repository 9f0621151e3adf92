/* SPDX-License-Identifier: MIT */
/* core/file_kind.c: what a file is that was to hold text, by its first bytes. */

#include "core/file_kind.h"

#include "core/status.h"

#include <string.h>

/* How each kind begins. A row without advice is answered by what the caller wants instead. */
static const struct {
    const char *first;
    size_t size;
    const char *kind, *advice;
} kinds[] = {
#define FIRST(bytes) bytes, sizeof bytes - 1
    /* to unpack */
    {FIRST("\x1f\x8b"), "compressed by gzip", "decompress it first (gunzip)"},
    {FIRST("BZh91AY&SY"), "compressed by bzip2", "decompress it first (bunzip2)"},
    {FIRST("\xfd"
           "7zXZ\0"),
     "compressed by xz", "decompress it first (unxz)"},
    {FIRST("\x28\xb5\x2f\xfd"), "compressed by zstd", "decompress it first (unzstd)"},
    {FIRST("\x04\x22\x4d\x18"), "compressed by LZ4", "decompress it first (unlz4)"},
    {FIRST("7z\xbc\xaf\x27\x1c"), "a 7z archive", "unpack it first"},
    {FIRST("Rar!\x1a\x07"), "a RAR archive", "unpack it first"},
    {FIRST("version https://git-lfs.github.com/"), "a Git LFS pointer, not the file itself",
     "fetch the file (git lfs pull)"},

    /* to write again */
    {FIRST("\x80\x02"), "a Python pickle", NULL},
    {FIRST("\x80\x03"), "a Python pickle", NULL},
    {FIRST("\x80\x04"), "a Python pickle", NULL},
    {FIRST("\x80\x05"), "a Python pickle", NULL},
    {FIRST("ccopy_reg\n"), "a Python pickle", NULL},
    {FIRST("x\x9c"), "compressed by zlib (perhaps a joblib pickle)", NULL},
    {FIRST("x\xda"), "compressed by zlib (perhaps a joblib pickle)", NULL},
    {FIRST("PAR1"), "Parquet", NULL},
    {FIRST("ARROW1\0\0"), "an Arrow (Feather) file", NULL},
    {FIRST("FEA1"), "a Feather file", NULL},
    {FIRST("Obj\x01"), "an Avro file", NULL},
    {FIRST("MDF     "), "a measurement file (ASAM MDF)", NULL},
    {FIRST("\x93NUMPY"), "a NumPy array", NULL},
    {FIRST("\x89HDF\r\n\x1a\n"), "HDF5", NULL},
    {FIRST("MATLAB 5.0 MAT-file"), "a MATLAB file", NULL},
    {FIRST("MATLAB 7.3 MAT-file"), "a MATLAB file", NULL},
    {FIRST("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Office file (.xls)", NULL},
    {FIRST("SQLite format 3\0"), "an SQLite database", NULL},
    {FIRST("%PDF-"), "a PDF", NULL},
    {FIRST("\x89PNG\r\n\x1a\n"), "a PNG image", NULL},
    {FIRST("\xff\xd8\xff"), "a JPEG image", NULL},
    {FIRST("\x7f"
           "ELF"),
     "a program", NULL},
    {FIRST("<!DOCTYPE html"), "an HTML page, not the file itself", NULL},
    {FIRST("<!doctype html"), "an HTML page, not the file itself", NULL},
    {FIRST("<html"), "an HTML page, not the file itself", NULL},
    {FIRST("<?xml"), "XML", NULL},

    /* text in another encoding; that of 4 bytes begins like that of 2 */
    {FIRST("\xff\xfe\0\0"), "UTF-32", "save it as UTF-8"},
    {FIRST("\0\0\xfe\xff"), "UTF-32", "save it as UTF-8"},
    {FIRST("\xff\xfe"), "UTF-16", "save it as UTF-8"},
    {FIRST("\xfe\xff"), "UTF-16", "save it as UTF-8"},
#undef FIRST
};

static int begins(const char *data, size_t size, const char *first, size_t first_size) {
    return size >= first_size && memcmp(data, first, first_size) == 0;
}

/* UTF-16 without a mark: two ASCII characters, each with a zero byte before or behind it. */
static int is_utf16(const char *d, size_t size) {
    return size >= 4 && ((d[0] > 0 && d[1] == 0 && d[2] > 0 && d[3] == 0) ||
                         (d[0] == 0 && d[1] > 0 && d[2] == 0 && d[3] > 0));
}

/* An object whose first key or member count has a length in binary: JSON has '"' or '}' there. */
int evtwin__file_is_ubjson(const char *d, size_t size) {
    return size >= 3 && d[0] == '{' && memchr("iUIlLmM$#", d[1], 9) != NULL &&
           (d[1] == '$' || d[1] == '#' || (unsigned char)d[2] < 0x20);
}

/* A zip archive says in the names of its first members what kind of document it is. */
static const char *kind_of_zip(const char *data, size_t size) {
    if (!begins(data, size, "PK\x03\x04", 4)) {
        return NULL;
    }
    const size_t n = size < EVTWIN__FILE_KIND_BYTES ? size : EVTWIN__FILE_KIND_BYTES;
    if (memmem(data, n, "opendocument", 12) != NULL) {
        return "an OpenDocument file (.ods)";
    }
    return memmem(data, n, "[Content_Types].xml", 19) != NULL ||
                   memmem(data, n, "_rels/", 6) != NULL || memmem(data, n, "xl/", 3) != NULL
               ? "an Excel workbook (.xlsx) or another Office file"
               : "";
}

static evtwin_status fail(const char *name, const char *kind, const char *advice) {
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s is %s: %s", name, kind, advice);
}

evtwin_status evtwin__file_kind(const char *name, const char *data, size_t size,
                                const char *instead) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (begins(data, size, kinds[i].first, kinds[i].size)) {
            return fail(name, kinds[i].kind, kinds[i].advice != NULL ? kinds[i].advice : instead);
        }
    }
    const char *zip = kind_of_zip(data, size);
    if (zip != NULL) {
        return *zip != '\0' ? fail(name, zip, instead)
                            : fail(name, "a zip archive", "unpack it first (unzip)");
    }
    if (is_utf16(data, size)) {
        return fail(name, "UTF-16", "save it as UTF-8");
    }
    return evtwin__file_is_ubjson(data, size) ? fail(name, "UBJSON", instead) : EVTWIN_OK;
}
