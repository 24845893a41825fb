import TestSupport

extension SeededRandom {
    /// The next `count` bytes.
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
