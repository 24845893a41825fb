import Crypto
import TestSupport
import Testing

@Suite struct SecretBytesTests {
    private static let canary = "correct horse battery staple"

    @Test("no way of showing a value shows a secret, alone or inside others")
    func nothingShown() throws {
        let secret = SecretBytes(Self.canary)
        let cipher = try AuthenticatedCipher(key: deriveKey(secret, purpose: "x"))
        let signer = try Ed25519.PrivateKey(seed: deriveKey(secret, purpose: "x"))
        let holder = Holder(secret: secret, optional: secret, list: [secret], table: ["key": secret])
        var shown = ""
        for value in [secret, [secret], holder, cipher, signer, Optional(secret) as Any, (secret, 1)] as [Any] {
            shown += "\(value)" + String(describing: value) + String(reflecting: value)
            dump(value, to: &shown)
            shown += describe(Mirror(reflecting: value))
        }
        #expect(shown.contains("(secret)"))
        let forbidden =
            spellings(Array(Self.canary.utf8)) + spellings(deriveKey(secret, purpose: "x").copyBytes())
        for spelling in forbidden { #expect(!shown.contains(spelling), "\(spelling)") }
    }

    @Test("an error says nothing of the secret that it is about")
    func errors() {
        #expect(throws: CryptoError.badLength(what: "an AES-256 key", expected: 32, found: Self.canary.utf8.count)) {
            try AuthenticatedCipher(key: SecretBytes(Self.canary))
        }
        let error = CryptoError.badLength(what: "an AES-256 key", expected: 32, found: 28)
        #expect(error.description == "an AES-256 key has 28 bytes, expected 32")
        #expect(CryptoError.authenticationFailed.description.contains("do not open"))
    }

    @Test("a secret gives back its bytes, lent and copied", arguments: [0, 1, 32, 100_000])
    func bytes(count: Int) {
        let bytes = SeededRandom(seed: UInt64(count)).bytes(count)
        let secret = SecretBytes(bytes)
        #expect(secret.count == count)
        #expect(secret.copyBytes() == bytes)
        #expect(secret.withBytes { Array($0) } == bytes)
    }

    @Test("a text is kept as its UTF-8")
    func text() {
        #expect(SecretBytes("e\u{301}\0").copyBytes() == [0x65, 0xCC, 0x81, 0])
    }

    @Test("secrets are equal when their bytes are")
    func equality() {
        #expect(SecretBytes("abc") == SecretBytes("abc"))
        #expect(SecretBytes([]) == SecretBytes([]))
        #expect(SecretBytes("abc") != SecretBytes("abd"))
        #expect(SecretBytes("abc") != SecretBytes("ab"))
        #expect(SecretBytes("\u{E9}") != SecretBytes("e\u{301}"))
    }

    @Test("bytes are compared whole")
    func constantTime() {
        let bytes = SeededRandom(seed: 4).bytes(64)
        #expect(constantTimeEqual(bytes, bytes))
        #expect(constantTimeEqual([], []))
        #expect(!constantTimeEqual(bytes, bytes + [0]))
        #expect(!constantTimeEqual(bytes, []))
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 1
            #expect(!constantTimeEqual(bytes, other))
        }
    }

    @Test("an error of the borrower passes through")
    func borrowing() {
        let secret = SecretBytes("abc")
        #expect(throws: CryptoError.authenticationFailed) {
            try secret.withBytes { _ throws(CryptoError) in throw CryptoError.authenticationFailed }
        }
    }

    private struct Holder {
        let secret: SecretBytes
        let optional: SecretBytes?
        let list: [SecretBytes]
        let table: [String: SecretBytes]
    }

    /// The bytes as they could turn up in a text.
    private func spellings(_ bytes: [UInt8]) -> [String] {
        [
            String(decoding: bytes, as: UTF8.self), Hex.encode(bytes), Hex.encode(bytes).uppercased(),
            Base64URL.encode(bytes), bytes.prefix(8).map { String($0) }.joined(separator: ", "),
            bytes.prefix(4).map { "- \($0)" }.joined(separator: "\n"),
        ]
    }

    private func describe(_ mirror: Mirror) -> String {
        mirror.children.map { "\($0.label ?? "") \($0.value)" + describe(Mirror(reflecting: $0.value)) }.joined()
            + (mirror.superclassMirror.map(describe) ?? "")
    }
}
