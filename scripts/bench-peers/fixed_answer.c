/* The fastest that an HTTP server on libmicrohttpd can be: one answer of so many bytes, the same each time, without a look at
   what was asked for. Prints its port. fixed_answer BYTES */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *answer;

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
  (void)context, (void)url, (void)method, (void)version, (void)data, (void)size;
  if (*state == NULL) {
    *state = &answer;
    return MHD_YES;
  }
  return MHD_queue_response(connection, 200, answer);
}

int main(int count, char **words) {
  size_t size = count > 1 ? (size_t)atol(words[1]) : 0;
  char *content = malloc(size + 1);
  if (content == NULL) return 1;
  memset(content, 'x', size);
  answer = MHD_create_response_from_buffer(size, content, MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(answer, "Content-Type", "application/json");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct MHD_Daemon *daemon =
      MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL, MHD_OPTION_THREAD_POOL_SIZE, 2u,
                       MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
  if (daemon == NULL) return 1;
  printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  fflush(stdout);
  for (;;) pause();
}
