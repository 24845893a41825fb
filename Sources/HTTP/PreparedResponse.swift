import CMicroHTTPD

/// The library's form of an answer without a file and a stream.
// The library counts who holds a response, under a lock of its own, and changes nothing in it once it is made.
final class PreparedResponse: @unchecked Sendable {
    let raw: OpaquePointer
    let byteCount: Int64

    /// nil where the body is none that is held in memory, or no memory is left.
    init?(_ response: HTTPResponse) {
        let bytes: [UInt8]
        switch response.body {
        case .none: bytes = []
        case .bytes(let content): bytes = content
        case .file, .stream: return nil
        }
        let made = bytes.withUnsafeBytes { bytes in
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let made else { return nil }
        for (name, value) in response.fields { MHD_add_response_header(made, name, value) }
        raw = made
        byteCount = Int64(bytes.count)
    }

    deinit { MHD_destroy_response(raw) }
}
