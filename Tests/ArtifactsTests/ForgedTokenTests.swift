import Crypto
import Records
import System
import TestSupport
import Testing

@testable import Artifacts

/// What somebody tries who wants in without a token, and what somebody with the key could sign by mistake.
@Suite struct ForgedTokenTests {
    private static let wrongHeader = TokenRefusal.malformed(
        reason: "its header is not that of a download token")
    private static let noParts = TokenRefusal.malformed(reason: "it is not three parts in base64url")
    private static let wrongClaim = TokenRefusal.malformed(reason: "a claim is of the wrong form")

    @Test("a token put together as these tests do it is good")
    func forgesGoodTokens() async throws {
        let farm = try await TokenFixture()
        #expect(try await farm.refusal(of: try await farm.forge()) == nil)
    }

    @Test("a token with any bit flipped is refused")
    func refusesFlips() async throws {
        let farm = try await TokenFixture()
        let token = Array(try await farm.issue().utf8)
        for index in token.indices {
            for bit in 0..<8 {
                var flipped = token
                flipped[index] ^= 1 << UInt8(bit)
                let text = String(decoding: flipped, as: UTF8.self)
                switch try await farm.refusal(of: text) {
                case .malformed, .foreignKey, .wrongSignature: break
                case let other: Issue.record("bit \(bit) of byte \(index): \(String(describing: other))")
                }
            }
        }
    }

