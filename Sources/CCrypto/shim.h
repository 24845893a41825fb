#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

/* EVP_CIPHER_CTX_ctrl takes its option as an int and its data as void *; one name for each use of it. */
static inline int ccrypto_gcm_set_nonce_length(EVP_CIPHER_CTX *c, int n) {
  return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, n, (void *)0);
}
static inline int ccrypto_gcm_get_tag(EVP_CIPHER_CTX *c, void *tag, int n) {
  return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, n, tag);
}
static inline int ccrypto_gcm_set_tag(EVP_CIPHER_CTX *c, const void *tag, int n) {
  return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, n, (void *)tag);
}
