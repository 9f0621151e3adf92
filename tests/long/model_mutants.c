/* SPDX-License-Identifier: MIT */
/* tests/long/model_mutants.c: model files damaged at random, in the hands of a loader: this
 * library's, or XGBoost's.
 *
 *     model_mutants ours|PATH_OF_LIBXGBOOST N SEED FILE...
 *
 * N damaged copies of the files, the same ones for the same N, SEED and files, are loaded one after
 * the other, and asked for rows if they load, in a child process that is started again after each
 * crash. A mutant has 5 s of processor time, then it counts as a hang. Prints one line of JSON.
 */

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, setitimer */

#include <evtwin/evtwin.h>

#include <dlfcn.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_FILES = 32, MAX_BYTES = 1 << 16, ROWS = 8, MAX_WIDTH = 64, CPU_S = 5 };
static const rlim_t MAX_MEMORY = (rlim_t)1 << 30;

typedef struct bytes {
    char *at;
    size_t size;
} bytes;

static bytes file[MAX_FILES];
static int n_files;

/* ---- random numbers (splitmix64) ---- */

static uint64_t state;

static uint64_t next(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(size_t n) {
    return n > 0 ? (size_t)(next() % n) : 0;
}

/* ---- mutations ---- */

/* A position behind one of the occurrences of a text, at random; SIZE_MAX if there is none. */
static size_t behind(const bytes *m, const char *text, size_t text_size) {
    size_t found = SIZE_MAX, n = 0;
    for (size_t i = 0; i + text_size <= m->size; i++) {
        if (memcmp(m->at + i, text, text_size) == 0 && below(++n) == 0) {
            found = i + text_size;
        }
    }
    return found;
}

/* m has room for MAX_BYTES; what does not fit is cut off. */
static void replace(bytes *m, size_t at, size_t removed, const char *text, size_t text_size) {
    removed = removed < m->size - at ? removed : m->size - at;
    if (m->size - removed + text_size > MAX_BYTES) {
        return;
    }
    memmove(m->at + at + text_size, m->at + at + removed, m->size - at - removed);
    memcpy(m->at + at, text, text_size);
    m->size = m->size - removed + text_size;
}

static void change_bytes(bytes *m) {
    char piece[64];
    const size_t at = below(m->size), from = below(m->size);
    const size_t n = 1 + below(sizeof piece - 1);
    const size_t held = n < m->size - from ? n : m->size - from;
    memcpy(piece, m->at + from, held);
    switch (below(7)) {
    case 0:
        m->at[at] = (char)next();
        break;
    case 1:
        m->at[at] = (char)(m->at[at] ^ 1 << below(8));
        break;
    case 2: /* a byte of the file itself: often still well-formed */
        m->at[at] = m->at[from];
        break;
    case 3:
        replace(m, at, held, piece, held);
        break;
    case 4:
        replace(m, at, 0, piece, held);
        break;
    case 5:
        replace(m, at, n, "", 0);
        break;
    default:
        m->size = at + 1;
    }
}

static int is_number_byte(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 'e' || c == 'E' || c == '+';
}

/* A number of the text, in a string too, becomes another. */
static void change_number(bytes *m) {
    static const char *const nonsense[] = {"-1",
                                           "0",
                                           "1",
                                           "2",
                                           "3",
                                           "77",
                                           "2147483647",
                                           "-2147483648",
                                           "4294967296",
                                           "-2",
                                           "NaN",
                                           "",
                                           "null",
                                           "1e999",
                                           "-3e38",
                                           "99999999999",
                                           "18446744073709551615",
                                           "0.5"};
    size_t at = below(m->size);
    while (at < m->size && !(m->at[at] >= '0' && m->at[at] <= '9')) {
        at++;
    }
    while (at > 0 && at < m->size && is_number_byte(m->at[at - 1])) {
        at--;
    }
    size_t n = 0;
    while (at + n < m->size && is_number_byte(m->at[at + n])) {
        n++;
    }
    const char *other = nonsense[below(sizeof nonsense / sizeof *nonsense)];
    if (n > 0) {
        replace(m, at, n, other, strlen(other));
    }
}

/* n bytes of v, big-endian, over what is there. */
static void put(bytes *m, size_t at, uint64_t v, size_t n) {
    for (size_t i = 0; i < n && at + i < m->size; i++) {
        m->at[at + i] = (char)(v >> 8 * (n - 1 - i));
    }
}

static uint64_t nonsense_bits(void) {
    static const uint64_t bits[] = {0,
                                    1,
                                    2,
                                    3,
                                    77,
                                    0xffffffffffffffffu, /* -1 */
                                    0x7fffffff,
                                    0x80000000u,
                                    0x7f800000u, /* infinity */
                                    0x7fc00000u, /* NaN */
                                    0xff7fffffu, /* -FLT_MAX */
                                    0x7fffffffffffffffu,
                                    0x8000000000000000u,
                                    (uint64_t)1 << 32,
                                    (uint64_t)1 << 61,
                                    (uint64_t)1 << 20};
    return below(4) == 0 ? next() : bits[below(sizeof bits / sizeof *bits)];
}

/* A count, a length, a type or an item of an array of numbers. */
static void change_ubj(bytes *m) {
    static const char markers[] = "iUIlLdDCSHZTFN[]{}$#";
    static const struct {
        const char *text;
        size_t unit;
    } arrays[] = {{"$l#L", 4}, {"$d#L", 4}, {"$U#L", 1}, {"$L#L", 8}, {"$l#L", 4}, {"$l#L", 4}};
    size_t at;
    switch (below(8)) {
    case 0:
        at = behind(m, "#L", 2);
        put(m, at != SIZE_MAX ? at : m->size, nonsense_bits(), 8);
        break;
    case 1:
        at = below(2) == 0 ? behind(m, "SL", 2) : behind(m, "L", 1);
        put(m, at != SIZE_MAX ? at : m->size, nonsense_bits(), 8);
        break;
    case 2:
        at = behind(m, "[$", 2);
        if (at < m->size) {
            m->at[at] = markers[below(sizeof markers - 1)];
        }
        break;
    case 3:
        at = below(m->size);
        m->at[at] = markers[below(sizeof markers - 1)];
        break;
    default: {
        const size_t i = below(sizeof arrays / sizeof *arrays);
        at = behind(m, arrays[i].text, 4);
        if (at < m->size && at + 8 <= m->size) {
            const size_t n =
                (unsigned char)m->at[at + 7] + ((size_t)(unsigned char)m->at[at + 6] << 8);
            put(m, at + 8 + arrays[i].unit * below(n), nonsense_bits(), arrays[i].unit);
        }
    }
    }
}

/* Mutant k: the same whoever loads it. */
static void mutate(uint64_t seed, uint64_t k, bytes *m) {
    state = seed * 0x2545f4914f6cdd1du + k;
    const bytes *original = &file[below((size_t)n_files)];
    const int is_ubj = original->size > 1 && original->at[1] == 'L';
    memcpy(m->at, original->at, original->size);
    m->size = original->size;
    for (size_t i = below(3) + 1; i > 0 && m->size > 0; i--) {
        const size_t kind = below(4);
        if (kind == 0) {
            change_bytes(m);
        } else if (is_ubj && kind != 1) {
            change_ubj(m);
        } else {
            change_number(m);
        }
    }
}

/* ---- loaders ---- */

/* What came of the mutants, in memory that outlives a child. */
typedef struct tally {
    volatile uint64_t at; /* the mutant that is being tried */
    volatile int is_under_way;
    uint64_t loaded, not_finite;
    double most_memory; /* held at once, as a multiple of the file's size and 1 KiB */
} tally;

/* Finite rows, some of them missing. */
static void fill_rows(float *x, size_t n) {
    static const float special[] = {NAN, 1e30f, -1e30f, 0.0f, -0.0f, 50.0f, 0.7f, -0.3f, 3.6f};
    for (size_t i = 0; i < n; i++) {
        x[i] = special[(i * 7 + i / 5) % (sizeof special / sizeof *special)];
    }
}

static int all_finite(const float *y) {
    int finite = 1;
    for (int r = 0; r < ROWS; r++) {
        finite &= isfinite(y[r]) != 0;
    }
    return finite;
}

static size_t held, most_held;

static void *counting_realloc(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    held -= ptr != NULL ? malloc_usable_size(ptr) : 0;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    void *grown = realloc(ptr, size);
    held += malloc_usable_size(grown != NULL ? grown : ptr);
    most_held = held > most_held ? held : most_held;
    return grown;
}

static void try_ours(const bytes *m, tally *t) {
    evtwin_model *model;
    float x[ROWS * MAX_WIDTH], y[ROWS];
    most_held = held;
    const size_t before = held;
    if (evtwin_model_load_buffer("mutant", m->at, m->size, &model) >= 0) {
        const size_t width = evtwin_model_width(model);
        t->loaded++;
        if (width <= MAX_WIDTH) {
            fill_rows(x, ROWS * width);
            if (evtwin_model_predict(model, x, ROWS, width, y) < 0) {
                abort();
            }
            t->not_finite += !all_finite(y);
        }
        evtwin_model_free(model);
    }
    const double times = (double)(most_held - before) / (double)(m->size + 1024);
    t->most_memory = times > t->most_memory ? times : t->most_memory;
    if (held != before) {
        abort(); /* a leak */
    }
}

/* The calls of XGBoost that are used, from 1.7 on. */
static struct {
    int (*create)(const void *matrices, uint64_t n, void **out);
    int (*set)(void *booster, const char *name, const char *value);
    int (*load)(void *booster, const void *data, uint64_t size);
    int (*width)(void *booster, uint64_t *out);
    int (*predict)(void *booster, const char *data, const char *config, void *matrix,
                   const uint64_t **shape, uint64_t *dim, const float **out);
    int (*release)(void *booster);
} xgboost;

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "model_mutants: %s\n", dlerror());
        exit(2);
    }
    return found;
}

