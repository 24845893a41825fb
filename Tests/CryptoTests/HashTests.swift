import Crypto
import TestSupport
import Testing

@Suite struct HashTests {
    @Test(
        "SHA-256 and SHA-1 give the digests of FIPS 180-4's examples",
        arguments: [
            (
                "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709"
            ),
            (
                "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "a9993e364706816aba3e25717850c26c9cd0d89d"
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                "34aa973cd4c4daa4f61eeb2bdbad27316534016f"
            ),
        ])
    func vectors(text: String, sha256: String, sha1: String) {
        #expect(SHA256Digest(of: Array(text.utf8)).hex == sha256)
        #expect(Hex.encode(Hash.digest(of: Array(text.utf8), .sha256)) == sha256)
        #expect(Hex.encode(Hash.digest(of: Array(text.utf8), .sha1)) == sha1)
    }

    @Test("the pieces in which a hash is fed do not matter, and openssl agrees", arguments: [63, 64, 65, 10_000])
    func pieces(count: Int) throws {
        let random = SeededRandom(seed: UInt64(count))
        let content = random.bytes(count)
        let hash = Hash(.sha256)
        var rest = content[...]
        while !rest.isEmpty {
            let length = random.below(130)
            hash.update(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        let digest = SHA256Digest(finishing: hash)
        #expect(digest == SHA256Digest(of: content))
        #expect(try run("openssl", ["dgst", "-sha256", "-r"], input: content).text.hasPrefix(digest.hex + " "))
    }

    @Test("hashes of several threads do not mix")
    func concurrent() async {
        await withTaskGroup { group in
            for number in 0..<50 {
                group.addTask {
                    let content = [UInt8](repeating: UInt8(number), count: 50_000)
                    let hash = Hash(.sha256)
                    for start in stride(from: 0, to: 50_000, by: 1_000) {
                        hash.update(Array(content[start..<start + 1_000]))
                    }
                    #expect(SHA256Digest(finishing: hash) == SHA256Digest(of: content))
                }
            }
        }
    }

    @Test("a digest is read back from its one spelling only")
    func spelling() {
        let digest = SHA256Digest(of: [1, 2, 3])
        #expect(SHA256Digest(hex: digest.hex) == digest)
        #expect(SHA256Digest(bytes: digest.bytes) == digest)
        #expect(digest.description == digest.hex)
        #expect(SHA256Digest(hex: digest.hex.uppercased()) == nil)
        #expect(SHA256Digest(hex: String(digest.hex.dropLast())) == nil)
        #expect(SHA256Digest(hex: String(digest.hex.dropLast(2))) == nil)
        #expect(SHA256Digest(hex: digest.hex + "00") == nil)
        #expect(SHA256Digest(hex: " " + digest.hex.dropLast()) == nil)
        #expect(SHA256Digest(bytes: Array(digest.bytes.dropLast())) == nil)
        #expect(SHA256Digest(bytes: digest.bytes + [0]) == nil)
        #expect(SHA256Digest(bytes: []) == nil)
    }
}
