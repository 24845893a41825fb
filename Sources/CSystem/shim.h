#pragma once
/* Four calls of Linux that Swift's Glibc module does not carry. They are declared here, since their headers clash with
   that module's. On macOS nothing is declared: its module has what is needed. */
#ifdef __linux__
extern int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags);
extern int prctl(int option, ...);
extern int pipe2(int ends[2], int flags);
/* Closes all descriptors from `from` on in the program that is started. The GNU C library has it since 2.34. */
extern int csystem_close_from(void *actions, int from) __asm__("posix_spawn_file_actions_addclosefrom_np");

static inline int csystem_rename_exclusively(int fromDirectory, const char *from, int toDirectory, const char *to) {
  return renameat2(fromDirectory, from, toDirectory, to, 1 /* RENAME_NOREPLACE */);
}
static inline int csystem_private_pipe(int ends[2]) { return pipe2(ends, 02000000 /* O_CLOEXEC */); }
static inline int csystem_forbid_dumps(void) { return prctl(4 /* PR_SET_DUMPABLE */, 0, 0, 0, 0); }
#endif