static void find_xgboost(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "model_mutants: %s\n", dlerror());
        exit(2);
    }
#define FIND(member, name)                                                                         \
    do {                                                                                           \
        void *found = symbol(library, name);                                                       \
        memcpy(&xgboost.member, &found, sizeof found);                                             \
    } while (0)
    FIND(create, "XGBoosterCreate");
    FIND(set, "XGBoosterSetParam");
    FIND(load, "XGBoosterLoadModelFromBuffer");
    FIND(width, "XGBoosterGetNumFeature");
    FIND(predict, "XGBoosterPredictFromDense");
    FIND(release, "XGBoosterFree");
#undef FIND
}

static void try_xgboost(const bytes *m, tally *t) {
    void *booster;
    uint64_t width = 0, dim;
    const uint64_t *shape;
    const float *y;
    float x[ROWS * MAX_WIDTH];
    if (xgboost.create(NULL, 0, &booster) != 0 || xgboost.set(booster, "nthread", "1") != 0) {
        fprintf(stderr, "model_mutants: XGBoost makes no booster\n");
        _exit(2);
    }
    if (xgboost.load(booster, m->at, m->size) == 0 && xgboost.width(booster, &width) == 0) {
        t->loaded++;
        if (width <= MAX_WIDTH) {
            char data[160];
            fill_rows(x, ROWS * width);
            snprintf(data, sizeof data,
                     "{\"data\":[%zu,true],\"shape\":[%d,%zu],\"typestr\":\"<f4\",\"version\":3}",
                     (size_t)x, ROWS, (size_t)width);
            if (xgboost.predict(
                    booster, data,
                    "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                    "\"iteration_end\":0,\"strict_shape\":true,\"missing\":NaN,\"cache_id\":0}",
                    NULL, &shape, &dim, &y) == 0) {
                t->not_finite += dim < 1 || shape[0] != ROWS || !all_finite(y);
            }
        }
    }
    xgboost.release(booster);
}

