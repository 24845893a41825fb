import TestSupport
import Testing

@testable import FlatPackage

@Suite struct ChecksumTests {
    @Test(
        "cksum gives the values of the POSIX utility",
        arguments: [("", 4_294_967_295), ("a", 1_220_704_766), ("123456789", 930_766_865)] as [(String, UInt32)])
    func knownValues(text: String, value: UInt32) {
        #expect(POSIXChecksum(of: bytes(text)).value == value)
    }

    @Test("eight bytes at a time come to what one bit at a time comes to, at every length and offset")
    func againstTheDefinition() {
        let content = noise(80)
        for start in 0..<9 {
            for end in start...content.count {
                let part = Array(content[start..<end])
                let fast = content.withUnsafeBytes { buffer in
                    var checksum = POSIXChecksum()
                    checksum.update(UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
                    return checksum.value
                }
                #expect(fast == bitwise(part))
            }
        }
    }

    @Test("pieces of any size come to the checksum of the whole")
    func pieces() {
        let content = noise(5000)
        let random = SeededRandom(seed: 5)
        var checksum = POSIXChecksum()
        var rest = content[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(1 + random.below(40)))
            piece.withUnsafeBytes { checksum.update($0) }
            rest = rest.dropFirst(piece.count)
        }
        #expect(checksum.value == bitwise(content))
    }

    /// The definition, one bit after another.
    private func bitwise(_ content: [UInt8]) -> UInt32 {
        var length: [UInt8] = []
        var count = content.count
        while count > 0 {
            length.append(UInt8(truncatingIfNeeded: count))
            count >>= 8
        }
        var register: UInt32 = 0
        for byte in content + length {
            for bit in (0..<8).reversed() {
                let top = (register >> 31) ^ UInt32(byte >> UInt8(bit) & 1)
                register = register << 1 ^ (top == 1 ? 0x04C1_1DB7 : 0)
            }
        }
        return ~register
    }
}
