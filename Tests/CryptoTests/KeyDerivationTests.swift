import Crypto
import TestSupport
import Testing

@Suite struct KeyDerivationTests {
    @Test(
        "HMAC-SHA256 gives RFC 4231's codes",
        arguments: [
            (
                String(repeating: "0b", count: 20), "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                "0102030405060708090a0b0c0d0e0f10111213141516171819", String(repeating: "cd", count: 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
            ),
            (
                String(repeating: "aa", count: 131),
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                String(repeating: "aa", count: 131),
                "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ])
    func hmac(key: String, message: String, code: String) throws {
        let key = SecretBytes(try #require(Hex.decode(key)))
        #expect(Hex.encode(hmacSHA256(key: key, try #require(Hex.decode(message)))) == code)
    }

    @Test("an empty key and an empty message have a code")
    func emptyHMAC() {
        #expect(
            Hex.encode(hmacSHA256(key: SecretBytes([]), []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("HKDF-SHA256 gives RFC 5869's bytes for the case without salt")
    func hkdfVector() {
        let key = SecretBytes([UInt8](repeating: 0x0B, count: 22))
        #expect(
            Hex.encode(deriveKey(key, purpose: "", byteCount: 42).copyBytes())
                == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    }

    @Test("HKDF-SHA256 gives openssl's bytes for any length", arguments: [1, 31, 32, 33, 64, 255, 8_159, 8_160])
    func hkdfAgainstOpenSSL(byteCount: Int) throws {
        let key = SeededRandom(seed: UInt64(byteCount)).bytes(32)
        let derived = deriveKey(SecretBytes(key), purpose: "sealing é", byteCount: byteCount)
        let result = try run(
            "openssl",
            [
                "kdf", "-binary", "-keylen", String(byteCount), "-kdfopt", "digest:SHA256", "-kdfopt",
                "hexkey:" + Hex.encode(key), "-kdfopt", "hexinfo:" + Hex.encode(Array("sealing é".utf8)), "HKDF",
            ])
        #expect(result.errorText == "")
        #expect(derived.copyBytes() == result.output)
        #expect(derived.count == byteCount)
    }

    @Test("another purpose or another key gives other bytes, the same give the same")
    func separation() {
        let key = SecretBytes([UInt8](repeating: 1, count: 32))
        let other = SecretBytes([UInt8](repeating: 2, count: 32))
        let purposes = ["", "a", "b", "a\0", "ab", "e\u{301}", "\u{E9}"]
        let derived = purposes.map { deriveKey(key, purpose: $0).copyBytes() }
        #expect(Set(derived).count == purposes.count)
        #expect(deriveKey(other, purpose: "a").copyBytes() != derived[1])
        #expect(deriveKey(key, purpose: "a").copyBytes() == derived[1])
    }
}
