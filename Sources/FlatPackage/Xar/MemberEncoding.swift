/// How an archive holds a member's bytes.
public enum MemberEncoding: Sendable, Equatable {
    /// As they are (`application/octet-stream`).
    case stored
    /// As a zlib stream (RFC 1950), which the format calls `application/x-gzip`.
    case zlib
    /// In a form that is not read here, under the name that the archive gives it. macOS does not read it either.
    case other(String)

    /// The name in the table of contents.
    public var mediaType: String {
        switch self {
        case .stored: "application/octet-stream"
        case .zlib: "application/x-gzip"
        case .other(let name): name
        }
    }

    init(mediaType: String) {
        let bytes = Array(mediaType.utf8)
        if bytes.equals("application/octet-stream") {
            self = .stored
        } else if bytes.equals("application/x-gzip") {
            self = .zlib
        } else {
            self = .other(mediaType)
        }
    }
}
