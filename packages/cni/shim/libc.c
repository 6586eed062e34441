/*
 * What the shim needs of the C library. The real one, linked statically, takes some 0.3 ms to start on a virtual machine, as
 * it asks the processor for all its features and each question goes to the hypervisor; the shim does its work in less.
 *
 * Prototypes are those of the system's headers. Calls are those that x86-64 and arm64 both have.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv);

char **environ;
static int last_error;

int *__errno_location(void) { return &last_error; }

/* The stack of a new program: the number of arguments, arguments, NULL, variables, NULL. */
__attribute__((noreturn, used)) static void begin(long *stack) {
  environ = (char **)(stack + stack[0] + 2);
  _exit(main(stack[0], (char **)(stack + 1)));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall begin");

static long raw(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return number;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x29, #0\nmov x30, #0\nmov x0, sp\nbl begin");

static long raw(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the shim is for x86-64 and arm64"
#endif

static long call(long number, long a, long b, long c, long d, long e, long f) {
  long result = raw(number, a, b, c, d, e, f);
  if (result >= 0 || result < -4095) return result;
  last_error = -result;
  return -1;
}

#define CALL3(name, a, b, c) call(SYS_##name, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL5(name, a, b, c, d, e) call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

void _exit(int code) {
  for (;;) CALL3(exit_group, code, 0, 0);
}

ssize_t read(int fd, void *to, size_t room) { return CALL3(read, fd, to, room); }
ssize_t write(int fd, const void *from, size_t length) { return CALL3(write, fd, from, length); }
int close(int fd) { return CALL3(close, fd, 0, 0); }
off_t lseek(int fd, off_t offset, int whence) { return CALL3(lseek, fd, offset, whence); }
int dup2(int from, int to) { return CALL3(dup3, from, to, 0); }
int memfd_create(const char *name, unsigned flags) { return CALL3(memfd_create, name, flags, 0); }
int execve(const char *path, char *const *argv, char *const *env) { return CALL3(execve, path, argv, env); }
pid_t getpid(void) { return CALL3(getpid, 0, 0, 0); }
int mkdir(const char *path, mode_t mode) { return CALL3(mkdirat, AT_FDCWD, path, mode); }
int unlink(const char *path) { return CALL3(unlinkat, AT_FDCWD, path, 0); }
int access(const char *path, int mode) { return CALL3(faccessat, AT_FDCWD, path, mode); }
int rename(const char *from, const char *to) { return CALL5(renameat2, AT_FDCWD, from, AT_FDCWD, to, 0); }
int clock_gettime(clockid_t clock, struct timespec *to) { return CALL3(clock_gettime, clock, to, 0); }
ssize_t getdents64(int fd, void *to, size_t room) { return CALL3(getdents64, fd, to, room); }
int socket(int domain, int type, int protocol) { return CALL3(socket, domain, type, protocol); }
int connect(int fd, const struct sockaddr *to, socklen_t size) { return CALL3(connect, fd, to, size); }
int shutdown(int fd, int how) { return CALL3(shutdown, fd, how, 0); }

ssize_t readlink(const char *path, char *to, size_t room) {
  return CALL5(readlinkat, AT_FDCWD, path, to, room, 0);
}

ssize_t send(int fd, const void *from, size_t length, int flags) {
  return call(SYS_sendto, fd, (long)from, length, flags, 0, 0);
}

ssize_t recv(int fd, void *to, size_t room, int flags) {
  return call(SYS_recvfrom, fd, (long)to, room, flags, 0, 0);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  return (void *)call(SYS_mmap, (long)at, length, protection, flags, fd, offset);
}

void *mremap(void *at, size_t length, size_t wanted, int flags, ...) {
  return (void *)CALL5(mremap, at, length, wanted, flags, 0);
}

/* Both take one more number at most. */
int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int mode = va_arg(more, int);
  va_end(more);
  return CALL5(openat, AT_FDCWD, path, flags, mode, 0);
}

int fcntl(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  long argument = va_arg(more, long);
  va_end(more);
  return CALL3(fcntl, fd, command, argument);
}

int poll(struct pollfd *fds, nfds_t count, int ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  return CALL5(ppoll, fds, count, ms < 0 ? NULL : &time, NULL, 8);
}

void *memcpy(void *to, const void *from, size_t length) {
  for (size_t i = 0; i < length; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memset(void *to, int value, size_t length) {
  for (size_t i = 0; i < length; i++) ((char *)to)[i] = value;
  return to;
}

int memcmp(const void *a, const void *b, size_t length) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < length; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

void *memmem(const void *within, size_t size, const void *what, size_t length) {
  for (const char *at = within; size >= length; at++, size--)
    if (memcmp(at, what, length) == 0) return (void *)at;
  return NULL;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

int strncmp(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (a[i] != b[i] || a[i] == 0) return (unsigned char)a[i] - (unsigned char)b[i];
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, -1); }

char *strchr(const char *text, int wanted) {
  for (;; text++) {
    if (*text == (char)wanted) return (char *)text;
    if (*text == 0) return NULL;
  }
}

char *strrchr(const char *text, int wanted) {
  char *found = NULL;
  for (char *at = strchr(text, wanted); at != NULL; at = *at == 0 ? NULL : strchr(at + 1, wanted)) found = at;
  return found;
}

char *getenv(const char *name) {
  size_t length = strlen(name);
  for (char **one = environ; *one != NULL; one++)
    if (strncmp(*one, name, length) == 0 && (*one)[length] == '=') return *one + length + 1;
  return NULL;
}

long long atoll(const char *text) {
  long long value = 0;
  int sign = *text == '-' ? -1 : 1;
  if (*text == '-' || *text == '+') text++;
  for (; *text >= '0' && *text <= '9'; text++) value = 10 * value + *text - '0';
  return sign * value;
}
