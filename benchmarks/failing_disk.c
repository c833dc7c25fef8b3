/* A disk that fails when it is told to: loaded before a program (LD_PRELOAD), it counts what the
   program does to files under one folder, and lets the n-th operation of some kinds fail. What
   Python, SQLite and safetensors write passes here alike. See faults.py.

       cc -shared -fPIC -O1 -o failing_disk.so failing_disk.c -ldl
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, REMOVE = 16, MAKE = 32, RESIZE = 64 };
enum { NOTHING, ERROR, SHORT, LOST };

/* Shared with faults.py, which writes it, and by all processes of the program. */
struct order {
    long counted;    /* operations of these kinds so far */
    long fails_at;   /* the one that fails, from 1; 0 for none */
    long lasts;      /* whether all later ones fail too, as on a full disk */
    long operations; /* which are counted */
    long how;        /* ERROR, SHORT or LOST */
    long error;      /* the errno of ERROR */
    char folder[PATH_MAX];
};

static struct order *order;
static char ours[65536]; /* which descriptors belong to files under the folder */

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAILING_DISK");
    int (*really_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int descriptor = file ? really_open(file, O_RDWR) : -1;
    if (descriptor < 0)
        return;
    order = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (order == MAP_FAILED)
        order = NULL;
    close(descriptor);
}

static int under_folder(const char *path)
{
    char whole[2 * PATH_MAX];
    if (!order || !order->folder[0] || !path)
        return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, PATH_MAX))
            return 0;
        strcat(whole, "/");
        strncat(whole, path, PATH_MAX - 1);
        path = whole;
    }
    return strncmp(path, order->folder, strlen(order->folder)) == 0;
}

/* What shall happen to an operation now. */
static int fate(int operation)
{
    if (!order || !(order->operations & operation))
        return NOTHING;
    long number = __sync_add_and_fetch(&order->counted, 1);
    if (!order->fails_at || number < order->fails_at || (number > order->fails_at && !order->lasts))
        return NOTHING;
    errno = (int)order->error;
    return (int)order->how;
}

static int of_ours(int descriptor)
{
    return descriptor >= 0 && descriptor < (int)sizeof ours && ours[descriptor];
}

static int opened(int descriptor, const char *path)
{
    if (descriptor >= 0 && descriptor < (int)sizeof ours)
        ours[descriptor] = (char)under_folder(path);
    return descriptor;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) \
        real = dlsym(RTLD_NEXT, name)

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(int, #name, const char *, int, ...); \
        MODE(flags) \
        if (writes(flags) && under_folder(path) && fate(OPEN) == ERROR) \
            return -1; \
        return opened(real(path, flags, mode), path); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        REAL(int, #name, int, const char *, int, ...); \
        MODE(flags) \
        if (writes(flags) && under_folder(path) && fate(OPEN) == ERROR) \
            return -1; \
        return opened(real(folder, path, flags, mode), path); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int descriptor)
{
    REAL(int, "close", int);
    if (descriptor >= 0 && descriptor < (int)sizeof ours)
        ours[descriptor] = 0;
    return real(descriptor);
}

/* A short write takes the first half, as POSIX allows. */
static size_t taken(int happens, size_t size) { return happens == SHORT && size > 1 ? size / 2 : size; }

ssize_t write(int descriptor, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    int happens = of_ours(descriptor) ? fate(WRITE) : NOTHING;
    return happens == ERROR ? -1 : real(descriptor, data, taken(happens, size));
}

#define WRITES_AT(name, offset_type) \
    ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) \
    { \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type); \
        int happens = of_ours(descriptor) ? fate(WRITE) : NOTHING; \
        return happens == ERROR ? -1 : real(descriptor, data, taken(happens, size), offset); \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

#define ON_DESCRIPTOR(name, operation) \
    int name(int descriptor) \
    { \
        REAL(int, #name, int); \
        return of_ours(descriptor) && fate(operation) == ERROR ? -1 : real(descriptor); \
    }
ON_DESCRIPTOR(fsync, SYNC)
ON_DESCRIPTOR(fdatasync, SYNC)

#define RESIZES(name, size_type) \
    int name(int descriptor, size_type size) \
    { \
        REAL(int, #name, int, size_type); \
        return of_ours(descriptor) && fate(RESIZE) == ERROR ? -1 : real(descriptor, size); \
    }
RESIZES(ftruncate, off_t)
RESIZES(ftruncate64, off64_t)

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    int happens = under_folder(to) ? fate(RENAME) : NOTHING;
    return happens == ERROR ? -1 : happens == LOST ? 0 : real(from, to);
}

int unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    return under_folder(path) && fate(REMOVE) == ERROR ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    return under_folder(path) && fate(MAKE) == ERROR ? -1 : real(path, mode);
}
