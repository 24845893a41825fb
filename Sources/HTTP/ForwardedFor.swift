import System

/// The client behind proxies that are trusted (`X-Forwarded-For`): each of them adds the address from which it was asked.
enum ForwardedFor {
    /// The address of the client; that of `peer` itself where it is no proxy of ours, or says nothing that can be read.
    ///
    /// Read from the end: what stands before an address that is not trusted may be anybody's invention.
    static func client(_ peer: [UInt8]?, _ fields: HTTPFields, trusted: Set<[UInt8]>) -> [UInt8]? {
        guard !trusted.isEmpty, isTrusted(peer, trusted) else { return peer }
        var client = peer
        for address in fields.list("x-forwarded-for").reversed() {
            guard let read = ForeignDescriptor.address(in: address) else { return client }
            client = read
            guard isTrusted(read, trusted) else { return client }
        }
        return client
    }

    /// Who comes by a unix socket has no address; `unix` names them all.
    private static func isTrusted(_ peer: [UInt8]?, _ trusted: Set<[UInt8]>) -> Bool {
        trusted.contains(peer ?? Array("unix".utf8))
    }
}
