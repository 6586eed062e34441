/*
 * What runtimes execute as kx-bridge and so on: hands the call to the daemon over its socket and prints the answer.
 * docs/adr/0004 tells why. Frames are described in src/daemon/frame.ts; libc.c is all that it has of a C library.
 *
 * A call is carried out once: by the daemon from its one-byte ACCEPT on, else by the Node program beside this file, never by
 * both. Without either, DEL is left in a folder for the daemon's next start.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum outcome { ANSWERED, ABSENT, NOT_ACCEPTED, LOST };
enum { ACCEPT = 6, HEADER = 12, INPUT_LIMIT = 8 << 20, QUEUE_LIMIT = 4096, RETRY_MS = 10 };
struct buffer { char *data; size_t length, room; };

static const char *type, *command, *socket_path = "/run/kx/cni.sock";
static struct buffer input, frame, answer;
static char node[PATH_MAX], program[PATH_MAX];


static int is(const char *name) { return strcmp(command, name) == 0; }

static void write_all(int fd, const char *data, size_t length) {
  for (ssize_t count; length > 0; data += count, length -= count) {
    count = write(fd, data, length);
    if (count < 0 && errno == EINTR) count = 0;
    else if (count < 0) _exit(1);
  }
}

static void print(const char *text) { write_all(STDOUT_FILENO, text, strlen(text)); }

static int fail(const char *code, const char *message, const char *details) {
  const char *parts[] = {"{\"cniVersion\":\"1.1.0\",\"code\":", code, ",\"msg\":\"", type, ": ", message,
                         "\",\"details\":\"", details, "\"}\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) print(parts[i]);
  return 1;
}

static char *reserve(struct buffer *to, size_t more) {
  if (to->length + more > to->room) {
    size_t room = 2 * to->room + more + 4096;
    void *data = to->data == NULL ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                  : mremap(to->data, to->room, room, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) _exit(fail("5", "out of memory", ""));
    to->data = data;
    to->room = room;
  }
  return to->data + to->length;
}

static void append(struct buffer *to, const void *data, size_t length) {
  memcpy(reserve(to, length), data, length);
  to->length += length;
}

/* Joins texts, up to a NULL, into a path; what does not fit is cut off. */
static char *join(char *path, ...) {
  size_t length = 0;
  va_list parts;
  va_start(parts, path);
  for (const char *part; (part = va_arg(parts, const char *)) != NULL;)
    for (; *part != 0 && length < PATH_MAX - 1; part++) path[length++] = *part;
  va_end(parts);
  path[length] = 0;
  return path;
}

/* Reads some more. False at the end. */
static int read_some(int fd, struct buffer *to) {
  ssize_t count;
  do count = read(fd, reserve(to, 65536), 65536);
  while (count < 0 && errno == EINTR);
  if (count > 0) to->length += count;
  return count > 0;
}

