import Crypto
import Foundation
import Keyring
import System
import TestSupport
import Testing

@Suite struct MasterKeyTests {
    private static let digits = String(repeating: "0123456789abcdef", count: 4)

    private func write(_ path: String, _ text: String = digits + "\n", mode: Int = 0o600) throws {
        try writeFile(path, Array(text.utf8), mode: mode)
    }

    @Test("a key that was made is loaded as the same one")
    func createsAndLoads() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/keys/master.key"
            let made = try MasterKey.create(at: path)
            let loaded = try MasterKey.load(from: path)
            #expect(made.derive(purpose: "test/1") == loaded.derive(purpose: "test/1"))
        }
    }

    @Test("the file is 65 bytes of mode 0600 in a folder of mode 0700")
    func fileForm() async throws {
        try await withTemporaryDirectory { folder in
            _ = try MasterKey.create(at: folder + "/keys/master.key", random: SeededRandom(seed: 1).source)
            let secret = SeededRandom(seed: 1).source.bytes(32)
            #expect(try contentOfFile(folder + "/keys/master.key") == Array(Hex.encode(secret).utf8) + [0x0A])
            let keys = try Directory.open(folder + "/keys")
            #expect(try keys.status().mode == 0o700)
            #expect(try keys.status(of: "master.key")?.mode == 0o600)
        }
    }

    @Test("each purpose gives other bytes, of the length that is asked for")
    func derives() async throws {
        try await withTemporaryDirectory { folder in
            let key = try MasterKey.create(at: folder + "/master.key")
            #expect(key.derive(purpose: "test/1") != key.derive(purpose: "test/2"))
            #expect(key.derive(purpose: "test/1").count == 32)
            #expect(key.derive(purpose: "test/1", byteCount: 12).count == 12)
        }
    }

    @Test("a key is never written over", arguments: ["key", "empty file", "dangling link"])
    func refusesPresent(_ present: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            switch present {
            case "key": try write(path)
            case "empty file": try write(path, "")
            default: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "nowhere")
            }
            #expect(throws: KeyringError.keyFileAlreadyThere(path: path)) { try MasterKey.create(at: path) }
            #expect(filesBelow(folder) == ["master.key"])
            if present == "key" { #expect(try contentOfFile(path) == Array((Self.digits + "\n").utf8)) }
        }
    }

    @Test("no key is made in a folder that others can enter")
    func refusesCreatingInOpenFolder() async throws {
        try await withTemporaryDirectory { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o750], ofItemAtPath: folder)
            #expect(throws: KeyringError.exposed(path: folder, mode: 0o750, expected: 0o700)) {
                try MasterKey.create(at: folder + "/master.key")
            }
            #expect(filesBelow(folder) == [])
        }
    }

    @Test("a disk that fails leaves no half key", arguments: [DiskOperation.write, .sync])
    func leavesNoHalfKey(_ failing: DiskOperation) async throws {
        try await withTemporaryDirectory { folder in
            let faults = DiskFaults { operation, path throws(SystemError) in
                if operation == failing { throw SystemError(operation: "test", path: path, code: ENOSPC) }
            }
            let path = folder + "/master.key"
            #expect(throws: KeyringError.disk(SystemError(operation: "test", path: path, code: ENOSPC))) {
                try MasterKey.create(at: path, faults: faults)
            }
            #expect(filesBelow(folder) == [])
        }
    }

    @Test("a missing file or folder is a missing key", arguments: ["master.key", "none/master.key"])
    func refusesMissing(_ name: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/" + name
            #expect(throws: KeyringError.keyFileMissing(path: path)) { try MasterKey.load(from: path) }
        }
    }

    @Test("a file that grants anything to others is refused", arguments: [0o601, 0o602, 0o604, 0o610, 0o620, 0o640])
    func refusesExposedFile(_ mode: Int) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            try write(path, mode: mode)
            #expect(throws: KeyringError.exposed(path: path, mode: UInt16(mode), expected: 0o600)) {
                try MasterKey.load(from: path)
            }
        }
    }

    @Test("a folder that grants anything to others is refused", arguments: [0o701, 0o710, 0o755, 0o770])
    func refusesExposedFolder(_ mode: Int) async throws {
        try await withTemporaryDirectory { folder in
            try write(folder + "/master.key")
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder)
            #expect(throws: KeyringError.exposed(path: folder, mode: UInt16(mode), expected: 0o700)) {
                try MasterKey.load(from: folder + "/master.key")
            }
        }
    }

    @Test("a link to a key is refused")
    func refusesLink() async throws {
        try await withTemporaryDirectory { folder in
            try write(folder + "/real.key")
            let path = folder + "/master.key"
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "real.key")
            #expect(throws: KeyringError.notAPlainFile(path: path, found: "symbolic link")) {
                try MasterKey.load(from: path)
            }
        }
    }

    @Test("a key with a second name is refused")
    func refusesHardLink() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            try write(path)
            try FileManager.default.linkItem(atPath: path, toPath: folder + "/second.key")
            #expect(throws: KeyringError.notAPlainFile(path: path, found: "file with several names")) {
                try MasterKey.load(from: path)
            }
        }
    }

    @Test("a pipe is refused without waiting for a writer")
    func refusesPipe() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            try #require(mkfifo(path, 0o600) == 0)
            #expect(throws: KeyringError.notAPlainFile(path: path, found: "named pipe")) {
                try MasterKey.load(from: path)
            }
        }
    }

    @Test("another user's key is refused")
    func refusesOwner() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            try write(path)
            let owner = CurrentProcess.userIdentifier
            #expect(throws: KeyringError.wrongOwner(path: path, found: owner, expected: owner + 1)) {
                try MasterKey.load(from: path, owner: owner + 1)
            }
        }
    }

    @Test(
        "a file that is not 64 lower-case digits and a newline is refused",
        arguments: [
            "", "\n", digits, String(digits.dropLast()) + "\n", digits + "\n\n", digits + "0\n",
            digits.uppercased() + "\n", String(digits.dropLast()) + "g\n", digits + " ", " " + digits,
            String(repeating: "0", count: 1 << 20),
        ])
    func refusesMalformed(_ text: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/master.key"
            try write(path, text)
            #expect(throws: KeyringError.malformedKeyFile(path: path, byteCount: Int64(text.utf8.count))) {
                try MasterKey.load(from: path)
            }
        }
    }
}