    @Test("a token cut anywhere is refused")
    func refusesCuts() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.issue()
        for count in 0..<token.utf8.count {
            switch try await farm.refusal(of: String(token.prefix(count))) {
            case .malformed, .wrongSignature: break
            case let other: Issue.record("\(count) bytes: \(String(describing: other))")
            }
        }
    }

    @Test("parts in another order, missing, doubled or empty are refused")
    func refusesParts() async throws {
        let farm = try await TokenFixture()
        let parts = try await farm.issue().split(separator: ".").map(String.init)
        let (head, claims, signature) = (parts[0], parts[1], parts[2])
        for bad in [
            [claims, head, signature], [head, signature, claims], [signature, claims, head], [head, claims],
            [head, claims, ""], ["", claims, signature], [head, "", signature], [head, claims, signature, ""],
            [head, claims, signature, signature], [], ["", "", ""],
        ] {
            switch try await farm.refusal(of: bad.joined(separator: ".")) {
            case .malformed, .wrongSignature: break
            case let other: Issue.record("\(bad): \(String(describing: other))")
            }
        }
    }

    @Test("the signature of one token is not good for another")
    func refusesOtherSignature() async throws {
        let farm = try await TokenFixture()
        let first = try await farm.issue().split(separator: ".")
        let second = try await farm.issue().split(separator: ".")
        #expect(
            try await farm.refusal(of: "\(first[0]).\(first[1]).\(second[2])") == .wrongSignature)
    }

    @Test(
        "an algorithm other than the farm's is refused, whatever the signature",
        arguments: [
            #""none""#, #""None""#, #""NONE""#, #""nOnE""#, #""""#, #""HS256""#, #""hs256""#, #""RS256""#, #""ES256""#,
            #""EdDSA""#, #""ed25519""#, #""Ed25519 ""#, #""Ed25519\u0301""#, "null", "0", #"["Ed25519"]"#,
        ])
    func refusesAlgorithms(_ algorithm: String) async throws {
        let farm = try await TokenFixture()
        let key = try await farm.keys.active().id
        let token = try await farm.forge(header: #"{"alg":\#(algorithm),"kid":"\#(key)","typ":"farm-dl+jwt"}"#)
        #expect(try await farm.refusal(of: token) == Self.wrongHeader)
        let unsigned = token.split(separator: ".").prefix(2).joined(separator: ".") + "."
        #expect(try await farm.refusal(of: unsigned) == Self.wrongHeader)
    }

    @Test("another type is refused", arguments: [#""JWT""#, #""FARM-DL+JWT""#, "null", #""""#])
    func refusesTypes(_ type: String) async throws {
        let farm = try await TokenFixture()
        let key = try await farm.keys.active().id
        let token = try await farm.forge(header: #"{"alg":"Ed25519","kid":"\#(key)","typ":\#(type)}"#)
        #expect(try await farm.refusal(of: token) == Self.wrongHeader)
    }

    @Test(
        "a header with any further member is refused",
        arguments: [
            #""jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, #""jku":"https://attacker.example/keys""#,
            #""x5u":"https://attacker.example/cert""#, #""x5c":["AAAA"]"#, #""crit":["exp"]"#, #""b64":false"#,
            #""cty":"JWT""#, #""Alg":"none""#, #""zip":"DEF""#,
        ])
    func refusesHeaderMembers(_ member: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(header: String(try await farm.header().dropLast()) + "," + member + "}")
        #expect(
            try await farm.refusal(of: token)
                == .malformed(reason: "its header has a member that no download token has"))
    }

    @Test("a header that lacks a member is refused", arguments: ["alg", "kid", "typ"])
    func refusesShortHeaders(_ missing: String) async throws {
        let farm = try await TokenFixture()
        let members = [("alg", #""Ed25519""#), ("kid", #""0""#), ("typ", #""farm-dl+jwt""#)]
        let token = try await farm.forge(header: farm.object(members.filter { $0.0 != missing }))
        #expect(try await farm.refusal(of: token) == .malformed(reason: "its header lacks a member"))
    }

    @Test(
        "a key id that is a path, a query or unknown is of a foreign key",
        arguments: [
            "../../../../etc/passwd", "/dev/null", "' OR '1'='1", "'; DROP TABLE record; --", "%00", "", "*",
            "0000000000000000",
        ])
    func refusesKeyIDs(_ id: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(header: #"{"alg":"Ed25519","kid":"\#(id)","typ":"farm-dl+jwt"}"#)
        #expect(try await farm.refusal(of: token) == .foreignKey)
    }

    @Test("a key id that is no text is refused", arguments: ["0", "null", "[]", "{}", "true"])
    func refusesOtherKeyIDs(_ id: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(header: #"{"alg":"Ed25519","kid":\#(id),"typ":"farm-dl+jwt"}"#)
        #expect(try await farm.refusal(of: token) == Self.wrongHeader)
    }

    @Test(
        "a time that is no whole number of seconds in range is refused, although the farm's key signed it",
        arguments: ["iat", "nbf", "exp"],
        [
            #""1900000000""#, "1900000000.5", "-1", "9223372036854775807", "9223372036854775808",
            "18446744073709551616", "253402300800", "null", "true", "[]",
        ])
    func refusesTimes(_ claim: String, _ value: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.claims(claim, value))
        let refusal = try await farm.refusal(of: token)
        // Beyond 64 bits it is no number at all, so that the claims are no JSON that is taken.
        #expect([Self.wrongClaim, .malformed(reason: "its claims is no JSON object")].contains(refusal))
    }

    @Test(
        "claims that are no JSON object are refused",
        arguments: [
            #"{"exp":1e400}"#, #"{"exp":NaN}"#, #"{"exp":01}"#, "[]", "null", "", #"{"exp":1}{"exp":2}"#, "\u{FEFF}{}",
        ])
    func refusesOtherClaims(_ claims: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: claims)
        #expect(try await farm.refusal(of: token) == .malformed(reason: "its claims is no JSON object"))
    }

    @Test(
        "a claim that is missing is refused",
        arguments: [
            "iss", "aud", "sub", "dig", "rev", "jti", "iat", "nbf", "exp",
        ])
    func refusesMissingClaims(_ claim: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.claims(claim, nil))
        #expect(try await farm.refusal(of: token) == .malformed(reason: "its claims lacks a member"))
    }

    @Test(
        "a claim that is there twice is refused, however it is spelled",
        arguments: [
            #""exp":2000000000"#, #""\u0065xp":2000000000"#,
        ])
    func refusesDuplicateClaims(_ member: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.object(farm.claims).dropLast() + "," + member + "}")
        #expect(try await farm.refusal(of: token) == .malformed(reason: "its claims is no JSON object"))
    }

    @Test("a claim that no token has is refused")
    func refusesUnknownClaims() async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.claims("admin", "true"))
        #expect(
            try await farm.refusal(of: token)
                == .malformed(reason: "its claims has a member that no download token has"))
    }

    @Test(
        "another audience is refused",
        arguments: [
            #""upload""#, #""Download""#, #"["download"]"#, #"["download","upload"]"#, "null", #""""#,
        ])
    func refusesAudiences(_ audience: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.claims("aud", audience))
        #expect(try await farm.refusal(of: token) == .otherPurpose)
    }

    @Test("a token for other content, or for a job without an artifact, is refused")
    func refusesOtherArtifacts() async throws {
        let farm = try await TokenFixture()
        let digest = #""sha-256:\#(SHA256Digest(of: [2]).hex)""#
        for claims in [farm.claims("dig", digest), farm.claims("sub", #""job-2""#)] {
            #expect(try await farm.refusal(of: try await farm.forge(claims: claims)) == .otherArtifact)
        }
    }

    @Test(
        "a digest, an id or a number of uses of another form is refused",
        arguments: [
            ("dig", #""sha-256:00""#), ("dig", #""md5:00""#), ("dig", "1"), ("jti", #""x""#), ("jti", "1"),
            ("max", "0"), ("max", "-1"), ("max", #""1""#), ("rev", "-1"), ("rev", #""1""#), ("sub", "1"),
        ])
    func refusesForms(_ claim: String, _ value: String) async throws {
        let farm = try await TokenFixture()
        let token = try await farm.forge(claims: farm.claims(claim, value))
        #expect(try await farm.refusal(of: token) == Self.wrongClaim)
    }

    @Test("a token of a mebibyte is refused for its length")
    func refusesLongTokens() async throws {
        let farm = try await TokenFixture()
        let long = TokenRefusal.malformed(reason: "it is too long")
        for text in [String(repeating: "A", count: 1 << 20), String(repeating: ".", count: 1 << 20)] {
            #expect(try await farm.refusal(of: text) == long)
        }
    }

    @Test("padding, white space and the other alphabet of base64 are refused")
    func refusesSpellings() async throws {
        let farm = try await TokenFixture()
        // Signatures are as good as random, so a few tokens have the characters in which the alphabets differ.
        var token = try await farm.issue()
        while !token.contains("-") || !token.contains("_") { token = try await farm.issue() }
        let spellings = [
            token + "=", token + "==", token.split(separator: ".").joined(separator: "=."), token + "\n", " " + token,
            token.split(separator: "-").joined(separator: "+"), token.split(separator: "_").joined(separator: "/"),
        ]
        for spelling in spellings { #expect(try await farm.refusal(of: spelling) == Self.noParts) }
        #expect(try await farm.refusal(of: token) == nil)
    }
}
