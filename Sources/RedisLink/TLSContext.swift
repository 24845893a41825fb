import CSSL

/// What the connections of one link have in common in TLS: authorities, our certificate and its key, read from their files.
///
/// One is made for each connection, so that files which were replaced are read again.
final class TLSContext {
    let raw: OpaquePointer

    init(_ settings: RedisTLS) throws(RedisError) {
        guard let raw = SSL_CTX_new(TLS_client_method()) else { throw Self.failure("TLS cannot begin") }
        self.raw = raw
        guard cssl_set_lowest_version(raw, TLS1_2_VERSION) == 1 else { throw Self.failure("TLS 1.2 is not there") }
        SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
        // Without this a key with a passphrase would ask for it on the terminal.
        SSL_CTX_set_default_passwd_cb(raw) { _, _, _, _ in 0 }
        if let file = settings.authorityFile {
            guard SSL_CTX_load_verify_file(raw, file) == 1 else {
                throw Self.failure("the authorities in \(file) cannot be read")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(raw) == 1 else {
                throw Self.failure("the system's authorities cannot be read")
            }
        }
        if let file = settings.certificateFile {
            guard SSL_CTX_use_certificate_chain_file(raw, file) == 1 else {
                throw Self.failure("the certificate in \(file) cannot be read")
            }
            let keyFile = settings.keyFile ?? file
            guard SSL_CTX_use_PrivateKey_file(raw, keyFile, SSL_FILETYPE_PEM) == 1,
                SSL_CTX_check_private_key(raw) == 1
            else { throw Self.failure("the key in \(keyFile) cannot be used with the certificate in \(file)") }
        }
    }

    deinit { SSL_CTX_free(raw) }

    /// `what`, and OpenSSL's own reason.
    static func failure(_ what: String) -> RedisError { .unreachable(detail: what + reason()) }

    /// OpenSSL's own words for the last error of this thread, behind a colon; empty where it has none.
    static func reason() -> String {
        let code = ERR_peek_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "" }
        return ": " + String(cString: text)
    }
}
