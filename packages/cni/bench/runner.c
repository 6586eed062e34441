/*
 * Executes plug-ins as a runtime does, with as little of its own as can be, and times them.
 *
 * Reads batches: a line "parallel count", then count lines of fields with tabs between: program, file for standard input,
 * file for standard output, variables. Writes for each call, in its order, "microseconds, of processor, exit code", and after
 * them the microseconds of the whole batch.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { MAX_FIELDS = 64 };
struct call { char *fields[MAX_FIELDS + 1]; pid_t pid; double start, wall, cpu; int code; };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static double micros(struct timeval time) { return time.tv_sec * 1e6 + time.tv_usec; }

static void split(char *line, char **fields) {
  int count = 0;
  line[strcspn(line, "\n")] = 0;
  for (char *field = strtok(line, "\t"); field != NULL && count < MAX_FIELDS; field = strtok(NULL, "\t"))
    fields[count++] = field;
  fields[count] = NULL;
}

static void start(struct call *call) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, call->fields[1], O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, call->fields[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  call->start = now();
  char *arguments[] = {call->fields[0], NULL};
  if (posix_spawn(&call->pid, call->fields[0], &files, NULL, arguments, call->fields + 3) != 0) exit(3);
  posix_spawn_file_actions_destroy(&files);
}

static void await_one(struct call *calls, int count) {
  struct rusage usage;
  int status;
  pid_t pid = wait4(-1, &status, 0, &usage);
  double end = now();
  for (int i = 0; i < count; i++) {
    if (calls[i].pid != pid) continue;
    calls[i].pid = 0;
    calls[i].wall = end - calls[i].start;
    calls[i].cpu = micros(usage.ru_utime) + micros(usage.ru_stime);
    calls[i].code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

int main(void) {
  int parallel, count;
  while (scanf("%d %d\n", &parallel, &count) == 2) {
    struct call *calls = calloc(count, sizeof *calls);
    for (int i = 0; i < count; i++) {
      char *line = NULL;
      size_t room = 0;
      if (getline(&line, &room, stdin) < 0) return 4;
      split(line, calls[i].fields);
    }
    int running = 0;
    double begin = now();
    for (int i = 0; i < count; i++) {
      if (running == parallel) await_one(calls, count), running--;
      start(&calls[i]), running++;
    }
    for (; running > 0; running--) await_one(calls, count);
    double total = now() - begin;
    for (int i = 0; i < count; i++) printf("%.0f %.0f %d\n", calls[i].wall, calls[i].cpu, calls[i].code);
    printf("%.0f\n", total);
    fflush(stdout);
    for (int i = 0; i < count; i++) free(calls[i].fields[0]);
    free(calls);
  }
}
