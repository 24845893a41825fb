import Crypto
import TestSupport
import Testing

@Suite struct AuthenticatedCipherTests {
    @Test(
        "AES-256-GCM gives the published test cases 13, 14 and 15",
        arguments: [
            (
                String(repeating: "00", count: 32), String(repeating: "00", count: 12), "",
                "530f8afbc74536b9a963b4f1c4cb738b"
            ),
            (
                String(repeating: "00", count: 32), String(repeating: "00", count: 12),
                String(repeating: "00", count: 16),
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
            ),
            (
                String(repeating: "feffe9928665731c6d6a8f9467308308", count: 2), "cafebabefacedbaddecaf888",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                    + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                    + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                    + "b094dac5d93471bdec1a502270e3cc6c"
            ),
        ])
    func vectors(key: String, nonce: String, message: String, sealed: String) throws {
        let cipher = try AuthenticatedCipher(key: SecretBytes(try #require(Hex.decode(key))))
        let nonceBytes = try #require(Hex.decode(nonce))
        let messageBytes = try #require(Hex.decode(message))
        let bytes = try cipher.seal(SecretBytes(messageBytes), context: "", nonce: nonceBytes)
        #expect(Hex.encode(bytes) == nonce + sealed)
        #expect(try cipher.open(bytes, context: "").copyBytes() == messageBytes)
    }

    @Test("with a context, the bytes are those of another implementation", arguments: [0, 1, 15, 16, 17, 100])
    func againstPython(count: Int) throws {
        // GCM from its definition (SP 800-38D): openssl's AES for single blocks, everything else in Python's integers.
        let python = """
            import subprocess, sys
            key, nonce, message, context = (bytes.fromhex(a[1:]) for a in sys.argv[1:])
            def aes(block):
                return subprocess.run(["openssl", "enc", "-aes-256-ecb", "-nopad", "-K", key.hex()], input=block,
                                      capture_output=True, check=True).stdout
            number = lambda b: int.from_bytes(b, "big")
            def multiply(x, y):
                z = 0
                for bit in range(127, -1, -1):
                    if (x >> bit) & 1: z ^= y
                    y = (y >> 1) ^ (0xE1 << 120) if y & 1 else y >> 1
                return z
            pad = lambda b: b + bytes(-len(b) % 16)
            blocks = lambda b: [b[i:i + 16] for i in range(0, len(b), 16)]
            counter = lambda n: nonce + n.to_bytes(4, "big")
            stream = b"".join(aes(counter(i + 2)) for i in range(len(blocks(pad(message)))))
            sealed = bytes(a ^ b for a, b in zip(message, stream))
            hash = 0
            lengths = (len(context) * 8).to_bytes(8, "big") + (len(sealed) * 8).to_bytes(8, "big")
            for block in blocks(pad(context) + pad(sealed) + lengths):
                hash = multiply(hash ^ number(block), number(aes(bytes(16))))
            tag = hash ^ number(aes(counter(1)))
            print((nonce + sealed + tag.to_bytes(16, "big")).hex())
            """
        let random = SeededRandom(seed: UInt64(count))
        let key = random.bytes(32)
        let nonce = random.bytes(12)
        let message = random.bytes(count)
        let context = "generation 7 é " + String(repeating: "x", count: count)
        // A letter before each, since an empty argument may get lost.
        let arguments = [key, nonce, message, Array(context.utf8)].map { "x" + Hex.encode($0) }
        let result = try run("python3", ["-c", python] + arguments)
        #expect(result.errorText == "")
        let sealed = try AuthenticatedCipher(key: SecretBytes(key)).seal(
            SecretBytes(message), context: context, nonce: nonce)
        #expect(Hex.encode(sealed) + "\n" == result.text)
    }

    @Test("no changed bit opens, wherever it is")
    func bits() throws {
        let (cipher, sealed) = try sample()
        for bit in 0..<(sealed.count * 8) {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: CryptoError.authenticationFailed) { try cipher.open(changed, context: "context") }
        }
    }

    @Test("no part and no continuation opens")
    func lengths() throws {
        let (cipher, sealed) = try sample()
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.authenticationFailed) {
                try cipher.open(Array(sealed.prefix(count)), context: "context")
            }
        }
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(sealed + [0], context: "context") }
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open([0] + sealed, context: "context") }
    }

    @Test(
        "another context or another key does not open", arguments: ["", "Context", "context ", "contex", "context\0"])
    func otherContext(context: String) throws {
        let (cipher, sealed) = try sample()
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(sealed, context: context) }
        let other = try AuthenticatedCipher(key: SecretBytes([UInt8](repeating: 8, count: 32)))
        #expect(throws: CryptoError.authenticationFailed) { try other.open(sealed, context: "context") }
    }

    @Test("contexts that look alike and have other bytes are different ones")
    func normalisation() throws {
        let (cipher, _) = try sample()
        let sealed = try cipher.seal(SecretBytes("x"), context: "\u{E9}", nonce: [UInt8](repeating: 1, count: 12))
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(sealed, context: "e\u{301}") }
    }

    @Test("messages of any length come back, and a failure before does no harm", arguments: [0, 1, 16, 1_000_000])
    func roundTrip(count: Int) throws {
        let (cipher, _) = try sample()
        let message = SeededRandom(seed: 9).bytes(count)
        let sealed = try cipher.seal(SecretBytes(message), context: "c", nonce: [UInt8](repeating: 2, count: 12))
        #expect(sealed.count == count + 28)
        #expect(throws: CryptoError.authenticationFailed) { try cipher.open(sealed, context: "d") }
        #expect(try cipher.open(sealed, context: "c") == SecretBytes(message))
    }

    @Test("keys and nonces of other lengths are refused", arguments: [0, 11, 13, 16, 24, 31, 33, 64])
    func badLengths(count: Int) throws {
        let bytes = [UInt8](repeating: 0, count: count)
        #expect(throws: CryptoError.badLength(what: "an AES-256 key", expected: 32, found: count)) {
            try AuthenticatedCipher(key: SecretBytes(bytes))
        }
        let (cipher, _) = try sample()
        #expect(throws: CryptoError.badLength(what: "a nonce", expected: 12, found: count)) {
            try cipher.seal(SecretBytes("x"), context: "", nonce: bytes)
        }
    }

    private func sample() throws -> (AuthenticatedCipher, [UInt8]) {
        let cipher = try AuthenticatedCipher(key: SecretBytes([UInt8](repeating: 7, count: 32)))
        let nonce = (0..<12).map { UInt8($0) }
        return (cipher, try cipher.seal(SecretBytes("the message"), context: "context", nonce: nonce))
    }
}