static uint32_t number(const char *from) {
  const unsigned char *b = (const unsigned char *)from;
  return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

static int is_answered(void) {
  return answer.length >= HEADER &&
         answer.length >= HEADER + (uint64_t)number(answer.data + 4) + number(answer.data + 8);
}

static void put_number(char *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = value >> 8 * i;
}

static int is_passed_on(const char *variable) {
  static const char *const prefixes[] = {"CNI_", "KX_CNI_", "PATH=", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE="};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0) return 1;
  return 0;
}

static void make_frame(void) {
  append(&frame, "KXC1\0\0\0\0\0\0\0\0", HEADER);
  append(&frame, type, strlen(type) + 1);
  for (char **variable = environ; *variable != NULL; variable++)
    if (is_passed_on(*variable)) append(&frame, *variable, strlen(*variable) + 1);
  put_number(frame.data + 4, frame.length - HEADER);
  put_number(frame.data + 8, input.length);
  append(&frame, input.data, input.length);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t deadline) {
  struct pollfd one = {fd, events, 0};
  for (;;) {
    int64_t left = deadline - now_ms();
    int ready = poll(&one, 1, left > 0 ? left : 0);
    if (ready > 0 || (ready == 0 && left <= 0)) return ready > 0;
  }
}

static int send_frame(int fd, int64_t deadline) {
  for (size_t sent = 0; sent < frame.length;) {
    ssize_t count = send(fd, frame.data + sent, frame.length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += count;
    else if (errno != EAGAIN && errno != EINTR) return 0;
    else if (!wait_for(fd, POLLOUT, deadline)) return 0;
  }
  return 1;
}

/* Asks the daemon once. */
static enum outcome ask(int64_t accept_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || strlen(socket_path) >= sizeof address.sun_path) return ABSENT;
  memcpy(address.sun_path, socket_path, strlen(socket_path));
  enum outcome outcome = ABSENT;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
    int64_t deadline = now_ms() + accept_ms;
    char byte = 0;
    int is_told = send_frame(fd, deadline) && wait_for(fd, POLLIN, deadline);
    /* From here the daemon cannot accept any more: its ACCEPT is here already, or cannot be sent. */
    if (!is_told) shutdown(fd, SHUT_RD);
    int is_accepted = recv(fd, &byte, 1, MSG_DONTWAIT) == 1 && byte == ACCEPT;
    outcome = is_accepted ? LOST : NOT_ACCEPTED;
    if (is_told && is_accepted) {
      fcntl(fd, F_SETFL, 0);
      /* Not to the end: the daemon closes a little later. */
      while (!is_answered() && read_some(fd, &answer));
      if (is_answered()) outcome = ANSWERED;
    }
  }
  close(fd);
  return outcome;
}

static int print_answer(void) {
  size_t length = number(answer.data + 4);
  write_all(STDERR_FILENO, answer.data + HEADER + length, number(answer.data + 8));
  write_all(STDOUT_FILENO, answer.data + HEADER, length);
  return number(answer.data);
}

/* Finds the Node program in the folder of this file, which the names that runtimes use are links to. */
static int can_run_node(void) {
  ssize_t length = readlink("/proc/self/exe", node, sizeof node - 16);
  if (length <= 0) return 0;
  node[length] = 0;
  length = strrchr(node, '/') - node;
  memcpy(program, node, length);
  memcpy(node + length, "/node", 6);
  memcpy(program + length, "/kx-cni", 8);
  return access(node, X_OK) == 0 && access(program, R_OK) == 0;
}

/* Becomes the Node program, which reads again what has been read here. */
static void run_node(void) {
  int fd = memfd_create("input", 0);
  if (fd < 0) return;
  write_all(fd, input.data, input.length);
  lseek(fd, 0, SEEK_SET);
  dup2(fd, STDIN_FILENO);
  close(fd);
  execve(node, (char *[]){node, program, (char *)type, NULL}, environ);
}

/* The folder `cni` beside the socket. */
static char *state_path(char *path, const char *name, const char *last) {
  static char folder[PATH_MAX];
  char *end = strrchr(join(folder, socket_path, NULL), '/');
  *(end == NULL ? folder : end) = 0;
  return join(path, folder, "/cni/", name, last, NULL);
}

/* How many files a folder has; -1 if it cannot be read. */
static int count_files(const char *folder) {
  char entries[8192];
  ssize_t size = 0;
  int count = 0, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (fd >= 0 && (size = getdents64(fd, entries, sizeof entries)) > 0)
    for (char *at = entries; at < entries + size; at += ((struct dirent64 *)at)->d_reclen) count++;
  if (fd >= 0) close(fd);
  return fd < 0 || size < 0 ? -1 : count - 2;
}

static const char *why(int error) {
  switch (error) {
    case ENOSPC: return "ENOSPC: make room on that disk";
    case EDQUOT: return "EDQUOT: make room on that disk";
    case EROFS: return "EROFS: mount it writable";
    case EACCES: return "EACCES: run it as root";
    case EPERM: return "EPERM: run it as root";
    case ENOTDIR: return "ENOTDIR: a file is in the way";
    case ENAMETOOLONG: return "ENAMETOOLONG: choose a shorter KX_CNI_SOCKET";
    default: return "look whether its folder can be written";
  }
}

static const char *hex(uint64_t value) {
  static char text[17];
  for (int i = 15; i >= 0; i--, value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

/* Leaves a DEL for the daemon. The same call again is the same file. */
static int queue_delete(void) {
  char path[PATH_MAX], making[PATH_MAX];
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < frame.length; i++) hash = (hash ^ (unsigned char)frame.data[i]) * 1099511628211u;
  state_path(path, "deletes/", "");
  for (char *end = path; (end = strchr(end + 1, '/')) != NULL; *end = '/') {
    *end = 0;
    mkdir(path, 0700);
  }
  int count = count_files(path);
  if (count < 0) return fail("11", "no daemon, and the DEL cannot be kept for it", why(errno));
  if (count >= QUEUE_LIMIT) return fail("11", "no daemon, and too many DELs are kept for it", "start the daemon");
  state_path(path, "deletes/", hex(hash));
  /* Two at once for the same call write the same. */
  state_path(making, "deletes/.", hex(hash ^ (uint64_t)getpid()));
  int fd = open(making, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int is_written = fd >= 0 && write(fd, frame.data, frame.length) == (ssize_t)frame.length;
  if (is_written && close(fd) == 0 && rename(making, path) == 0) return 0;
  int error = errno;
  unlink(making);
  return fail("11", "no daemon, and the DEL cannot be kept for it", why(error));
}

/* A node that was ready once stays so while the daemon is away: it may come back. */
static int answer_status(void) {
  char marker[PATH_MAX];
  const char *policy = memmem(input.data, input.length, "\"statusPolicy\"", 14);
  const char *end = input.data + input.length;
  for (policy = policy == NULL ? end : policy + 14; policy < end && strchr(" \t\r\n:", *policy) != NULL;) policy++;
  if (end - policy >= 12 && memcmp(policy, "\"ready-once\"", 12) == 0 && access(state_path(marker, "ready/", type), F_OK) == 0) return 0;
  return fail("50", "the daemon does not answer", "start the node agent, or see why it does not listen");
}

static int64_t setting(const char *name, int64_t standard) {
  const char *text = getenv(name);
  return text == NULL ? standard : atoll(text);
}

int main(int argc, char **argv) {
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  type = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
  command = getenv("CNI_COMMAND") != NULL ? getenv("CNI_COMMAND") : "";
  if (getenv("KX_CNI_SOCKET") != NULL) socket_path = getenv("KX_CNI_SOCKET");
  if (is("VERSION")) return print("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[" KX_CNI_VERSIONS "]}\n"), 0;
  /* Until there is more than the daemon would take: it says so then. */
  while (command[0] != 0 && input.length <= INPUT_LIMIT && read_some(STDIN_FILENO, &input));
  make_frame();

  int has_node = can_run_node();
  int64_t deadline = now_ms() + setting("KX_CNI_CONNECT_MS", has_node ? 250 : 5000);
  int64_t accept_ms = setting("KX_CNI_ACCEPT_MS", has_node ? 1000 : 5000);
  enum outcome outcome;
  for (;;) {
    outcome = ask(accept_ms);
    if (outcome == ANSWERED) return print_answer();
    if (outcome == LOST || !is("ADD") || now_ms() >= deadline) break;
    poll(NULL, 0, RETRY_MS);
  }
  if (outcome != LOST && has_node) run_node();
  if (is("DEL")) return queue_delete();
  if (is("STATUS")) return answer_status();
  if (outcome == LOST) return fail("11", "the daemon ended before it answered", "call again; a failed ADD needs a DEL first");
  return fail("11", "the daemon does not answer", "start the node agent, or see why it does not listen");
}
