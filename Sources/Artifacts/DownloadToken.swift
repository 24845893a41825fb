import Crypto
import JSON
import System

/// A signed right to fetch one artifact: a compact JWS (RFC 7515) with an Ed25519 signature (RFC 8037, RFC 9864).
///
/// `header.claims.signature`, each in unpadded base64url. The header is exactly `alg` `Ed25519`, `kid`, and `typ`
/// `farm-dl+jwt`; algorithm and key are the farm's choice and never the token's.
///
/// | claim | is                                                  |
/// |-------|-----------------------------------------------------|
/// | `iss` | the farm                                            |
/// | `aud` | `download`                                          |
/// | `sub` | the job                                             |
/// | `dig` | `sha-256:` and the digest of the file in hex        |
/// | `rev` | the artifact's revision                             |
/// | `jti` | the token's id, 32 hexadecimal digits               |
/// | `iat`, `nbf`, `exp` | seconds since 1970                    |
/// | `max` | number of uses, when limited                        |
enum DownloadToken {
    static let maximumByteCount = 4096
    /// Clocks of two machines may differ by this much.
    static let leeway = Duration.seconds(60)
    private static let type = "farm-dl+jwt"
    private static let algorithm = "Ed25519"
    private static let audience = "download"

    struct Claims: Equatable, Sendable {
        let issuer: String
        let job: String
        let digest: SHA256Digest
        let revision: Int64
        let id: String
        let issued: Int64
        let notBefore: Int64
        let expires: Int64
        let maxUses: Int64?
    }

    /// The token of `claims`, signed by the key named `keyID`.
    static func sign(
        _ claims: Claims, by key: Ed25519.PrivateKey, named keyID: String
    ) throws(CryptoError) -> String {
        let header: JSONValue = ["alg": .string(algorithm), "kid": .string(keyID), "typ": .string(type)]
        var members: [JSONValue.Member] = [
            .init("iss", .string(claims.issuer)), .init("aud", .string(audience)), .init("sub", .string(claims.job)),
            .init("dig", .string("sha-256:" + claims.digest.hex)), .init("rev", .integer(claims.revision)),
            .init("jti", .string(claims.id)), .init("iat", .integer(claims.issued)),
            .init("nbf", .integer(claims.notBefore)), .init("exp", .integer(claims.expires)),
        ]
        if let maxUses = claims.maxUses { members.append(.init("max", .integer(maxUses))) }
        let message = Base64URL.encode(header.bytes()) + "." + Base64URL.encode(JSONValue.object(members).bytes())
        return message + "." + Base64URL.encode(try key.signature(of: Array(message.utf8)))
    }

    /// The claims of a token whose signature is right, in this order: size, form, header, key, signature, claims.
    ///
    /// - Parameter key: the public key of an id, from memory; an id is never looked up in a path or a query.
    static func verify(
        _ text: String, issuer: String, key: (String) -> Ed25519.PublicKey?
    ) throws(TokenRefusal) -> Claims {
        guard text.utf8.count <= maximumByteCount else { throw .malformed(reason: "it is too long") }
        let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 3, let headerBytes = Base64URL.decode(parts[0]),
            let claimBytes = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed(reason: "it is not three parts in base64url") }

        let header = try members(headerBytes, of: "header", required: ["alg", "kid", "typ"], optional: [])
        guard isText(header["alg"], algorithm), isText(header["typ"], type), let keyID = header["kid"]?.string else {
            throw .malformed(reason: "its header is not that of a download token")
        }
        guard let publicKey = key(keyID) else { throw .foreignKey }
        let message = Array(parts[0]) + [0x2E] + Array(parts[1])
        guard publicKey.isValid(signature, of: message) else { throw .wrongSignature }

        let names: Set<String> = ["iss", "aud", "sub", "dig", "rev", "jti", "iat", "nbf", "exp"]
        let claims = try members(claimBytes, of: "claims", required: names, optional: ["max"])
        guard isText(claims["aud"], audience), isText(claims["iss"], issuer) else { throw .otherPurpose }
        return try read(claims)
    }

    private static func read(_ claims: [String: JSONValue]) throws(TokenRefusal) -> Claims {
        guard let issuer = claims["iss"]?.string, let job = claims["sub"]?.string, let digest = digest(claims["dig"]),
            let revision = number(claims["rev"]), let id = claims["jti"]?.string, isID(id),
            let issued = number(claims["iat"]), let notBefore = number(claims["nbf"]),
            let expires = number(claims["exp"])
        else { throw .malformed(reason: "a claim is of the wrong form") }
        var maxUses: Int64?
        if let claim = claims["max"] {
            guard let number = number(claim), number >= 1 else {
                throw .malformed(reason: "a claim is of the wrong form")
            }
            maxUses = number
        }
        return Claims(
            issuer: issuer, job: job, digest: digest, revision: revision, id: id, issued: issued, notBefore: notBefore,
            expires: expires, maxUses: maxUses)
    }

    /// The members of an object that has all of `required` and otherwise only `optional`.
    private static func members(
        _ bytes: [UInt8], of part: String, required: Set<String>, optional: Set<String>
    ) throws(TokenRefusal) -> [String: JSONValue] {
        guard let members = (try? JSONValue(parsing: bytes, depth: 4))?.members else {  // any fault is one refusal
            throw .malformed(reason: "its \(part) is no JSON object")
        }
        var found: [String: JSONValue] = [:]
        for member in members {
            guard required.contains(member.name) || optional.contains(member.name) else {
                throw .malformed(reason: "its \(part) has a member that no download token has")
            }
            found[member.name] = member.value
        }
        guard required.allSatisfy({ found[$0] != nil }) else {
            throw .malformed(reason: "its \(part) lacks a member")
        }
        return found
    }

    private static func isText(_ value: JSONValue?, _ expected: String) -> Bool {
        value?.string.map { $0.utf8.elementsEqual(expected.utf8) } ?? false
    }

    /// Seconds and counters: integers from 0 to the year 9999, so that no sum with them overflows.
    private static func number(_ value: JSONValue?) -> Int64? {
        value?.integer.flatMap { (0...253_402_300_799).contains($0) ? $0 : nil }
    }

    private static func digest(_ value: JSONValue?) -> SHA256Digest? {
        guard let text = value?.string, text.utf8.starts(with: "sha-256:".utf8) else { return nil }
        return SHA256Digest(hex: String(decoding: text.utf8.dropFirst(8), as: UTF8.self))
    }

    static func isID(_ text: String) -> Bool { text.utf8.count == 32 && Hex.decode(text) != nil }
}
