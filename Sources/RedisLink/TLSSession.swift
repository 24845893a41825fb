import CSSL

/// One connection's TLS, without the connection: plain bytes become sealed ones, and the other way round.
///
/// The sealed bytes are moved by whoever has the socket, with its deadlines. One thread at a time may use it.
final class TLSSession {
    private let session: OpaquePointer
    /// What has come from the server, for the session to open. Both belong to the session.
    private let incoming: OpaquePointer
    /// What the session has sealed.
    private let outgoing: OpaquePointer
    private let name: String
    private let authorities: String

    /// A session with the server `host`, which has not begun.
    init(_ settings: RedisTLS, host: String) throws(RedisError) {
        let context = try TLSContext(settings)
        guard let session = SSL_new(context.raw) else { throw TLSContext.failure("TLS cannot begin") }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw TLSContext.failure("TLS cannot begin")
        }
        SSL_set_bio(session, incoming, outgoing)
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
        name = settings.serverName ?? host
        authorities = settings.authorityFile ?? "the system's authorities"
        SSL_set_connect_state(session)
        // A number is looked for among the certificate's addresses, and is no name to ask for.
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1
        guard isAddress || (SSL_set1_host(session, name) == 1 && cssl_set_server_name(session, name) == 1) else {
            throw TLSContext.failure("the certificate of \(name) cannot be asked for")
        }
    }

    deinit { SSL_free(session) }

    /// Takes in what has come from the server.
    func take(_ bytes: [UInt8]) throws(RedisError) {
        // A memory BIO takes all or nothing.
        guard bytes.isEmpty || BIO_write(incoming, bytes, CInt(clamping: bytes.count)) == bytes.count else {
            throw TLSContext.failure("there is no memory for what has come")
        }
    }

    /// Goes on with the beginning; true when both sides know one another.
    func begin() throws(RedisError) -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 { return true }
        try check(result)
        return false
    }

    /// Seals `bytes` from `start` on; `sealed` gives them.
    func seal(_ bytes: [UInt8], from start: Int) throws(RedisError) {
        ERR_clear_error()
        var sealed = start
        while sealed < bytes.count {
            let result = bytes[sealed...].withUnsafeBytes {
                SSL_write(session, $0.baseAddress, CInt(clamping: $0.count))
            }
            guard result > 0 else {
                try check(result)
                // Only a session that is beginning again waits for the other side, and TLS of today does not do that.
                throw .unanswered(detail: "the server has begun TLS again")
            }
            sealed += Int(result)
        }
    }

    /// What is to be sent by now, added to `bytes`.
    func appendSealed(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer in
            while true {
                let count = BIO_read(outgoing, buffer.baseAddress, CInt(clamping: buffer.count))
                guard count > 0 else { return }
                bytes += UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])
            }
        }
    }

    /// Adds some of what has come, opened, to `bytes`; false when there is none.
    func appendOpened(to bytes: inout [UInt8]) throws(RedisError) -> Bool {
        ERR_clear_error()
        let (result, piece) = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer in
            let result = SSL_read(session, buffer.baseAddress, CInt(clamping: buffer.count))
            return (result, Array(buffer[..<max(0, Int(result))]))
        }
        guard result <= 0 else {
            bytes += piece
            return true
        }
        try check(result)
        return false
    }

    /// Throws unless the session only waits for more from the server.
    private func check(_ result: CInt) throws(RedisError) {
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return
        case SSL_ERROR_ZERO_RETURN: throw .unanswered(detail: "the server has closed the connection")
        default:
            let verdict = SSL_get_verify_result(session)
            throw .unanswered(detail: verdict == X509_V_OK ? complaint : sentence(about: verdict))
        }
    }

    /// What is wrong where the certificate is not.
    private var complaint: String {
        switch cssl_error_reason(ERR_peek_error()) {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
            "the server wants a certificate of ours, or has no cipher in common with us\(TLSContext.reason())"
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
            "the server does not accept our certificate\(TLSContext.reason())"
        case SSL_R_WRONG_VERSION_NUMBER: "the server does not speak TLS there\(TLSContext.reason())"
        default: "TLS has failed\(TLSContext.reason())"
        }
    }

    /// What is wrong with the certificate.
    private func sentence(about verdict: Int) -> String {
        ERR_clear_error()
        switch CInt(clamping: verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return "the certificate of \(name) has expired"
        case X509_V_ERR_CERT_NOT_YET_VALID: return "the certificate of \(name) is not valid yet; is this clock right?"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the server's certificate is not for \(name) but for another name"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return "the certificate of \(name) is signed by nobody in \(authorities)"
        default:
            let words = X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "error \(verdict)"
            return "the certificate of \(name) is not valid: \(words)"
        }
    }
}
