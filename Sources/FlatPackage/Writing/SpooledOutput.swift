import Crypto
import System

/// Takes the bytes of a member as they are made: in memory while they are few, then in a file; digests on the way.
final class SpooledOutput {
    /// Up to this many bytes stay in memory.
    static let memoryLimit = 1 << 20

    private let scratch: Directory
    private var held: [UInt8] = []
    private var file: File?
    private var byteCount: Int64 = 0
    private let sha1 = Hash(.sha1)
    private let sha256 = Hash(.sha256)

    init(scratch: Directory) { self.scratch = scratch }

    func write(_ bytes: [UInt8]) throws(PackageError) {
        try bytes.withRawBytes { (bytes) throws(PackageError) in try write(bytes) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(PackageError) {
        sha1.update(bytes)
        sha256.update(bytes)
        byteCount += Int64(bytes.count)
        if file == nil, held.count + bytes.count > Self.memoryLimit {
            let file = try makeNamelessFile()
            try onDisk { () throws(SystemError) in try file.write(held) }
            held = []
            self.file = file
        }
        if let file {
            try onDisk { () throws(SystemError) in try file.write(bytes) }
        } else {
            held.append(contentsOf: bytes)
        }
    }

    /// What was written. The output is used up.
    func finish() -> (body: any ByteSource, digests: MemberDigests) {
        let digests = MemberDigests(byteCount: byteCount, sha1: sha1.finish(), sha256: sha256.finish())
        if let file { return (FileSource(file, byteCount: byteCount), digests) }
        return (BytesSource(held), digests)
    }

    /// A file that lost its name at once: it goes when the last reference to it goes, however the process ends, and
    /// two packages assembled in one folder cannot meet.
    private func makeNamelessFile() throws(PackageError) -> File {
        var number = 0
        while true {
            let name = "member-\(number)"
            do {
                let file = try scratch.createFile(name)
                try scratch.remove(name)
                return file
            } catch  where error.isAlreadyThere && number < 1000 {
                number += 1
            } catch {
                throw .storage(error)
            }
        }
    }
}

/// Size and checksums of some bytes.
struct MemberDigests: Equatable, Sendable {
    let byteCount: Int64
    let sha1: [UInt8]
    let sha256: [UInt8]

    init(byteCount: Int64, sha1: [UInt8], sha256: [UInt8]) {
        self.byteCount = byteCount
        self.sha1 = sha1
        self.sha256 = sha256
    }

    init(of bytes: [UInt8]) {
        self.init(
            byteCount: Int64(bytes.count), sha1: Hash.digest(of: bytes, .sha1),
            sha256: Hash.digest(of: bytes, .sha256))
    }
}