/* ---- children ---- */

static void limit(int what, rlim_t most) {
    const struct rlimit r = {most, most};
    if (setrlimit(what, &r) != 0) {
        perror("setrlimit");
        _exit(2);
    }
}

/* Tries mutants from t->at on, until all are done or one of them ends this process. */
static void child(tally *t, uint64_t n, uint64_t seed, int is_ours) {
    static const struct itimerval patience = {.it_value = {.tv_sec = CPU_S}};
    bytes m = {malloc(MAX_BYTES), 0};
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_AS, MAX_MEMORY);
    if (!is_ours &&
        (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)) {
        _exit(2);
    }
    if (is_ours) {
        evtwin_set_allocator(counting_realloc, NULL);
    }
    for (; t->at < n; t->at++) {
        mutate(seed, t->at, &m);
        /* of exactly its size, so that a step beyond it is one */
        char *exact = malloc(m.size > 0 ? m.size : 1);
        memcpy(exact, m.at, m.size);
        const bytes copy = {exact, m.size};
        setitimer(ITIMER_PROF, &patience, NULL); /* SIGPROF ends the process */
        t->is_under_way = 1;
        if (is_ours) {
            try_ours(&copy, t);
        } else {
            try_xgboost(&copy, t);
        }
        t->is_under_way = 0;
        free(exact);
    }
    _exit(0);
}

static void read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    bytes *b = &file[n_files++];
    b->at = malloc(MAX_BYTES);
    b->size = f != NULL && b->at != NULL ? fread(b->at, 1, MAX_BYTES, f) : 0;
    if (b->size == 0 || b->size == MAX_BYTES) {
        fprintf(stderr, "model_mutants: %s: no file of 1 to %d bytes\n", path, MAX_BYTES - 1);
        exit(2);
    }
    fclose(f);
}

int main(int argc, char **argv) {
    if (argc < 5 || argc - 4 > MAX_FILES) {
        fprintf(stderr, "usage: model_mutants ours|LIBXGBOOST N SEED FILE...\n");
        return 2;
    }
    const int is_ours = strcmp(argv[1], "ours") == 0;
    const uint64_t n = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        read_file(argv[i]);
    }
    if (!is_ours) {
        find_xgboost(argv[1]);
    }
    tally *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    uint64_t n_crashes = 0, n_hangs = 0, first = UINT64_MAX;
    while (t->at < n) {
        const pid_t pid = fork();
        if (pid == 0) {
            child(t, n, seed, is_ours);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            perror("fork");
            return 2;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && t->at >= n) {
            break;
        }
        if (!t->is_under_way) {
            fprintf(stderr, "model_mutants: ended at mutant %llu, outside the loader\n",
                    (unsigned long long)t->at);
            return 2;
        }
        const int is_hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF;
        n_hangs += is_hang;
        n_crashes += !is_hang;
        first = first == UINT64_MAX ? t->at : first;
        t->is_under_way = 0;
        t->at++;
    }
    printf("{\"mutants\": %llu, \"loaded\": %llu, \"crashes\": %llu, \"hangs\": %llu, "
           "\"not_finite\": %llu, "
           "\"first\": %lld, \"memory\": %.2f}\n",
           (unsigned long long)n, (unsigned long long)t->loaded, (unsigned long long)n_crashes,
           (unsigned long long)n_hangs, (unsigned long long)t->not_finite, (long long)first,
           t->most_memory);
    return 0;
}
