/* A disk that can be watched and can fail, for one process: LD_PRELOAD this.

   Every change to a file under FAULTS_FOLDER is written, in order, to FAULTS_LOG, together
   with the marks that the process itself puts there (faults_mark). While FAULTS_SYNC_FAILS
   exists (a path), fsync and fdatasync fail with EIO; while FAULTS_NO_ROOM exists, everything
   that would take room fails with ENOSPC. What is changed through mmap is not seen.

   A record: u8 kind, u64 inode, u64 offset or size, u32 length of the name, u32 length of the
   data, the name, the data; little-endian, without gaps. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC, CREATE, UNLINK, RENAME, MKDIR, MARK };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static const char *sync_fails, *no_room;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *given = getenv("FAULTS_FOLDER"), *log = getenv("FAULTS_LOG");
    if (given == NULL || realpath(given, folder) == NULL)
        return;
    folder_length = strlen(folder);
    sync_fails = getenv("FAULTS_SYNC_FAILS");
    no_room = getenv("FAULTS_NO_ROOM");
    if (log != NULL) /* not through our own open; far from the numbers that a program expects */
        log_fd = syscall(SYS_fcntl, syscall(SYS_openat, AT_FDCWD, log,
            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 500);
}

#define REAL(name) ({ static __typeof__(&name) found; \
    found = found ? found : (__typeof__(&name))dlsym(RTLD_NEXT, #name); found; })

static int inside(const char *path)
{
    return folder_length && strncmp(path, folder, folder_length) == 0
        && (path[folder_length] == '/' || path[folder_length] == 0);
}

/* The path of an open file under the folder; 0 if it is not there. */
static int watched(int fd, char *path)
{
    if (folder_length == 0 || fd < 0 || fd == log_fd)
        return 0;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int saved = errno;
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    errno = saved;
    if (length <= 0)
        return 0;
    path[length] = 0;
    return inside(path);
}

/* The absolute path of a name under the folder, whether or not it exists; 0 if not there. */
static int absolute(int at, const char *name, char *path)
{
    if (folder_length == 0 || name == NULL)
        return 0;
    char base[PATH_MAX] = "", full[PATH_MAX * 2 + 2], parent[PATH_MAX * 2 + 2];
    if (name[0] != '/') {
        char link[40] = "/proc/self/cwd";
        if (at != AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, PATH_MAX - 1);
        if (length <= 0)
            return 0;
        base[length] = 0;
        snprintf(full, sizeof full, "%s/%s", base, name);
    } else
        snprintf(full, sizeof full, "%s", name);
    strcpy(parent, full);
    char *slash = strrchr(parent, '/'), resolved[PATH_MAX];
    const char *last = full + (slash - parent) + 1;
    *slash = 0;
    int saved = errno;
    char *found = realpath(parent[0] ? parent : "/", resolved);
    errno = saved;
    if (found == NULL || strlen(resolved) + strlen(last) + 2 > PATH_MAX)
        return 0;
    strcpy(path, resolved);
    strcat(path, "/");
    strcat(path, last);
    return inside(path);
}

static uint64_t inode(int fd)
{
    struct stat about;
    int saved = errno;
    uint64_t number = fstat(fd, &about) == 0 ? (uint64_t)about.st_ino : 0;
    errno = saved;
    return number;
}

static void note(uint8_t kind, uint64_t ino, uint64_t offset, const char *name,
    const struct iovec *data, int count, size_t length)
{
    if (log_fd < 0)
        return;
    int saved = errno;
    char head[25];
    uint32_t name_length = name ? strlen(name) : 0, data_length = length;
    head[0] = kind;
    memcpy(head + 1, &ino, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, &name_length, 4);
    memcpy(head + 21, &data_length, 4);
    size_t total = sizeof head + name_length + length, at = sizeof head;
    char *record = malloc(total);
    memcpy(record, head, sizeof head);
    if (name_length)
        memcpy(record + at, name, name_length);
    at += name_length;
    for (int index = 0; index < count && length; index++) {
        size_t part = data[index].iov_len < length ? data[index].iov_len : length;
        memcpy(record + at, data[index].iov_base, part);
        at += part;
        length -= part;
    }
    for (size_t done = 0; done < total;) {
        ssize_t wrote = syscall(SYS_write, log_fd, record + done, total - done);
        if (wrote < 0 && errno != EINTR)
            abort(); /* a log with a hole would prove nothing */
        done += wrote > 0 ? wrote : 0;
    }
    free(record);
    errno = saved;
}

static int is_there(const char *path)
{
    int saved = errno;
    int there = path != NULL && access(path, F_OK) == 0;
    errno = saved;
    return there;
}

/* For the process itself: what it knows at this point, in the order of the changes. */
void faults_mark(const char *text)
{
    struct iovec data = { (void *)text, strlen(text) };
    pthread_mutex_lock(&lock);
    note(MARK, 0, 0, NULL, &data, 1, data.iov_len);
    pthread_mutex_unlock(&lock);
}

/* -- writing ------------------------------------------------------------------------- */

#define CHANGE(fd, call, record) \
    char path[PATH_MAX]; \
    if (!watched(fd, path)) return call; \
    if (is_there(no_room)) { errno = ENOSPC; return -1; } \
    pthread_mutex_lock(&lock); \
    __typeof__(call) result = call; \
    if (result >= 0) { record; } \
    pthread_mutex_unlock(&lock); \
    return result

#define DATA(buffer, size) struct iovec data = { (void *)(buffer), (size) }; (void)data

ssize_t write(int fd, const void *buffer, size_t size)
{
    DATA(buffer, size);
    CHANGE(fd, REAL(write)(fd, buffer, size), note(WRITE, inode(fd),
        lseek(fd, 0, SEEK_CUR) - result, path, &data, 1, result));
}

ssize_t writev(int fd, const struct iovec *data, int count)
{
    CHANGE(fd, REAL(writev)(fd, data, count), note(WRITE, inode(fd),
        lseek(fd, 0, SEEK_CUR) - result, path, data, count, result));
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    DATA(buffer, size);
    CHANGE(fd, REAL(pwrite)(fd, buffer, size, offset),
        note(WRITE, inode(fd), offset, path, &data, 1, result));
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset)
{
    DATA(buffer, size);
    CHANGE(fd, REAL(pwrite64)(fd, buffer, size, offset),
        note(WRITE, inode(fd), offset, path, &data, 1, result));
}

ssize_t pwritev(int fd, const struct iovec *data, int count, off_t offset)
{
    CHANGE(fd, REAL(pwritev)(fd, data, count, offset),
        note(WRITE, inode(fd), offset, path, data, count, result));
}

ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t offset)
{
    CHANGE(fd, REAL(pwritev64)(fd, data, count, offset),
        note(WRITE, inode(fd), offset, path, data, count, result));
}

