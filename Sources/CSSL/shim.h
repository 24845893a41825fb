#pragma once
/* The errors, buffers and certificates among these are in libcrypto, which libssl.pc names for static linking only. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* Macros, each as a function. */
static inline int cssl_set_server_name(SSL *s, const char *name) { return (int)SSL_set_tlsext_host_name(s, name); }
static inline int cssl_set_lowest_version(SSL_CTX *c, int version) { return (int)SSL_CTX_set_min_proto_version(c, version); }
static inline int cssl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
