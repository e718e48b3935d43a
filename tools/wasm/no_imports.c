/* What the wasm build uses in place of a host and of libsodium's randombytes.
 *
 * wasi-libc's vsnprintf links its stdio, which would import fd_write and its
 * like. Here they exist, and say that there is no such file; nothing in core/
 * ever calls them. Whatever is not named here (a clock, files, entropy) stays
 * an import if core/ grows to use it, and then the wasm-purity check fails.
 */
#include <sodium.h>
#include <wasi/api.h>

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t fd);
int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t fd, int64_t offset, int32_t whence,
                                                  int32_t at);
int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t fd, int32_t vectors, int32_t count,
                                                   int32_t written);
int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t fd, int32_t stat);

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t fd)
{
    (void)fd;
    return __WASI_ERRNO_BADF;
}

int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t fd, int64_t offset, int32_t whence,
                                                  int32_t at)
{
    (void)fd, (void)offset, (void)whence, (void)at;
    return __WASI_ERRNO_BADF;
}

int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t fd, int32_t vectors, int32_t count,
                                                   int32_t written)
{
    (void)fd, (void)vectors, (void)count, (void)written;
    return __WASI_ERRNO_BADF;
}

int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t fd, int32_t stat)
{
    (void)fd, (void)stat;
    return __WASI_ERRNO_BADF;
}

/* The canary around sodium_malloc's areas (tools/wasm-libsodium): left zero, as
 * nothing in core/ may call sodium_malloc, and tools/law sees to it. */
void demur_wasm_canary(void *const buf, const size_t size);
void demur_wasm_canary(void *const buf, const size_t size) { (void)buf, (void)size; }

/* Entropy is an argument everywhere in core/: a call that asks for it here is a
 * bug, and stops the module. sodium_init stirs once, and needs nothing. */
void randombytes_stir(void) {}
int randombytes_close(void) { return 0; }
uint32_t randombytes_random(void) { __builtin_trap(); }
uint32_t randombytes_uniform(const uint32_t upper_bound)
{
    (void)upper_bound;
    __builtin_trap();
}
void randombytes_buf(void *const buf, const size_t size)
{
    (void)buf, (void)size;
    __builtin_trap();
}
void randombytes(unsigned char *const buf, const unsigned long long buf_len)
{
    (void)buf, (void)buf_len;
    __builtin_trap();
}
