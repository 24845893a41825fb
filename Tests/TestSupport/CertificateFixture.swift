import Foundation

/// Certificates of a test's own authority, made by `openssl`, in a folder.
public struct CertificateFixture: Sendable {
    /// Where they are.
    public let folder: String

    /// The file of the authority that has signed all of them.
    public var authority: String { folder + "/ca.pem" }
    /// The file of one that has signed none.
    public var otherAuthority: String { folder + "/other.pem" }

    /// Makes an authority, another one, and a client's certificate.
    public init(in folder: String) throws {
        self.folder = folder
        for name in ["ca", "other"] {
            try openssl(
                ["req", "-x509", "-nodes", "-subj", "/CN=\(name)", "-days", "2", "-out", "\(name).pem"] + newKey(name))
        }
        try issue("client", names: "DNS:client")
    }

    /// The lines of a server's configuration: TLS on `port` with the certificate `name`.
    public func serverLines(_ name: String, port: UInt16, wantsClient: Bool = false) -> [String] {
        [
            "tls-port \(port)", "tls-cert-file \(folder)/\(name).pem", "tls-key-file \(folder)/\(name).key",
            "tls-ca-cert-file \(authority)", "tls-auth-clients \(wantsClient ? "yes" : "no")",
        ]
    }

    /// A certificate for `names`, as OpenSSL writes them, that begins and ends so many days from now.
    public func issue(_ name: String, names: String, days: Int = 2) throws {
        try openssl(["req", "-new", "-nodes", "-subj", "/CN=\(name)", "-out", "\(name).csr"] + newKey(name))
        try writeFile("\(folder)/\(name).ext", Array("subjectAltName=\(names)\n".utf8))
        try openssl([
            "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "\(days)", "-extfile", "\(name).ext", "-out", "\(name).pem",
        ])
    }

    private func newKey(_ name: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "\(name).key"]
    }

    private func openssl(_ arguments: [String]) throws {
        let result = try run("openssl", arguments, in: folder)
        guard result.status == 0 else { throw NotMade(description: result.errorText) }
    }

    /// What `openssl` did not like.
    public struct NotMade: Error, CustomStringConvertible {
        /// In its words.
        public let description: String
    }
}
