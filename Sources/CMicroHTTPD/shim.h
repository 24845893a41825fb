#pragma once
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <microhttpd.h>

/* What the library would do with the path and the query: nothing. They are read from the target as it came. */
static inline size_t cmhd_leave_escaped(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  return strlen(text);
}

typedef void *(*cmhd_target_callback)(void *context, const char *target, struct MHD_Connection *connection);

/* Variadic in C. All callbacks get the same context; `options` ends with MHD_OPTION_END. */
static inline struct MHD_Daemon *cmhd_start(unsigned int flags, MHD_AcceptPolicyCallback accept,
                                            MHD_AccessHandlerCallback handle, MHD_RequestCompletedCallback complete,
                                            MHD_NotifyConnectionCallback notify, cmhd_target_callback target,
                                            void *context, const struct MHD_OptionItem *options) {
  return MHD_start_daemon(flags, 0, accept, context, handle, context, MHD_OPTION_NOTIFY_COMPLETED, complete, context,
                          MHD_OPTION_NOTIFY_CONNECTION, notify, context, MHD_OPTION_URI_LOG_CALLBACK, target, context,
                          MHD_OPTION_UNESCAPE_CALLBACK, cmhd_leave_escaped, NULL, MHD_OPTION_ARRAY, options,
                          MHD_OPTION_END);
}

static inline int cmhd_descriptor(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/* What the callback for new connections has put beside this one; NULL where that was nothing. */
static inline void *cmhd_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

static inline const struct sockaddr *cmhd_peer(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return info ? info->client_addr : NULL;
}

/* Bytes of the request line and the fields, with their line ends. */
static inline size_t cmhd_head_size(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  return info ? info->header_size : 0;
}

static inline unsigned int cmhd_connection_count(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  return info ? info->num_connections : 0;
}

/* A macro of a value that Swift does not import. */
static const uint64_t cmhd_size_unknown = MHD_SIZE_UNKNOWN;

/* How many bytes the other side has acknowledged; -1 where the system does not tell. */
static inline int64_t cmhd_acknowledged(int descriptor) {
#ifdef __linux__
  /* <linux/tcp.h> and Glibc's module exclude each other. In `struct tcp_info` the bytes that were acknowledged are the
     sixteenth eight bytes, since Linux 4.1. */
  uint64_t info[32];
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, 11 /* TCP_INFO */, info, &size) != 0 || size < 16 * sizeof info[0]) return -1;
  return (int64_t)info[15];
#else
  (void)descriptor;
  return -1;
#endif
}

/* Ends a connection whose other side acknowledges nothing for so long: it is gone without a word. */
static inline void cmhd_give_up_after(int descriptor, uint32_t milliseconds) {
#ifdef __linux__
  int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, 18 /* TCP_USER_TIMEOUT */, &milliseconds, sizeof milliseconds);
#else
  (void)descriptor;
  (void)milliseconds;
#endif
}
