/* SPDX-License-Identifier: MIT */
/* test_sha256.c: the standard's examples, and every length around the block borders. */

#include "test.h"

#include "core/sha256.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *hash(const void *data, size_t size) {
    static char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(data, size, hex);
    return hex;
}

/* Source: NIST, "SHA256" examples, and FIPS 180-2 appendix B.3. */
static void matches_the_published_examples(void **state) {
    (void)state;
    assert_string_equal(hash(NULL, 0),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(hash("abc", 3),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_string_equal(hash(two, strlen(two)),
                        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");

    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    assert_string_equal(hash(million, 1000000),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

/* The hash of all the hashes of 0, 1, 2, ... 200 bytes "\0\1\2..."; made with Python's hashlib. */
static void every_length_around_the_block_borders(void **state) {
    (void)state;
    unsigned char data[200];
    char all[201 * 64];
    for (size_t n = 0; n <= 200; n++) {
        if (n > 0) {
            data[n - 1] = (unsigned char)(n - 1);
        }
        memcpy(all + 64 * n, hash(data, n), 64);
    }
    assert_string_equal(hash(all, sizeof all),
                        "b367ea311264aae50e6260b96a10761169ce3eec5d5f8f2258351f82c7252776");
}

/* Longer than the piece that is read at once; as the bytes in memory. */
static void a_file(void **state) {
    (void)state;
    char expected[EVTWIN__SHA256_HEX_SIZE], hex[EVTWIN__SHA256_HEX_SIZE] = "untouched";
    const size_t size = 200001;
    char *data = malloc(size + 1);
    assert_non_null(data);
    memset(data, 'x', size);
    data[size] = '\0';
    const char *path = temp_file("data", data);
    evtwin__sha256_hex(data, size, expected);
    free(data);
    assert_fails(evtwin_file_sha256(path, hex, sizeof hex - 1), EVTWIN_E_ARG, "65");
    assert_fails(evtwin_file_sha256(temp_path("absent"), hex, sizeof hex), EVTWIN_E_NOT_FOUND,
                 "absent");
    assert_fails(evtwin_file_sha256("/dev/null", hex, sizeof hex), EVTWIN_E_UNSUPPORTED, "null");
    assert_fails(evtwin_file_sha256(temp_path(""), hex, sizeof hex), EVTWIN_E_UNSUPPORTED, "");
    assert_string_equal(hex, "untouched");
    assert_ok(evtwin_file_sha256(path, hex, sizeof hex));
    assert_string_equal(hex, expected);
}

/* A name that is now a file, now a pipe: the call says what it found, and never waits for a writer
 * of the pipe, which does not come. */
static void a_pipe_in_between(void **state) {
    (void)state;
    char name[280], file[300], pipe[300], hex[EVTWIN__SHA256_HEX_SIZE];
    snprintf(name, sizeof name, "%s", temp_file("now", "abc"));
    snprintf(file, sizeof file, "%s.file", name);
    snprintf(pipe, sizeof pipe, "%s.pipe", name);
    const pid_t swapper = fork();
    assert_true(swapper >= 0);
    if (swapper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        for (;;) {
            if (mkfifo(pipe, 0600) != 0 || rename(pipe, name) != 0) {
                _exit(1);
            }
            FILE *f = fopen(file, "wb");
            if (f == NULL || fputs("abc", f) < 0 || fclose(f) != 0 || rename(file, name) != 0) {
                _exit(1);
            }
        }
    }
    alarm(60); /* a call that waits does so for ever */
    size_t n_files = 0, n_pipes = 0;
    for (int i = 0; i < 20000 || n_files == 0 || n_pipes == 0; i++) {
        const evtwin_status st = evtwin_file_sha256(name, hex, sizeof hex);
        n_files += st == EVTWIN_OK;
        n_pipes += st == EVTWIN_E_UNSUPPORTED;
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_UNSUPPORTED);
    }
    alarm(0);
    kill(swapper, SIGKILL);
    assert_int_equal(waitpid(swapper, NULL, 0), swapper);
}

/* In pieces of any two sizes it is the same. */
static void pieces(void **state) {
    (void)state;
    unsigned char data[200];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)i;
    }
    for (size_t a = 0; a <= sizeof data; a++) {
        for (size_t b = a; b <= sizeof data; b += 13) {
            evtwin__sha256 sha;
            char hex[EVTWIN__SHA256_HEX_SIZE];
            evtwin__sha256_begin(&sha);
            evtwin__sha256_add(&sha, data, a);
            evtwin__sha256_add(&sha, data + a, b - a);
            evtwin__sha256_add(&sha, data + b, sizeof data - b);
            evtwin__sha256_end(&sha, hex);
            assert_string_equal(hex, hash(data, sizeof data));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_published_examples),
        cmocka_unit_test(every_length_around_the_block_borders),
        cmocka_unit_test(a_file),
        cmocka_unit_test(a_pipe_in_between),
        cmocka_unit_test(pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