int ftruncate(int fd, off_t size)
{
    CHANGE(fd, REAL(ftruncate)(fd, size), note(TRUNCATE, inode(fd), size, path, NULL, 0, 0));
}

int ftruncate64(int fd, off64_t size)
{
    CHANGE(fd, REAL(ftruncate64)(fd, size), note(TRUNCATE, inode(fd), size, path, NULL, 0, 0));
}

static void note_size(int fd, const char *path)
{
    struct stat about;
    if (fstat(fd, &about) == 0)
        note(TRUNCATE, about.st_ino, about.st_size, path, NULL, 0, 0);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    CHANGE(fd, REAL(fallocate)(fd, mode, offset, length), note_size(fd, path));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    CHANGE(fd, REAL(fallocate64)(fd, mode, offset, length), note_size(fd, path));
}

#define ALLOCATE(name, type) \
    int name(int fd, type offset, type length) \
    { \
        char path[PATH_MAX]; \
        if (!watched(fd, path)) return REAL(name)(fd, offset, length); \
        if (is_there(no_room)) return ENOSPC; \
        pthread_mutex_lock(&lock); \
        int result = REAL(name)(fd, offset, length); \
        if (result == 0) note_size(fd, path); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

/* -- making it last ------------------------------------------------------------------- */

#define SYNCING(name) \
    int name(int fd) \
    { \
        char path[PATH_MAX]; \
        if (!watched(fd, path)) return REAL(name)(fd); \
        if (is_there(sync_fails)) { errno = EIO; return -1; } \
        pthread_mutex_lock(&lock); \
        int result = REAL(name)(fd); \
        if (result == 0) note(SYNC, inode(fd), 0, path, NULL, 0, 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

SYNCING(fsync)
SYNCING(fdatasync)

/* -- names ---------------------------------------------------------------------------- */

static int opening(int at, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    int ours = (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE
        && absolute(at, name, path);
    if (!ours)
        return syscall(SYS_openat, at, name, flags | O_LARGEFILE, mode);
    pthread_mutex_lock(&lock);
    int was_there = is_there(path), result = -1;
    if (!was_there && (flags & O_CREAT) && is_there(no_room))
        errno = ENOSPC;
    else
        result = syscall(SYS_openat, at, name, flags | O_LARGEFILE, mode);
    if (result >= 0 && !was_there)
        note(CREATE, inode(result), 0, path, NULL, 0, 0);
    else if (result >= 0 && (flags & O_TRUNC))
        note(TRUNCATE, inode(result), 0, path, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, last); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *name, int flags, ...) { MODE(flags) return opening(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return opening(AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE(flags) return opening(at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE(flags) return opening(at, name, flags, mode); }
int creat(const char *name, mode_t mode) { return opening(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

#define NAMING(at, name, call, kind) \
    char path[PATH_MAX]; \
    if (!absolute(at, name, path)) return call; \
    pthread_mutex_lock(&lock); \
    int result = call; \
    if (result == 0) note(kind, 0, 0, path, NULL, 0, 0); \
    pthread_mutex_unlock(&lock); \
    return result

int unlink(const char *name) { NAMING(AT_FDCWD, name, REAL(unlink)(name), UNLINK); }
int unlinkat(int at, const char *name, int flags) { NAMING(at, name, REAL(unlinkat)(at, name, flags), UNLINK); }
int remove(const char *name) { NAMING(AT_FDCWD, name, REAL(remove)(name), UNLINK); }
int rmdir(const char *name) { NAMING(AT_FDCWD, name, REAL(rmdir)(name), UNLINK); }
int mkdir(const char *name, mode_t mode) { NAMING(AT_FDCWD, name, REAL(mkdir)(name, mode), MKDIR); }
int mkdirat(int at, const char *name, mode_t mode) { NAMING(at, name, REAL(mkdirat)(at, name, mode), MKDIR); }

#define RENAMING(from_at, from, to_at, to, call) \
    char path[PATH_MAX], target[PATH_MAX]; \
    if (!absolute(from_at, from, path) || !absolute(to_at, to, target)) return call; \
    struct iovec data = { target, strlen(target) }; \
    pthread_mutex_lock(&lock); \
    int result = call; \
    if (result == 0) note(RENAME, 0, 0, path, &data, 1, data.iov_len); \
    pthread_mutex_unlock(&lock); \
    return result

int rename(const char *from, const char *to)
{
    RENAMING(AT_FDCWD, from, AT_FDCWD, to, REAL(rename)(from, to));
}

int renameat(int at, const char *from, int to_at, const char *to)
{
    RENAMING(at, from, to_at, to, REAL(renameat)(at, from, to_at, to));
}
