import Crypto
import TestSupport
import Testing

@Suite struct Ed25519Tests {
    @Test(
        "keys and signatures are RFC 8032's",
        arguments: [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
        ])
    func vectors(seed: String, publicKey: String, message: String, signature: String) throws {
        let key = try Ed25519.PrivateKey(seed: SecretBytes(try #require(Hex.decode(seed))))
        let message = try #require(Hex.decode(message))
        #expect(Hex.encode(key.publicKey.bytes) == publicKey)
        #expect(Hex.encode(try key.signature(of: message)) == signature)
        #expect(key.publicKey.isValid(try #require(Hex.decode(signature)), of: message))
    }

    @Test("openssl takes our signatures")
    func againstOpenSSL() async throws {
        try await withTemporaryDirectory { path in
            let key = try key(5)
            let message = SeededRandom(seed: 5).bytes(1_000)
            // RFC 8410: a SubjectPublicKeyInfo is this prefix and the key.
            let prefix = try #require(Hex.decode("302a300506032b6570032100"))
            try writeFile(path + "/key.der", prefix + key.publicKey.bytes)
            try writeFile(path + "/message", message)
            try writeFile(path + "/signature", try key.signature(of: message))
            let arguments = [
                "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", path + "/key.der", "-rawin", "-in",
                path + "/message", "-sigfile", path + "/signature",
            ]
            #expect(try run("openssl", arguments).text == "Signature Verified Successfully\n")
            try writeFile(path + "/message", message + [0])
            #expect(try run("openssl", arguments).status != 0)
        }
    }

    @Test("no changed bit of a signature, a message or a key is accepted")
    func bits() throws {
        let key = try key(1)
        let message = Array("the message".utf8)
        let signature = try key.signature(of: message)
        for bit in 0..<512 { #expect(!key.publicKey.isValid(flipping(bit, in: signature), of: message)) }
        for bit in 0..<(message.count * 8) {
            #expect(!key.publicKey.isValid(signature, of: flipping(bit, in: message)))
        }
        for bit in 0..<256 {
            let other = try Ed25519.PublicKey(bytes: flipping(bit, in: key.publicKey.bytes))
            #expect(!other.isValid(signature, of: message))
        }
        #expect(key.publicKey.isValid(signature, of: message))
    }

    @Test("a signature has 64 bytes and one form")
    func malleability() throws {
        let key = try key(2)
        let message = Array("x".utf8)
        let signature = try key.signature(of: message)
        for count in 0..<64 { #expect(!key.publicKey.isValid(Array(signature.prefix(count)), of: message)) }
        #expect(!key.publicKey.isValid(signature + [0], of: message))
        #expect(!key.publicKey.isValid([UInt8](repeating: 0, count: 64), of: message))
        // S plus the group's order is the same point on the curve; RFC 8032 has it refused.
        let order = try #require(Hex.decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"))
        var carry = 0
        var other = signature
        for index in 0..<32 {
            let sum = Int(signature[32 + index]) + Int(order[index]) + carry
            other[32 + index] = UInt8(sum & 255)
            carry = sum >> 8
        }
        try #require(carry == 0)
        #expect(!key.publicKey.isValid(other, of: message))
        #expect(key.publicKey.isValid(signature, of: message))
    }

    @Test("another's key verifies nothing, and the same key signs the same bytes")
    func keys() throws {
        let message = Array("x".utf8)
        let signature = try key(3).signature(of: message)
        #expect(try !key(4).publicKey.isValid(signature, of: message))
        #expect(try key(3).signature(of: message) == signature)
        #expect(try key(3).publicKey == key(3).publicKey)
    }

    @Test(
        "a public key of zeros or with no point on the curve accepts nothing", arguments: [0x00, 0x02, 0xFF] as [UInt8])
    func oddKeys(byte: UInt8) throws {
        let odd = try Ed25519.PublicKey(bytes: [UInt8](repeating: byte, count: 32))
        #expect(try !odd.isValid(key(1).signature(of: [1]), of: [1]))
    }

    @Test("seeds and keys of other lengths are refused", arguments: [0, 31, 33, 64])
    func badLengths(count: Int) {
        let bytes = [UInt8](repeating: 1, count: count)
        #expect(throws: CryptoError.badLength(what: "an Ed25519 seed", expected: 32, found: count)) {
            try Ed25519.PrivateKey(seed: SecretBytes(bytes))
        }
        #expect(throws: CryptoError.badLength(what: "an Ed25519 public key", expected: 32, found: count)) {
            try Ed25519.PublicKey(bytes: bytes)
        }
    }

    private func key(_ byte: UInt8) throws -> Ed25519.PrivateKey {
        try Ed25519.PrivateKey(seed: SecretBytes([UInt8](repeating: byte, count: 32)))
    }

    private func flipping(_ bit: Int, in bytes: [UInt8]) -> [UInt8] {
        var changed = bytes
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        return changed
    }
}
